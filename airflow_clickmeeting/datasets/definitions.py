"""Define the tables that exports write: each column once, with its type.

Names are those of ClickMeeting. Each instant has two columns: `<name>_utc`, and `<name>` with the UTC offset that
ClickMeeting sent, which is the room's. No table contains ClickMeeting's secrets, `types.SECRET_KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from airflow_clickmeeting.api.form_fields import STANDARD
from airflow_clickmeeting.datasets.columns import (
    Column,
    boolean,
    extra,
    integer,
    moment,
    nested,
    number,
    text,
)
from airflow_clickmeeting.datasets.table import Dataset, Item, as_json, to_integer, to_text


def _inside(item: Item, key: str) -> Mapping[str, Any]:
    """Return a nested object, or {} for an empty list, which is how PHP writes an empty object."""
    held = item.get(key)
    return held if isinstance(held, Mapping) else {}


def _standard_field(name: str, label: str) -> Column:
    return Column(name, lambda item: to_text(label, _inside(item, "fields").get(label)), ("fields",), personal=name)


def _own_fields(item: Item) -> str | None:
    held = item.get("fields")
    if not isinstance(held, Mapping):
        return as_json(held)
    return as_json({label: value for label, value in held.items() if label not in STANDARD.values()})


def _geo(name: str, *, personal: str | None = None) -> Column:
    return Column(name, lambda item: to_text(name, _inside(item, "geo").get(name)), (f"geo.{name}",), personal=personal)


def _recorded_room(item: Item) -> int | None:
    key = "conference_id" if item.get("room_id") is None else "room_id"
    return to_integer(key, item.get(key))


# all rows of an event have the same ids
@lru_cache(maxsize=100)
def _ids_as_json(ids: tuple[int, ...]) -> str | None:
    return as_json(ids)


_SESSION_IDS = Column("session_ids", lambda item: _ids_as_json((*(item.get("session_ids") or ()),)), (), "json")


def _answered(name: str, *columns: Column, key: tuple[str, ...], but: tuple[str, ...] = (), **more: Any) -> Dataset:
    """Make a dataset of ClickMeeting's items, with the column `extra` for keys that ClickMeeting may add later."""
    return Dataset(name, (*columns, extra(columns, but)), key, **more)


CONFERENCES = _answered(
    "conferences",
    integer("id"),
    text("name"),
    text("name_url"),
    text("room_type"),
    text("status"),
    boolean("permanent_room"),
    *moment("starts_at", copy="ccc"),
    *moment("ends_at"),
    text("timezone"),
    integer("timezone_offset", unit="s"),
    integer("access_type"),
    boolean("registration_enabled"),
    nested("registration"),
    boolean("lobby_enabled"),
    text("lobby_description"),
    boolean("paid_enabled"),
    boolean("automated_enabled"),
    integer("type"),
    text("room_url"),
    text("widgets_hash"),
    nested("settings"),
    *moment("created_at"),
    *moment("updated_at"),
    key=("id",),
)

SESSIONS = _answered(
    "sessions",
    integer("room_id"),
    integer("id"),
    *moment("start_date"),
    *moment("end_date"),
    integer("total_visitors"),
    integer("max_visitors"),
    key=("room_id", "id"),
    but=("attendees", "pdf"),
)

# One person can enter twice in the same minute, so an entry is identified by the values that no longer change once the
# session has ended. Entries that agree in all of these get numbers. Their order decides which entry gets which number,
# but the set of keys stays the same.
ATTENDEES = _answered(
    "attendees",
    integer("room_id"),
    integer("session_id"),
    text("entry"),
    text("uid", personal="uid"),
    text("role"),
    text("nickname", personal="nickname"),
    text("email", personal="email"),
    *moment("start_date"),
    *moment("end_date"),
    integer("rating"),
    text("rating_comment", personal="rating_comment"),
    text("device", personal="device"),
    text("user_ip", personal="user_ip"),
    text("city", personal="city"),
    text("country_iso3"),
    nested("polls", personal="polls"),
    key=("room_id", "session_id", "entry"),
    entry_of=("uid", "email", "nickname", "device", "start_date_utc", "end_date_utc"),
)

# An answer has no id, so it is identified by who gave it and by its texts; see attendance.polls for equal ones.
POLL_ANSWERS = _answered(
    "poll_answers",
    integer("room_id"),
    integer("session_id"),
    text("entry"),
    text("uid", personal="uid"),
    text("nickname", personal="nickname"),
    text("email", personal="email"),
    text("role"),
    text("poll"),
    text("question"),
    text("answer", personal="answer"),
    integer("points"),
    key=("room_id", "session_id", "entry"),
    entry_of=("uid", "email", "poll", "question", "answer"),
    but=("person", "position"),
)

REGISTRATIONS = _answered(
    "registrations",
    integer("room_id"),
    integer("id"),
    text("email", personal="email"),
    text("visitor_nickname", personal="nickname"),
    _standard_field("first_name", STANDARD[1]),
    _standard_field("last_name", STANDARD[2]),
    *moment("registration_date"),
    *moment("registration_confirmed"),
    integer("session_id"),
    _geo("country"),
    _geo("city", personal="city"),
    text("http_referer", personal="http_referer"),
    Column("fields", _own_fields, ("fields",), "json", personal="fields"),
    key=("room_id", "id"),
)

RECORDINGS = _answered(
    "recordings",
    Column("room_id", _recorded_room, ("room_id", "conference_id"), "integer"),
    integer("id"),
    text("recording_name"),
    *moment("recorder_start_date", copy="recorder_started"),
    integer("recording_duration", unit="s"),
    integer("recording_file_size", unit="bytes"),
    key=("room_id", "id"),
)

# The rows of attendance.Participation; `person` is the e-mail address, if the person has one.
ATTENDANCE = Dataset(
    "attendance",
    (
        integer("room_id"),
        integer("session_id"),
        _SESSION_IDS,
        text("person", personal="email"),
        text("email", personal="email"),
        integer("registration_id"),
        text("nickname", personal="nickname"),
        text("role"),
        boolean("is_staff"),
        boolean("registered"),
        text("status"),
        *moment("first_join"),
        *moment("last_leave"),
        integer("visits"),
        number("minutes", unit="min"),
        number("share"),
        integer("rating"),
        text("rating_comment", personal="rating_comment"),
    ),
    key=("room_id", "session_id", "person"),
)

# The keys of attendance.Summary, after the columns of their session or event.
ATTENDANCE_SUMMARIES = Dataset(
    "attendance_summaries",
    (
        integer("room_id"),
        integer("session_id"),
        _SESSION_IDS,
        *moment("start_date"),
        *moment("end_date"),
        integer("registered"),
        integer("came"),
        integer("attended"),
        integer("no_show"),
        integer("walk_in"),
        number("show_up_rate"),
        number("median_minutes", unit="min"),
        integer("peak"),
    ),
    key=("room_id", "session_id"),
)

DATASETS = {
    each.name: each
    for each in (
        CONFERENCES,
        SESSIONS,
        ATTENDEES,
        POLL_ANSWERS,
        REGISTRATIONS,
        RECORDINGS,
        ATTENDANCE,
        ATTENDANCE_SUMMARIES,
    )
}
