"""A long JSON list, item by item."""

from __future__ import annotations

import io
import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import json_stream
from airflow_clickmeeting.api.json_stream import items_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def small_pieces(mocker):
    """Have files read in pieces that cut through numbers, texts and characters."""
    mocker.patch.object(json_stream, "CHUNK_SIZE", 3)


def read(text: str) -> list:
    return list(items_of(io.BytesIO(text.encode("utf-8", "surrogatepass"))))


@given(st.lists(values, max_size=6), st.sampled_from([None, 2]), st.booleans(), st.integers(1, 9))
def test_the_items_are_those_of_the_list_parsed_whole(items, indent, ascii_only, piece):
    text = f" {json.dumps(items, indent=indent, ensure_ascii=ascii_only)}\n"
    # the fixture mocker would undo the patch only after the last example
    with patch.object(json_stream, "CHUNK_SIZE", piece):
        assert read(text) == items


objects = st.dictionaries(st.text(), values | st.sampled_from(["},", '"},{"', "}]"]) | st.floats(), max_size=3)


@given(st.lists(objects, max_size=9), st.sampled_from([(",", ":"), None]), st.booleans(), st.integers(1, 60))
def test_the_objects_are_those_of_the_list_parsed_whole(items, separators, ascii_only, piece):
    text = json.dumps(items, separators=separators, ensure_ascii=ascii_only)
    with patch.object(json_stream, "CHUNK_SIZE", piece):
        assert repr(read(text)) == repr(items)


@pytest.mark.parametrize("damage", ["oops", "{", '{"id": 3', '{"id": 3}', '{"id": 3},', '{"id": 3}, ]', "]]"])
@pytest.mark.parametrize("size", [3, 1000])
def test_objects_before_a_damage_come_first(mocker, damage, size):
    mocker.patch.object(json_stream, "CHUNK_SIZE", size)
    found = []
    with pytest.raises(ValueError):
        found.extend(items_of(io.BytesIO(f'[{{"id":1}},{{"id":2}},{damage}'.encode())))
    assert found[:2] == [{"id": 1}, {"id": 2}]


@pytest.mark.usefixtures("small_pieces")
def test_items_come_before_the_rest_is_read():
    file = io.BytesIO(b'[{"id": 1}, {"id": 2}, ' + b" " * 1000 + b"]")
    items = items_of(file)
    assert next(items) == {"id": 1}
    assert file.tell() < 20


def test_a_list_can_be_walked_again():
    file = io.BytesIO(b"[1, 2]")
    assert list(items_of(file)) == list(items_of(file)) == [1, 2]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("text", ["", "{}", "12", "[", "[1", "[1,", "[1, ]", "[1 2]", '["a', "[1}", "[1] 2", "[] ["])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(ValueError):
        read(text)


@pytest.mark.usefixtures("small_pieces")
def test_an_error_in_the_middle_does_not_make_it_read_all_the_rest(mocker):
    mocker.patch.object(json_stream, "MAX_ITEM", 30)
    file = io.BytesIO(b"[1, oops, " + b"2, " * 1000 + b"3]")
    with pytest.raises(ValueError):
        list(items_of(file))
    assert file.tell() < 100


def test_an_item_that_is_nested_too_deeply_is_refused():
    text = b"[" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]"
    with pytest.raises(ValueError, match="nested too deeply"):
        list(items_of(io.BytesIO(text)))
