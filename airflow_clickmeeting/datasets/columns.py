"""Define the columns of exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from airflow_clickmeeting.api.types import SECRET_KEYS
from airflow_clickmeeting.datasets.table import (
    Field,
    Item,
    Unknown,
    to_boolean,
    to_integer,
    to_nested,
    to_number,
    to_text,
    to_time,
    usual_booleans,
    usual_integers,
    usual_nested,
    usual_numbers,
    usual_texts,
    usual_times,
)

Type = Literal["text", "integer", "number", "boolean", "time", "json"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :param name: its name.
    :param read: returns its value from an item, or None; raises ValueError if the value does not fit the type.
    :param takes: the keys of an item that the column covers, also as `outer.inner`; keys that no column covers go into
        `extra`.
    :param type: the type of its values. Times are ISO 8601 texts in UTC, and JSON is text too.
    :param unit: the unit of its numbers, such as `s` or `bytes`.
    :param personal: the kind of personal data, such as `email`; the values of two columns of one kind can be compared.
    """

    name: str
    read: Callable[[Item], Any]
    takes: tuple[str, ...]
    type: Type = "text"
    unit: str | None = None
    personal: str | None = None


def text(name: str, *, personal: str | None = None) -> Column:
    """Make a column of texts."""
    return Column(name, Field(name, to_text, usual_texts), (name,), personal=personal)


def integer(name: str, *, unit: str | None = None) -> Column:
    """Make a column of whole numbers, which ClickMeeting may send as texts."""
    return Column(name, Field(name, to_integer, usual_integers), (name,), "integer", unit)


def number(name: str, *, unit: str | None = None) -> Column:
    """Make a column of numbers."""
    return Column(name, Field(name, to_number, usual_numbers), (name,), "number", unit)


def boolean(name: str) -> Column:
    """Make a column of booleans, which ClickMeeting may send as 0 and 1, or as texts."""
    return Column(name, Field(name, to_boolean, usual_booleans), (name,), "boolean")


def nested(name: str, *, personal: str | None = None) -> Column:
    """Make a column of nested data, as JSON without secrets."""
    return Column(name, Field(name, to_nested, usual_nested), (name,), "json", personal=personal)


def moment(name: str, *, copy: str | None = None) -> tuple[Column, Column]:
    """Make two columns for an instant: one in UTC, and one as ClickMeeting sends it, in the room's time zone.

    :param copy: the key of ClickMeeting's second copy, in UTC, which is used if the first is missing.
    """
    takes = (name, copy) if copy else (name,)
    read = _first_time(takes) if copy else Field(name, to_time, usual_times)
    return Column(f"{name}_utc", read, takes, "time"), text(name)


def _first_time(keys: Iterable[str]) -> Callable[[Item], str | None]:
    """Return a function that reads the instant of the first key that has one."""
    return lambda item: next((to_time(key, value) for key in keys if (value := item.get(key))), None)


def extra(columns: Iterable[Column], but: Iterable[str] = ()) -> Column:
    """Make the column of all keys that no other column covers, as JSON without secrets.

    :param but: keys to leave out, since they repeat other data.
    """
    takes = {key for column in columns for key in column.takes}
    known = SECRET_KEYS | {*but} | {key for key in takes if "." not in key}
    parts = frozenset((outer, inner) for outer, dot, inner in (key.partition(".") for key in takes) if dot)
    return Column("extra", Unknown(known, parts), (), "json", personal="extra")
