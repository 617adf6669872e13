"""Whole columns are converted to what their values are converted to one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.datasets import table
from airflow_clickmeeting.datasets.columns import boolean, extra, integer, moment, nested, number, text
from airflow_clickmeeting.datasets.definitions import ATTENDEES, REGISTRATIONS
from airflow_clickmeeting.datasets.pseudonyms import pseudonymised
from airflow_clickmeeting.datasets.table import cells_of

COLUMNS = {
    "text": text("key"),
    "integer": integer("key"),
    "number": number("key"),
    "boolean": boolean("key"),
    "time": moment("key")[0],
    "time with a copy": moment("key", copy="other")[0],
    "nested": nested("key"),
    "extra": extra([text("key"), text("other.inner")]),
}
numbers = st.integers() | st.sampled_from([0, 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1]) | st.floats()
times = st.sampled_from(
    ["2030-06-03T10:01:00+02:00", "2030-06-03 10:01:00", "", "yesterday", "9999-12-31T23:00:00-05:00"]
)
nests = st.sampled_from([[], {}, [1], {"inner": 1, "token": "hush"}])
usual = [st.text(), st.integers(-9, 9), st.floats(-9, 9), st.booleans(), times, st.just([])]
values = st.one_of(numbers, times, nests, st.none(), st.booleans(), st.text(), st.sampled_from(["5", "true", "0"]))
#: columns of one type and None, as ClickMeeting sends them, and columns of anything
columns = st.one_of(*(st.lists(st.none() | each, min_size=1) for each in usual), st.lists(values, min_size=1))


def outcome(read) -> str:
    """Return what a function returns, with its types, or that it refuses the values."""
    try:
        return repr(read())
    except ValueError:
        return "refused"


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
@given(found=columns, others=columns)
def test_a_column_is_converted_as_its_values_are(column, found, others):
    items = [{"key": value, "other": other} for value, other in zip(found, others, strict=False)] + [{"key": found[0]}]
    assert outcome(lambda: list(cells_of(column.read)(items))) == outcome(lambda: [column.read(item) for item in items])


@given(
    st.lists(st.sampled_from([{"uid": 1}, {"uid": "1"}, {"rating": "x"}, {"email": "", "mood": "fine"}]), max_size=9)
)
def test_rows_are_the_same_in_batches_of_any_size(items):
    ids = {"room_id": 7, "session_id": 70}
    whole, found = [], []
    rows = list(ATTENDEES.rows(items, whole.append, ids))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "BATCH", 2)
        batches = list(ATTENDEES.batches(items, found.append, ids))
    assert [row for batch in batches for row in table.rows_of(batch)] == rows
    assert found == whole
    assert all((row["room_id"], row["session_id"]) == (7, 70) for row in rows)
    assert len({row["entry"] for row in rows}) == len(rows)


def test_a_row_that_cannot_be_read_is_named_by_its_place_in_the_whole_response():
    items = [{"rating": 1}] * 2500 + [{"rating": "good"}, {"rating": 2}]
    reasons: list[str] = []
    assert len(list(ATTENDEES.rows(items, reasons.append))) == 2501
    assert reasons == ["attendees, row 2501: rating must be a whole number; got 'good'."]


def test_ids_are_values_for_all_items():
    rows = REGISTRATIONS.rows([{"id": 1, "room_id": 8}, {"id": "x"}, {"id": 2}], print, {"room_id": 7})
    assert [(row["room_id"], row["id"]) for row in rows] == [(7, 1), (7, 2)]


def test_no_column_that_was_replaced_by_pseudonyms_is_read_as_it_came():
    items = [{"email": "ada@example.com", "nickname": "Ada", "polls": [1]}] * 3
    (batch,) = pseudonymised(ATTENDEES, ["email", "nickname"], "a key").batches(items)
    assert "ada" not in str(batch).lower()
    assert list(batch["polls"]) == [None] * 3
