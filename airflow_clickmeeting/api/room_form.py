"""Convert the parameters of a room, as people write them, to the form that ClickMeeting takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Unpack
from zoneinfo import ZoneInfo

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.api.times import Length, When
from airflow_clickmeeting.api.types import KNOWN_KEYS, ROOM_PARAMETERS, RoomParameters
from airflow_clickmeeting.api.validate import Id


def room_form(**parameters: Unpack[RoomParameters]) -> dict[str, Any]:
    """Return the form of a room, as `Call.form` takes it; parameters that are not given are None or empty in it.

    The parameters are those of `calls.create_conference`.

    :raises ValueError: for a wrong argument, and for a permanent room with a start.
    :raises TypeError: for a parameter that a room does not have.
    """
    if unknown := parameters.keys() - {*ROOM_PARAMETERS}:
        raise TypeError(
            f"A room has no parameter {', '.join(map(repr, sorted(unknown)))}. It has {', '.join(ROOM_PARAMETERS)}. "
            "Use one of these, then clear this task."
        )
    given: Callable[[str], Any] = parameters.get

    def checked(name: str, check: Callable[..., Any], *more: Any) -> Any:
        return None if given(name) is None else check(name, given(name), *more)

    permanent = validate.flag("permanent_room", given("permanent_room"))
    if permanent and given("starts_at") is not None:
        raise ValueError(f"starts_at must be left out when permanent_room is true; got {given('starts_at')!r}.")
    url_name = given("custom_room_url_name") or None
    return {
        "name": checked("name", validate.filled),
        "room_type": checked("room_type", validate.one_of, validate.ROOM_TYPES),
        "permanent_room": permanent,
        "access_type": None if given("access_type") is None else validate.access_type(given("access_type")),
        **_timing(given("starts_at"), given("duration"), given("timezone")),
        "password": checked("password", validate.secret),
        "custom_room_url_name": url_name and validate.filled("custom_room_url_name", url_name),
        "lobby_enabled": checked("lobby_enabled", validate.flag),
        "lobby_description": given("lobby_description"),
        "skin_id": checked("skin_id", validate.identifier),
        "registration": _registration_settings(given("registration")),
        "settings": _settings(given("settings"), given("encryption_enabled")),
    }


def unknown_keys(form: Mapping[str, Any]) -> str | None:
    """Return a warning about keys of `registration` and `settings` that the provider does not know; None without any.

    :param form: the result of `room_form`, or a part of it.
    """
    warnings = []
    for name, known in KNOWN_KEYS.items():
        if unknown := sorted(form.get(name, {}).keys() - {*known}):
            warnings.append(
                f"{name} has keys that the provider does not know, so ClickMeeting may ignore them: "
                f"{', '.join(map(repr, unknown))}. The known keys are {', '.join(map(repr, known))}."
            )
    return " ".join(warnings) or None


def start_of(form: Mapping[str, Any]) -> datetime | None:
    """Return the start of a room from its form as an aware datetime; None if the form has no start.

    :param form: the result of `room_form`.
    """
    if form["starts_at"] is None:
        return None
    when = datetime.fromisoformat(form["starts_at"])
    return when if when.tzinfo else when.replace(tzinfo=ZoneInfo(form["timezone"]))


def _timing(starts_at: When | None, duration: Length | None, timezone: str | None) -> dict[str, str | None]:
    if starts_at is None:
        start, name = None, None if timezone is None else times.zone(timezone).key
    else:
        start, name = times.room_time("starts_at", starts_at, timezone)
    length = None if duration is None else times.duration("duration", duration)
    return {"starts_at": start, "timezone": name, "duration": length}


def _settings(settings: Mapping[str, Any] | None, encryption_enabled: bool | Id | None) -> dict[str, Any]:
    found = validate.flags("settings", settings)
    encrypted = validate.flag("encryption_enabled", encryption_enabled)
    if encrypted is None:
        return found
    name = "encryption_enabled"
    if name in found and validate.flag(f"settings['{name}']", found[name]) != encrypted:
        raise ValueError(f"{name} is {encrypted}, but settings['{name}'] is {found[name]!r}. Give one of them.")
    return {**found, name: encrypted}


def _registration_settings(registration: Mapping[str, Any] | None) -> dict[str, Any]:
    found = validate.flags("registration", registration)
    if found.get("template") is not None:
        found["template"] = validate.whole_number("registration['template']", found["template"], most=3)
    return found
