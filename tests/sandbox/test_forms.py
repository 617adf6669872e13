from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from airflow_clickmeeting.sandbox.forms import flag, integer, items, nest


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("name=a&name=b", {"name": "b"}),
        ("settings[a]=1&settings[b]=0", {"settings": {"a": "1", "b": "0"}}),
        ("settings%5Ba%5D=1", {"settings": {"a": "1"}}),
        ("registration[1]=Ann&registration[3]=x", {"registration": {"1": "Ann", "3": "x"}}),
        ("a[0][b]=1&a[0][c]=2&a[1][b]=3", {"a": {"0": {"b": "1", "c": "2"}, "1": {"b": "3"}}}),
        ("a[][b]=1&a[][c]=2", {"a": {"0": {"b": "1"}, "1": {"c": "2"}}}),
        ("a[]=x&a[]=y&a[7]=z&a[]=w", {"a": {"0": "x", "1": "y", "7": "z", "8": "w"}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("[odd=1&=2", {"[odd": "1"}),
    ],
)
def test_brackets_are_read_as_php_does(sent, read):
    assert nest(parse_qsl(sent, keep_blank_values=True)) == read


@pytest.mark.parametrize("value", ["1", "true", "True", "yes", "on", 1, True])
def test_true(value):
    assert flag(value) is True


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "off", "", 0, False, None])
def test_false(value):
    assert flag(value) is False


def test_integers_are_read_up_to_the_first_letter():
    assert integer("1.json") == 1
    assert integer("-3x") == -3
    assert integer("x1") is None


def test_a_list_may_come_as_a_list_a_group_or_one_value():
    assert items(["a"]) == items({"0": "a"}) == items("a") == ["a"]
    assert items(None) == items("") == []
