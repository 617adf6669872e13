"""What is wanted of a room, against what its reading says: pure functions.

What is not given is not wanted. What a reading does not show (the skin, a
hidden password, a setting it leaves out) cannot be compared. What differs at every reading (reference 1.12) is never
looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from airflow_clickmeeting.api import compare, times, urls, validate
from airflow_clickmeeting.api.room_form import room_form, start_of
from airflow_clickmeeting.api.types import Room

Difference = TypedDict("Difference", {"wanted": Any, "is": Any})

HIDDEN = "***"
# people's own texts, which may hold an address
NOT_TOLD = frozenset({"lobby_description", "registration", "settings"})

_AS_SHOWN = (
    "name",
    "room_type",
    "permanent_room",
    "access_type",
    "timezone",
    "lobby_enabled",
    "lobby_description",
    "skin_id",
)

_TIME = {"starts_at", "timezone"}
_TABLES = ("registration", "settings")


def wanted_of(**parameters: Any) -> dict[str, Any]:
    """Return what is wanted of a room as a reading would show it: starts as instants, access by number.

    A start or a duration is not that of a permanent room, so with one the room is wanted to be none.

    :param parameters: those of `create_conference`.
    :raises ValueError: for a wrong parameter, and for none at all.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    if given.keys() & {"starts_at", "duration"}:
        given.setdefault("permanent_room", False)
    form = room_form(**given)
    start = start_of(form)
    found = form | {"starts_at": start and start.isoformat()}
    if form["permanent_room"]:
        found["duration"] = None
    wanted = {name: value for name, value in found.items() if value not in (None, {})}
    if not wanted:
        raise ValueError("Nothing to compare: give at least one of the room's parameters.")
    return wanted


def differences(room: Room, wanted: Mapping[str, Any]) -> dict[str, Difference]:
    """Return by parameter what differs, as `{"wanted": ..., "is": ...}` of plain JSON.

    Starts are compared as instants, to the minute, durations by length, zones and addresses by name. Of
    `registration` and `settings` there are the keys that differ. A password is not shown.

    :param wanted: from `wanted_of`.
    """
    shown = _shown(room)
    found = {name: _difference(name, value, shown[name]) for name, value in wanted.items() if name in shown}
    return {name: difference for name, difference in found.items() if difference is not None}


def to_send(room: Room, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an update that brings a room to what is wanted; none when nothing differs.

    It is what differs, and besides: start and zone together, since one without the other may be read in two ways;
    with a new name the present address, which else would change; and what cannot be compared, but never that alone.

    :param wanted: from `wanted_of`.
    """
    if not (found := differences(room, wanted)):
        return {}
    shown = _shown(room)
    names = found.keys() | (wanted.keys() - shown.keys()) | (_TIME if found.keys() & _TIME else set())
    sent = {name: value for name, value in wanted.items() if name in names}
    for name in _TABLES:
        as_it_is = shown[name].keys() - (found[name]["wanted"].keys() if name in found else set())
        sent[name] = {key: value for key, value in wanted.get(name, {}).items() if key not in as_it_is}
    if "name" in sent and (address := urls.address_of(room)):
        sent.setdefault("custom_room_url_name", wanted.get("custom_room_url_name", address))
    return {name: value for name, value in sent.items() if value != {}}


def told(found: Mapping[str, Difference]) -> str:
    """Return differences for a log: what is, and what is wanted."""
    return "; ".join(
        name if name in NOT_TOLD else f"{name} is {each['is']!r}, wanted {each['wanted']!r}"
        for name, each in found.items()
    )


def _shown(room: Room) -> dict[str, Any]:
    reading: dict[str, Any] = dict(room)
    shown = {name: reading[name] for name in _AS_SHOWN if name in reading}
    if reading.get("permanent_room"):
        shown |= {"starts_at": None, "duration": None}
    elif reading.get("starts_at"):
        shown["starts_at"] = reading["starts_at"]
        if reading.get("ends_at"):
            shown["duration"] = _length(reading["starts_at"], reading["ends_at"])
    if reading.get("password"):
        shown["password"] = str(reading["password"])
    if address := urls.address_of(room):
        shown["custom_room_url_name"] = address
    enabled = {"enabled": reading["registration_enabled"]} if "registration_enabled" in reading else {}
    return shown | {
        "registration": enabled | _table(reading.get("registration")),
        "settings": _table(reading.get("settings")),
    }


def _length(starts_at: str, ends_at: str) -> str:
    minutes = round((times.parse(ends_at) - times.parse(starts_at)).total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _difference(name: str, wanted: Any, there: Any) -> Difference | None:
    if isinstance(wanted, Mapping):
        keys = [key for key, value in wanted.items() if key in there and not _same_value(value, there[key])]
        return {"wanted": {key: wanted[key] for key in keys}, "is": {key: there[key] for key in keys}} if keys else None
    if _SAME.get(name, _same_value)(wanted, there):
        return None
    return {"wanted": HIDDEN, "is": HIDDEN} if name == "password" else {"wanted": wanted, "is": there}


def _same_start(wanted: str, there: str | None) -> bool:
    return there is not None and compare.same_minute(times.parse(wanted), times.parse(there))


def _same_value(wanted: Any, there: Any) -> bool:
    return _plain(wanted) == _plain(there)


def _plain(value: Any) -> str:
    """Return a flag, number or address as a text; ClickMeeting writes flags in several ways (reference 1.5)."""
    text = "" if value is None else str(value)
    word = text.lower()
    return "1" if word in validate.TRUE else "0" if word in validate.FALSE else text


_SAME: dict[str, Callable[[Any, Any], bool]] = {
    "name": compare.same_text,
    "lobby_description": compare.same_text,
    "starts_at": _same_start,
    "custom_room_url_name": compare.same_address,
    "password": compare.same_text,
}
