"""Compare the wanted parameters of a room with ClickMeeting's data of it: pure functions.

Parameters that are not set are not compared. Values that ClickMeeting does not return (the skin, a hidden password,
some settings) cannot be compared. Values that differ in every response, such as role hashes, are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from airflow_clickmeeting.api import compare, times, urls, validate
from airflow_clickmeeting.api.room_form import room_form, start_of
from airflow_clickmeeting.api.types import Room

Difference = TypedDict("Difference", {"wanted": Any, "is": Any})

HIDDEN = "***"
# free text, which may contain somebody's e-mail address
NOT_LOGGED = frozenset({"lobby_description", "registration", "settings"})

# parameters that have the same name and form in ClickMeeting's data
_SAME_KEYS = (
    "name",
    "room_type",
    "permanent_room",
    "access_type",
    "timezone",
    "lobby_enabled",
    "lobby_description",
    "skin_id",
)

_TIME_PARAMETERS = {"starts_at", "timezone"}
# ClickMeeting requires `permanent_room` with these
_OF_SCHEDULED_ROOMS = {"starts_at", "duration"}
_DICT_PARAMETERS = ("registration", "settings")


def wanted_values(**parameters: Any) -> dict[str, Any]:
    """Return the wanted values of a room in the form that ClickMeeting returns: starts as instants, access as a number.

    :param parameters: those of `create_conference`; None means that a parameter is not set.
    :raises ValueError: for a wrong parameter, and if none is set.
    """
    form = room_form(**parameters)
    start = start_of(form)
    found = form | {"starts_at": start and start.isoformat()}
    if form["permanent_room"]:
        found["duration"] = None
    wanted = {name: value for name, value in found.items() if value not in (None, {})}
    if not wanted:
        raise ValueError("Nothing to compare: set at least one of the room's parameters, such as name or starts_at.")
    return wanted


def differences(room: Room, wanted: Mapping[str, Any]) -> dict[str, Difference]:
    """Return the parameters that differ, each as `{"wanted": ..., "is": ...}` of plain JSON.

    Starts are compared as instants, to the minute, durations by length, zones and URLs by name. For `registration` and
    `settings`, the result has the keys that differ. For a password, both values are `***`.

    :param room: ClickMeeting's data of the room.
    :param wanted: the result of `wanted_values`.
    """
    current = _comparable_values(room)
    found = {name: _difference(name, value, current[name]) for name, value in wanted.items() if name in current}
    return {name: difference for name, difference in found.items() if difference is not None}


def update_parameters(room: Room, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an update that gives a room the wanted values; none if nothing differs.

    These are the parameters that differ, and some that go with them: the start and the zone, because one without the
    other is ambiguous; `permanent_room` as in `with_kind`; the present end of the URL with a new name, because
    ClickMeeting would change the URL otherwise; and values that cannot be compared, which alone are no reason for an
    update.

    :param room: ClickMeeting's data of the room.
    :param wanted: the result of `wanted_values`.
    :raises ValueError: as `with_kind`.
    """
    if not (found := differences(room, wanted)):
        return {}
    current = _comparable_values(room)
    together = _TIME_PARAMETERS if found.keys() & _TIME_PARAMETERS else set()
    names = found.keys() | (wanted.keys() - current.keys()) | together
    sent = {name: value for name, value in wanted.items() if name in names}
    for name in _DICT_PARAMETERS:
        unchanged = current[name].keys() - (found[name]["wanted"].keys() if name in found else set())
        sent[name] = {key: value for key, value in wanted.get(name, {}).items() if key not in unchanged}
    if "name" in sent and (address := urls.address_of(room)):
        sent.setdefault("custom_room_url_name", wanted.get("custom_room_url_name", address))
    return with_kind(room, {name: value for name, value in sent.items() if value != {}})


