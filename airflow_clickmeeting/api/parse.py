"""From decoded JSON, in every variant on record, to one shape each (reference 1.3, 1.5, 1.9, 16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any, Generic, TypeVar, cast

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.form_fields import STANDARD
from airflow_clickmeeting.api.types import (
    Attendee,
    Chat,
    File,
    Recording,
    Registered,
    Registration,
    Report,
    Room,
    Session,
    Token,
)

T = TypeVar("T")

_ROOM_FLAGS = ("lobby_enabled", "registration_enabled", "paid_enabled", "automated_enabled", "permanent_room")
_ROOM_LISTS = ("active_conferences", "scheduled_conferences", "inactive_conferences")


@dataclass(frozen=True)
class listed(Generic[T]):  # noqa: N801 - used as a function; a class, since calls that read alike are equal
    """A reader of a list of items."""

    item: Callable[[Any], T]

    def __call__(self, data: Any) -> list[T]:
        """Read the list."""
        return [self.item(each) for each in _list(data)]


def plain(data: Any) -> Any:
    """Read an object that needs no change."""
    return _object(data)


def file_bytes(data: Any) -> bytes:
    """Read a file that was small enough to be held in memory."""
    if not isinstance(data, bytes):
        raise ParseError(f"expected a file, got {_what(data)} in JSON")
    return data


def done(data: Any) -> bool:
    """Read an answer that says no more than that it was done: objects with several keys, or `"200 OK"`."""
    if isinstance(data, str) and not data.startswith("2"):
        raise ParseError("expected a success")
    return True


def strings(data: Any) -> list[str]:
    """Read a list of strings."""
    return [str(each) for each in _list(data)]


def room(data: Any) -> Room:
    """Read a room, wrapped in `conference` or `room`, or bare."""
    return _identified(room_item(_unwrapped(data, "conference", "room")))


def updated_room(data: Any) -> Room:
    """Read the answer to an update: a room, or only `{"status": "ok"}`."""
    return room_item(_unwrapped(data, "conference", "room"))


def room_item(data: Any) -> Room:
    """Read a room of a list: flags become booleans, numbers numbers, and HTML entities characters."""
    found = dict(_object(data))
    found.update({key: _flag(found[key]) for key in _ROOM_FLAGS if key in found})
    for key in ("name", "lobby_description"):
        if isinstance(found.get(key), str):
            found[key] = unescape(found[key])
    _numbers(found, "id", "room_pin", "access_type")
    return cast("Room", found)


def registration_labels(room: Room) -> dict[int, str]:
    """Return the labels of a room's registration fields by number: the three that every room has, and its own.

    They are in `registration.fields`, or at the top level of the response.
    """
    registration: Any = room.get("registration")
    fields: Any = registration.get("fields") if isinstance(registration, dict) else registration
    fields = fields or dict(room).get("fields") or []
    own = [each for each in fields if isinstance(each, dict) and "id" in each and "label" in each]
    return STANDARD | {int(each["id"]): str(each["label"]) for each in own}


def rooms(data: Any) -> list[Room]:
    """Read a list of rooms: bare, or under the keys that an answer without a status has."""
    if isinstance(data, dict) and any(key in data for key in _ROOM_LISTS):
        data = [each for key in _ROOM_LISTS for each in _list(data.get(key) or [])]
    return [_identified(room_item(each)) for each in _list(data)]


def tokens(data: Any) -> list[Token]:
    """Read tokens, with or without their envelope."""
    found = data if isinstance(data, list) else _object(data).get("access_tokens")
    return [cast("Token", dict(_object(each))) for each in _list(found)]


def token_strings(data: Any) -> list[str]:
    """Read the tokens of one person: a list, an object with `token`, or a bare string."""
    if isinstance(data, dict) and isinstance(data.get("token"), str):
        data = data["token"]
    return [data] if isinstance(data, str) else strings(data)


def session_of(session_id: int) -> Callable[[Any], Session]:
    """Make a reader of one session, which comes without its own id."""
    return lambda data: cast("Session", {"id": session_id, **_unwrapped(data, "session")})


def session_item(data: Any) -> Session:
    """Read a session of a list."""
    return cast("Session", _numbers(dict(_object(data)), "id", "total_visitors", "max_visitors"))


def attendee(data: Any) -> Attendee:
    """Read one entry into a session; its `uid` stays the string it is."""
    return cast("Attendee", _object(data))


def registration(data: Any) -> Registration:
    """Read a registration; who did not confirm has None there, not the text "null"."""
    found = dict(_object(data))
    if found.get("registration_confirmed") in ("null", ""):
        found["registration_confirmed"] = None
    return cast("Registration", _numbers(found, "id", "session_id"))


def registered(data: Any) -> Registered:
    """Read the answer to a registration; `exist` is there, 0 when ClickMeeting left it out."""
    return cast("Registered", _numbers({"exist": 0, **_object(data)}, "exist"))


def autologin_hash(data: Any) -> str:
    """Read the hash that logs somebody in."""
    found = _object(data).get("autologin_hash")
    if not isinstance(found, str) or not found:
        raise ParseError("no autologin_hash in it")
    return found


def report(data: Any) -> Report:
    """Read how far a PDF report is."""
    return cast("Report", _numbers(dict(_object(data)), "progress"))


def recording(data: Any) -> Recording:
    """Read a recording: the size as a number, its room as `conference_id` also where it came as `room_id`."""
    found = dict(_object(data))
    if "conference_id" not in found and "room_id" in found:
        found["conference_id"] = found["room_id"]
    if "recording_name" in found:
        found["recording_name"] = unescape(str(found["recording_name"]))
    return cast("Recording", _numbers(found, "id", "conference_id", "recording_file_size", "recording_duration"))


def file(data: Any) -> File:
    """Read a file of the library."""
    return cast("File", _numbers(dict(_object(data)), "id", "conversion_progress"))


def chat(data: Any) -> Chat:
    """Read a chat; its zone may come as `time_zone`."""
    found = dict(_object(data))
    if "time_zone" in found:
        found.setdefault("timezone", found.pop("time_zone"))
    if "name" in found:
        found["name"] = unescape(str(found["name"]))
    return cast("Chat", _numbers(found, "id"))


def _identified(found: Room) -> Room:
    if "id" not in found:
        raise ParseError("no room in it")
    return found


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ParseError(f"expected an object, got {_what(data)}")
    return data


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ParseError(f"expected a list, got {_what(data)}")
    return data


def _what(data: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "nothing"}
    return names.get(type(data), f"a {type(data).__name__}")


def _unwrapped(data: Any, *envelopes: str) -> dict[str, Any]:
    found = _object(data)
    for envelope in envelopes:
        if isinstance(found.get(envelope), dict):
            return cast("dict[str, Any]", found[envelope])
    return found


def _flag(value: Any) -> bool:
    return value in (True, "1", "true")


def _numbers(found: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        if isinstance(value := found.get(key), str):
            found[key] = int(value) if value.isdecimal() else None
    return found
