"""Define columns of exports, and how each reads its value from an item of ClickMeeting's response."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache, partial
from typing import Any, Literal

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import SECRET_KEYS, without_secrets
from airflow_clickmeeting.api.validate import bad_argument, flag

Item = Mapping[str, Any]
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


def as_json(value: object) -> str | None:
    """Return nested data as JSON text for one cell; None if it is empty."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def text(name: str, *, personal: str | None = None) -> Column:
    """Make a column of texts."""
    return Column(name, partial(read_text, name), (name,), personal=personal)


def integer(name: str, *, unit: str | None = None) -> Column:
    """Make a column of whole numbers, which ClickMeeting may send as texts."""
    return Column(name, partial(read_integer, name), (name,), "integer", unit)


def number(name: str, *, unit: str | None = None) -> Column:
    """Make a column of numbers."""
    return Column(name, partial(_read_number, name), (name,), "number", unit)


def boolean(name: str) -> Column:
    """Make a column of booleans, which ClickMeeting may send as 0 and 1, or as texts."""
    return Column(name, partial(_read_boolean, name), (name,), "boolean")


def nested(name: str, *, personal: str | None = None) -> Column:
    """Make a column of nested data, as JSON without secrets."""
    return Column(name, partial(_read_nested, name), (name,), "json", personal=personal)


def moment(name: str, *, copy: str | None = None) -> tuple[Column, Column]:
    """Make two columns for an instant: one in UTC, and one as ClickMeeting sends it, in the room's time zone.

    :param copy: the key of ClickMeeting's second copy, in UTC, which is used if the first is missing.
    """
    takes = (name, copy) if copy else (name,)
    return Column(f"{name}_utc", partial(_read_time, takes), takes, "time"), text(name)


def extra(columns: Iterable[Column], but: Iterable[str] = ()) -> Column:
    """Make the column of all keys that no other column covers, as JSON without secrets.

    :param but: keys to leave out, since they repeat other data.
    """
    takes = {key for column in columns for key in column.takes}
    known = SECRET_KEYS | {*but} | {key for key in takes if "." not in key}
    parts = {tuple(key.split(".")) for key in takes if "." in key}

    def read(item: Item) -> str | None:
        if known.issuperset(item):
            return None
        unknown = {key: value for key, value in item.items() if key not in known}
        for outer in {outer for outer, _ in parts} & unknown.keys():
            held = unknown.pop(outer)
            rest = {k: v for k, v in held.items() if (outer, k) not in parts} if isinstance(held, Mapping) else held
            unknown |= {outer: rest} if rest else {}
        return as_json(without_secrets(unknown))

    return Column("extra", read, (), "json", personal="extra")


def read_text(key: str, item: Item) -> str | None:
    """Return a text; a number is converted to text."""
    value = item.get(key)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        bad_argument(key, type(value), "a text")
    return str(value)


def read_integer(key: str, item: Item) -> int | None:
    """Return a whole number of at most 64 bits, since Parquet and databases store no larger ones."""
    value = item.get(key)
    if value is None or value == "":
        return None
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        bad_argument(key, value, "a whole number")
    if not (isinstance(value, str) or found == value) or not -(1 << 63) <= found < 1 << 63:
        bad_argument(key, value, "a whole number of at most 64 bits")
    return found


def _read_number(key: str, item: Item) -> float | None:
    value = item.get(key)
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        bad_argument(key, value, "a number")


def _read_boolean(key: str, item: Item) -> bool | None:
    value = item.get(key)
    return None if value == "" else flag(key, value)


def _read_time(keys: tuple[str, ...], item: Item) -> str | None:
    for key in keys:
        if value := item.get(key):
            try:
                return _utc(value)
            except (TypeError, ValueError, OverflowError):
                bad_argument(key, value, "an ISO 8601 time")
    return None


def _read_nested(key: str, item: Item) -> str | None:
    value = item.get(key)
    return as_json(without_secrets(value)) if value else None


@lru_cache(maxsize=10_000)
def _utc(moment: str) -> str:
    return parse(moment).astimezone(UTC).isoformat()
