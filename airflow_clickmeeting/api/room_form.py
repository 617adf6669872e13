"""What a room shall be, as people write it, to what ClickMeeting takes (reference 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.api.times import Length, When
from airflow_clickmeeting.api.validate import Id

STATUSES = ("active", "inactive")


def room_form(
    *,
    name: str | None = None,
    room_type: str | None = None,
    access_type: Id | None = None,
    permanent_room: bool | Id | None = None,
    starts_at: When | None = None,
    duration: Length | None = None,
    timezone: str | None = None,
    password: str | None = None,
    custom_room_url_name: str | None = None,
    lobby_enabled: bool | Id | None = None,
    lobby_description: str | None = None,
    skin_id: Id | None = None,
    registration: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    status: str | None = None,
) -> dict[str, Any]:
    """Return the form of a room; what is not given is None or empty in it.

    The parameters are those of `calls.create_conference` and `calls.update_conference`.

    :raises ValueError: for a wrong argument, and for a permanent room with a start.
    """
    permanent = validate.flag("permanent_room", permanent_room)
    if permanent and starts_at is not None:
        raise ValueError(f"starts_at must be left out when permanent_room is true; got {starts_at!r}.")
    return {
        "name": _given(name, lambda value: validate.filled("name", value)),
        "room_type": _given(room_type, lambda value: validate.one_of("room_type", value, validate.ROOM_TYPES)),
        "permanent_room": permanent,
        "access_type": _given(access_type, validate.access_type),
        **_timing(starts_at, duration, timezone),
        "password": validate.secret("password", password),
        "custom_room_url_name": validate.filled("custom_room_url_name", custom_room_url_name)
        if custom_room_url_name
        else None,
        "lobby_enabled": validate.flag("lobby_enabled", lobby_enabled),
        "lobby_description": lobby_description,
        "skin_id": _given(skin_id, lambda value: validate.identifier("skin_id", value)),
        "registration": _registration_settings(registration),
        "settings": validate.flags("settings", settings),
        "status": _given(status, lambda value: validate.one_of("status", value, STATUSES)),
    }


def start_of(form: Mapping[str, Any]) -> datetime | None:
    """Return the instant that the start of a form means: the wall clock of its zone, or a time with an offset."""
    if form["starts_at"] is None:
        return None
    when = datetime.fromisoformat(form["starts_at"])
    return when if when.tzinfo else when.replace(tzinfo=ZoneInfo(form["timezone"]))


def _given(value: Any, convert: Callable[[Any], Any]) -> Any:
    return None if value is None else convert(value)


def _timing(starts_at: When | None, duration: Length | None, timezone: str | None) -> dict[str, str | None]:
    if starts_at is None:
        start, name = None, None if timezone is None else times.zone(timezone).key
    else:
        start, name = times.room_time("starts_at", starts_at, timezone)
    length = None if duration is None else times.duration("duration", duration)
    return {"starts_at": start, "timezone": name, "duration": length}


def _registration_settings(registration: Mapping[str, Any] | None) -> dict[str, Any]:
    found = validate.flags("registration", registration)
    if found.get("template") is not None:
        found["template"] = validate.whole_number("registration['template']", found["template"], most=3)
    return found
