"""The tables that exports write: each column once, with what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

from airflow_clickmeeting.api.fields import STANDARD
from airflow_clickmeeting.api.shapes import without_secrets
from airflow_clickmeeting.api.times import parse

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :param name: its name.
    :param read: takes its value out of one item of ClickMeeting's answer.
    :param takes: the item's keys that it accounts for; those of no column go into `extra`.
    """

    name: str
    read: Callable[[Mapping[str, Any]], Any]
    takes: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """A table: columns that stay the same whatever the account answers, and `extra` as JSON for what is new.

    :param name: what its rows are.
    :param columns: the columns, without `extra`.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def header(self) -> list[str]:
        """The names of all columns."""
        return [*(column.name for column in self.columns), "extra"]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(key for column in self.columns for key in column.takes)

    def row(self, item: Mapping[str, Any]) -> Row:
        """Return one item as a row; secrets are left out."""
        extra = {key: value for key, value in without_secrets(dict(item)).items() if key not in self._known}
        return {**{column.name: column.read(item) for column in self.columns}, "extra": as_json(extra)}


def as_json(value: object) -> str | None:
    """Return nested data as one cell; None when there is nothing in it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def _plain(name: str) -> tuple[Column, ...]:
    return (Column(name, lambda item: item.get(name), (name,)),)


def _moment(name: str) -> tuple[Column, ...]:
    """Make two columns of an instant: in UTC, and as ClickMeeting has it, in the room's zone."""
    return (
        Column(f"{name}_utc", lambda item: _utc(item.get(name)), (name,)),
        Column(name, lambda item: item.get(name), (name,)),
    )


def _utc(text: str | None) -> str | None:
    return parse(text).astimezone(UTC).isoformat(timespec="seconds") if text else None


def _field(name: str, number: int) -> tuple[Column, ...]:
    return (Column(name, lambda item: (item.get("fields") or {}).get(STANDARD[number]), ("fields",)),)


def _own_fields(item: Mapping[str, Any]) -> str | None:
    standard = set(STANDARD.values())
    return as_json({label: value for label, value in (item.get("fields") or {}).items() if label not in standard})


def _geo(name: str) -> tuple[Column, ...]:
    return (Column(name, lambda item: (item.get("geo") or {}).get(name), ("geo",)),)


ATTENDEES = Dataset(
    "attendees",
    (
        *_plain("room_id"),
        *_plain("session_id"),
        *_plain("uid"),
        *_plain("role"),
        *_plain("nickname"),
        *_plain("email"),
        *_moment("start_date"),
        *_moment("end_date"),
        *_plain("rating"),
        *_plain("rating_comment"),
        *_plain("device"),
        *_plain("user_ip"),
        *_plain("city"),
        *_plain("country_iso3"),
        Column("polls", lambda item: as_json(item.get("polls")), ("polls",)),
    ),
)

REGISTRATIONS = Dataset(
    "registrations",
    (
        *_plain("room_id"),
        *_plain("id"),
        *_plain("email"),
        *_plain("visitor_nickname"),
        *_field("first_name", 1),
        *_field("last_name", 2),
        *_moment("registration_date"),
        *_moment("registration_confirmed"),
        *_plain("session_id"),
        *_geo("country"),
        *_geo("city"),
        *_plain("http_referer"),
        Column("fields", _own_fields, ("fields",)),
    ),
)
