"""Convert decoded responses, in every variant that was recorded, to one shape for each operation.

The functions that read a response raise a `ParseError` if it has another shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
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
from airflow_clickmeeting.api.validate import shown

T = TypeVar("T")

#: the recorded words for success, in lower case
SUCCESS = ("ok", "deleted")
#: more digits than any number of ClickMeeting has
MAX_DIGITS = 40
_DENIAL = re.compile("err|fail|denied|false|no", re.IGNORECASE)
_ROOM_FLAGS = ("lobby_enabled", "registration_enabled", "paid_enabled", "automated_enabled", "permanent_room")
#: what decisions and searches compare
_ROOM_TEXTS = ("name", "name_url", "room_type", "status", "timezone")
_ROOM_LISTS = ("active_conferences", "scheduled_conferences", "inactive_conferences")


@dataclass(frozen=True)
class listed(Generic[T]):  # noqa: N801 - used like a function; a class, so that calls with the same reader are equal
    """Reads a list of items.

    :param item: reads one item.
    :param unwrap: returns the list in a response.
    :param skip: called with the reason for each item that cannot be read, which is then left out; without it, such an
        item is an error.
    """

    item: Callable[[Any], T]
    unwrap: Callable[[Any], list[Any]] = lambda data: _require_list(data)
    skip: Callable[[str], object] | None = None

    def __call__(self, data: Any) -> list[T]:
        """Return the items of a list in a response."""
        items = self.unwrap(data)
        try:
            return [*map(self.item, items)]
        except ParseError:
            return [*self._read(items)]

    def _read(self, items: list[Any]) -> Iterator[T]:
        for number, each in enumerate(items, start=1):
            try:
                yield self.item(each)
            except ParseError as error:
                reason = f"item {number} of the list: {error}"
                if self.skip is None:
                    raise ParseError(reason) from None
                self.skip(reason)


@dataclass(frozen=True)
class identified(Generic[T]):  # noqa: N801 - as `listed`
    """Reads one object, and refuses that of another id.

    :param item: reads the object.
    :param id: the id that was requested.
    """

    item: Callable[[Any], T]
    id: int

    def __call__(self, data: Any) -> T:
        """Return the object in a response."""
        found: Any = self.item(data)
        if found.get("id", self.id) != self.id:
            raise ParseError(f"expected the object with the id {self.id}, got that with the id {found['id']!r}")
        return cast("T", found)


@dataclass(frozen=True)
class recording_of:  # noqa: N801 - as `listed`
    """Reads a recording of a room, and refuses one that says it belongs to another room.

    :param room_id: the room.
    """

    room_id: int

    def __call__(self, data: Any) -> Recording:
        """Return a recording of a list."""
        found = recording(data)
        if (room_id := found.get("conference_id", self.room_id)) != self.room_id:
            raise ParseError(f"expected a recording of room {self.room_id}, got one of room {room_id!r}")
        return found


def plain(data: Any) -> Any:
    """Return an object as it is."""
    return _require_object(data)


def confirmed(data: Any) -> dict[str, Any]:
    """Return the response to a request that writes; only a known word for success counts as one."""
    found = _require_object(data)
    _require_success(found.get("status", found.get("STATUS")))
    return found


def file_bytes(data: Any) -> bytes:
    """Return the bytes of a file that is in memory; JSON instead of a file is an error."""
    if not isinstance(data, bytes):
        raise ParseError(f"expected a file, got {_type_name(data)} in JSON")
    return data


def anything(data: Any) -> bool:
    """Return True for any JSON, for an operation whose response is not known."""
    return True


def deleted(data: Any) -> bool:
    """Return True for the response to a deletion.

    Recorded are `{"result": "OK"}` and `"200 OK"` for rooms, `{"STATUS": "OK"}` for recordings, and an object with
    `response` for files, whose value is not known. Everything else is an error, since it may be a denial.
    """
    if isinstance(data, str) and re.match("2[0-9]{2}( |$)", data):
        return True
    found = _require_object(data)
    word = next((found[key] for key in ("result", "STATUS", "status", "response") if key in found), None)
    if "response" in found and isinstance(word, str | int) and word and not _DENIAL.search(str(word)):
        return True
    _require_success(word)
    return True


def strings(data: Any) -> list[str]:
    """Return a list of texts."""
    found = _require_list(data)
    for each in found:
        if not isinstance(each, str | int):
            raise ParseError(f"expected a list of texts, got {_type_name(each)} in it")
    return [str(each) for each in found]


def room(data: Any) -> Room:
    """Return a room that stands under the key `conference` or `room`, or without a key."""
    return _require_id(room_item(_unwrap(data, "conference", "room")), "a room")


def updated_room(data: Any) -> Room:
    """Return the response to an update: a room, or only `{"status": "ok"}`."""
    found = room_item(_unwrap(data, "conference", "room"))
    if "id" not in found:
        _require_success(found.get("status"))
    return found


def room_item(data: Any) -> Room:
    """Return a room with its flags as booleans, its numbers as numbers, and without HTML entities in its texts."""
    found = dict(_require_object(data))
    found.update({key: _to_bool(found[key]) for key in _ROOM_FLAGS if key in found})
    for key in _ROOM_TEXTS:
        if not isinstance(found.get(key), str | None):
            raise ParseError(f"expected text as the {key} of a room, got {_type_name(found[key])}")
    for key in ("name", "lobby_description"):
        if isinstance(found.get(key), str):
            found[key] = unescape(found[key])
    return cast("Room", _convert_numbers(found, "id", "room_pin", "access_type"))


def registration_labels(room: Room) -> dict[int, str]:
    """Return the labels of a room's registration fields by number: the three that every room has, and its own.

    The room's own fields are in `registration`, in `registration.fields`, or in `fields` at the top level.
    """
    registration: Any = room.get("registration")
    fields: Any = registration.get("fields") if isinstance(registration, dict) else registration
    fields = fields or dict(room).get("fields")
    own = [each for each in fields if isinstance(each, dict)] if isinstance(fields, list) else []
    return STANDARD | {
        int(each["id"]): str(each["label"]) for each in own if "label" in each and str(each.get("id")).isdecimal()
    }


def _room_list(data: Any) -> list[Any]:
    if isinstance(data, dict) and any(key in data for key in _ROOM_LISTS):
        return [each for key in _ROOM_LISTS for each in _require_list(data.get(key) or [])]
    return _require_list(data)


def tokens(data: Any) -> list[Token]:
    """Return the tokens of a list, which may stand under the key `access_tokens`."""
    found = data if isinstance(data, list) else _require_object(data).get("access_tokens")
    return listed(token)(found)


def token(data: Any) -> Token:
    """Return a token, with the values of its use."""
    found = dict(_require_object(data))
    if not isinstance(found.get("token"), str):
        raise ParseError(f"expected a token, got an object with {_type_name(found.get('token'))} as its token")
    return cast("Token", found)


def new_tokens(data: Any) -> list[Token]:
    """Return the tokens that were generated; without any, the request had no effect."""
    if not (found := tokens(data)):
        raise ParseError("expected new tokens, got none")
    return found


def token_strings(data: Any) -> list[str]:
    """Return the tokens of one person, from a list, an object with `token`, or a single text."""
    if isinstance(data, dict) and isinstance(data.get("token"), str):
        data = data["token"]
    return [data] if isinstance(data, str) else strings(data)


def session_of(session_id: int) -> Callable[[Any], Session]:
    """Return a function that reads one session; it adds the id, which the response does not have."""
    return identified(partial(_session_with_id, session_id), session_id)


def _session_with_id(session_id: int, data: Any) -> Session:
    return cast("Session", {"id": session_id, **_unwrap(data, "session")})


def session_item(data: Any) -> Session:
    """Return a session of a list, with its numbers as numbers."""
    found = _convert_numbers(dict(_require_object(data)), "id", "total_visitors", "max_visitors")
    return cast("Session", _require_id(found, "a session"))


def attendee(data: Any) -> Attendee:
    """Return one entry of a person into a session; its `uid` stays text."""
    return cast("Attendee", _require_object(data))


def registration(data: Any) -> Registration:
    """Return a registration; if it was not confirmed, `registration_confirmed` is None, not the text "null"."""
    found = dict(_require_object(data))
    if found.get("registration_confirmed") in ("null", ""):
        found["registration_confirmed"] = None
    return cast("Registration", _convert_numbers(found, "id", "session_id"))


def registered(data: Any) -> Registered:
    """Return the response to a registration; `exist` is 0 if ClickMeeting left it out."""
    return cast("Registered", _convert_numbers({"exist": 0, **confirmed(data)}, "exist"))


def autologin_hash(data: Any) -> str:
    """Return the hash that logs a person in."""
    found = _require_object(data).get("autologin_hash")
    if not isinstance(found, str) or not found:
        raise ParseError("the response has no autologin_hash")
    return found


def report(data: Any) -> Report:
    """Return the state of a PDF report, with its progress as a number."""
    return cast("Report", _convert_numbers(dict(_require_object(data)), "progress"))


def recording(data: Any) -> Recording:
    """Return a recording with its size as a number, and its room as `conference_id` even if it came as `room_id`."""
    found = dict(_require_object(data))
    if "conference_id" not in found and "room_id" in found:
        found["conference_id"] = found["room_id"]
    if "recording_name" in found:
        found["recording_name"] = unescape(str(found["recording_name"]))
    _convert_numbers(found, "id", "conference_id", "recording_file_size", "recording_duration")
    for key in ("conference_id", "recording_file_size", "recording_duration"):
        if found.get(key) is not None and not _is_whole(found[key]):
            raise ParseError(f"expected a whole number as the {key} of a recording, got {_type_name(found[key])}")
    return cast("Recording", _require_id(found, "a recording"))


def file(data: Any) -> File:
    """Return a file of the library, with its numbers as numbers."""
    found = _convert_numbers(dict(_require_object(data)), "id", "conversion_progress")
    return cast("File", _require_id(found, "a file"))


def chat(data: Any) -> Chat:
    """Return a chat; its time zone is `timezone` even if it came as `time_zone`."""
    found = dict(_require_object(data))
    if "time_zone" in found:
        found.setdefault("timezone", found.pop("time_zone"))
    if "name" in found:
        found["name"] = unescape(str(found["name"]))
    return cast("Chat", _require_id(_convert_numbers(found, "id"), "a chat"))


def _require_success(word: object) -> None:
    if not isinstance(word, str) or word.lower() not in SUCCESS:
        raise ParseError(
            f"expected a confirmation such as 'OK', got {shown(word)}, so the request may have had no effect"
        )


def _require_id(found: T, kind: str) -> T:
    number = cast("dict[str, Any]", found).get("id")
    if not _is_whole(number) or not number:
        raise ParseError(f"expected {kind} with a number as its id, got {_type_name(number)} as its id")
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _require_object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ParseError(f"expected an object, got {_type_name(data)}")
    return data


def _require_list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ParseError(f"expected a list, got {_type_name(data)}")
    return data


def _type_name(data: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", type(None): "null", int: "a number", float: "a number"}
    return names.get(type(data), f"a {type(data).__name__}")


def _unwrap(data: Any, *envelopes: str) -> dict[str, Any]:
    found = _require_object(data)
    for envelope in envelopes:
        if isinstance(found.get(envelope), dict):
            return cast("dict[str, Any]", found[envelope])
    return found


def _to_bool(value: Any) -> bool:
    return value in (True, "1", "true")


def _convert_numbers(found: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        if isinstance(value := found.get(key), str):
            found[key] = int(value) if value.isdecimal() and len(value) < MAX_DIGITS else None
        elif isinstance(value, float) and value.is_integer():
            found[key] = int(value)
    return found


#: the reader of a list of rooms, or of an object with a list for each status
rooms = listed(lambda data: _require_id(room_item(data), "a room"), _room_list)
