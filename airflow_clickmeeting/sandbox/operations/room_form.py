"""Read and check the parameters of a room."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, tzinfo
from typing import Any

from airflow_clickmeeting.sandbox.clock import floor, read_moment
from airflow_clickmeeting.sandbox.errors import INVALID, ApiError, invalid, invalid_dates
from airflow_clickmeeting.sandbox.forms import Form, Reader, flag, group, integer, one_of, text
from airflow_clickmeeting.sandbox.model import SETTINGS, Room
from airflow_clickmeeting.sandbox.operations.account import timezones
from airflow_clickmeeting.sandbox.world import World

_DURATION = re.compile(r"(\d{1,3}):(\d{1,2})|(\d{1,3}(?:\.\d+)?)")


def _text(value: Any) -> str:
    if len(str(value)) > 255:
        raise ValueError("This value is too long.")
    return str(value)


def _filled(value: Any) -> str:
    if not str(value).strip():
        raise ValueError("This value is empty.")
    return _text(value)


def _zone(value: Any) -> str:
    if str(value) not in timezones():
        raise ValueError("This time zone is unknown.")
    return str(value)


READERS: dict[str, Reader] = {
    "name": _filled,
    "room_type": one_of("meeting", "webinar"),
    "permanent_room": flag,
    "access_type": one_of(1, 2, 3, convert=integer),
    "password": str,
    "lobby_enabled": flag,
    "lobby_description": _text,
    "timezone": _zone,
    "skin_id": integer,
    "status": one_of("active", "inactive"),
}


def read_changes(world: World, form: Form, room: Room | None = None) -> dict[str, Any]:
    """Return the checked values of the sent parameters. `room` is the room to change, None for a new room."""
    changes: dict[str, Any] = {}
    errors: list[tuple[str | int, str]] = []
    for name in [name for name in READERS if name in form]:
        try:
            changes[name] = READERS[name](form[name])
        except ValueError as error:
            errors.append((name, str(error)))
    if slug := _slug(text(form, "custom_room_url_name")):
        if any(other.name_url == slug and other is not room for other in world.account.rooms.values()):
            errors.append(("custom_room_url_name", "This address is taken."))
        changes["name_url"] = slug
    if errors:
        raise ApiError(422, INVALID, errors)
    registration = group(form, "registration")
    if "enabled" in registration:
        changes["registration_enabled"] = flag(registration["enabled"])
    if "template" in registration:
        changes["registration_template"] = integer(registration["template"]) or 1
    changes["settings"] = _settings(form)
    return changes


def _settings(form: Form) -> dict[str, bool | str]:
    known = SETTINGS | {"encryption_enabled": False}
    # one client sends `encryption_enabled` beside the settings
    sent = {"encryption_enabled": form.get("encryption_enabled"), **group(form, "settings")}
    return {
        name: str(value) if isinstance(known[name], str) else flag(value)
        for name, value in sent.items()
        if name in known and value is not None
    }


def apply_changes(room: Room, changes: dict[str, Any]) -> None:
    """Set the values that `read_changes` returned."""
    for name, value in changes.items():
        if name == "settings":
            room.settings |= value
        else:
            setattr(room, "set_status" if name == "status" else name, value)


def moment(form: Form, name: str, zone: tzinfo, default: datetime) -> datetime:
    """Return a start time, rounded down to a minute. A time without an offset is in the time zone `zone`."""
    value = text(form, name)
    try:
        return floor(read_moment(value, zone) if value else default)
    except ValueError:
        raise invalid_dates("Start date is invalid.") from None


def duration(form: Form, default: timedelta) -> timedelta:
    """Return the duration, written as hours and minutes (`1:30`) or as a number of hours (`1.5`)."""
    value = text(form, "duration")
    if not value:
        return default
    match = _DURATION.fullmatch(value)
    length = timedelta(hours=float(match[3] or match[1]), minutes=int(match[2] or 0)) if match else None
    if not length:
        raise invalid("This duration is invalid.", "duration")
    return length


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9-]+", "_", plain.lower()).strip("_")


def free_slug(world: World, name: str) -> str:
    """Return a URL name that is derived from the room's name and that no other room uses."""
    slug = _slug(name) or "room"
    taken = {room.name_url for room in world.account.rooms.values()}
    number, free = 1, slug
    while free in taken:
        number += 1
        free = f"{slug}_{number}"
    return free