def lacks_kind(parameters: Mapping[str, Any]) -> bool:
    """Return whether an update needs `permanent_room`, because it has a start or a duration, and does not have it."""
    return bool(parameters.keys() & _OF_SCHEDULED_ROOMS) and "permanent_room" not in parameters


def with_kind(room: Room, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an update, with the room's own `permanent_room` if they lack it.

    So a new start or duration never makes a permanent room a scheduled one, unless `permanent_room` is given as False.

    :param room: ClickMeeting's data of the room.
    :param parameters: those of `update_conference` that are set.
    :raises ValueError: for a start of a permanent room, and if ClickMeeting does not say whether the room is permanent.
    """
    if not lacks_kind(parameters):
        return dict(parameters)
    permanent = room.get("permanent_room")
    if permanent is None or (permanent and "starts_at" in parameters):
        problem = "is permanent and has no start" if permanent else "may be permanent; ClickMeeting does not say"
        raise ValueError(
            f"permanent_room is missing: room {room['id']} {problem}. Set permanent_room=False to make it a scheduled "
            "room."
        )
    return {**parameters, "permanent_room": permanent}


def format_differences(found: Mapping[str, Difference]) -> str:
    """Return differences in words for a log, such as `lobby_enabled is True, wanted False`.

    Parameters with free text appear by name only, so that no e-mail address is logged.
    """
    return "; ".join(
        name if name in NOT_LOGGED else f"{name} is {each['is']!r}, wanted {each['wanted']!r}"
        for name, each in found.items()
    )


def _comparable_values(room: Room) -> dict[str, Any]:
    """Return those values of a room that ClickMeeting's data have, by parameter."""
    data: dict[str, Any] = dict(room)
    values = {name: data[name] for name in _SAME_KEYS if name in data}
    if data.get("permanent_room"):
        values |= {"starts_at": None, "duration": None}
    elif data.get("starts_at"):
        values["starts_at"] = data["starts_at"]
        if data.get("ends_at"):
            values["duration"] = _duration(data["starts_at"], data["ends_at"])
    if data.get("password"):
        values["password"] = str(data["password"])
    if address := urls.address_of(room):
        values["custom_room_url_name"] = address
    enabled = {"enabled": data["registration_enabled"]} if "registration_enabled" in data else {}
    encrypted = {name: data[name] for name in ("encryption_enabled",) if name in data}
    return values | {
        "registration": enabled | _dict_or_empty(data.get("registration")),
        "settings": encrypted | _dict_or_empty(data.get("settings")),
    }


def _duration(starts_at: str, ends_at: str) -> str:
    minutes = round((times.parse(ends_at) - times.parse(starts_at)).total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def _dict_or_empty(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _difference(name: str, wanted: Any, current: Any) -> Difference | None:
    if isinstance(wanted, Mapping):
        keys = [key for key, value in wanted.items() if key in current and not _same_value(value, current[key])]
        if not keys:
            return None
        return {"wanted": {key: wanted[key] for key in keys}, "is": {key: current[key] for key in keys}}
    if _COMPARISONS.get(name, _same_value)(wanted, current):
        return None
    return {"wanted": HIDDEN, "is": HIDDEN} if name == "password" else {"wanted": wanted, "is": current}


def _same_start(wanted: str, current: str | None) -> bool:
    return current is not None and compare.same_minute(times.parse(wanted), times.parse(current))


def _same_value(wanted: Any, current: Any) -> bool:
    return _as_text(wanted) == _as_text(current)


def _as_text(value: Any) -> str:
    """Return a flag, number or text as a text to compare; ClickMeeting writes flags in several ways."""
    text = "" if value is None else str(value)
    word = text.lower()
    return "1" if word in validate.TRUE else "0" if word in validate.FALSE else text


# how to compare parameters for which equal texts are not the right test
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "name": compare.same_text,
    "lobby_description": compare.same_text,
    "starts_at": _same_start,
    "custom_room_url_name": compare.same_address,
    "password": compare.same_text,
}
