"""Define a switch for each uncertain behaviour of the API. The defaults are the most probable behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | bool | float


@dataclass(frozen=True)
class Switch:
    """Describe one switch. Its value is one of several words, a boolean or a number."""

    default: Value
    about: str
    choices: tuple[str, ...] = ()

    def read(self, value: object) -> Value:
        """Return the value in the type of this switch, or raise `ValueError` with the accepted values."""
        word = "null" if value is None else str(value).strip()
        if self.choices:
            if word not in self.choices:
                raise ValueError(f"Use one of: {', '.join(self.choices)}.")
            return word
        if isinstance(self.default, bool):
            if word.lower() not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
                raise ValueError("Use true or false.")
            return word.lower() in {"true", "1", "yes", "on"}
        try:
            number = float(word)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise ValueError("Use a number that is 0 or more.")
        return number


def _choice(about: str, *choices: str) -> Switch:
    return Switch(choices[0], about, choices)


SWITCHES: dict[str, Switch] = {
    "active_pages": _choice("whether the list of active rooms uses the parameter `page`", "honoured", "ignored"),
    "all_recordings": _choice(
        "key of the room's id in the list of all recordings; bare: no key, 404: no list",
        "conference_id",
        "room_id",
        "bare",
        "404",
    ),
    "archived": _choice("request by id for a room that is inactive for six months; gone: HTTP 404", "unlisted", "gone"),
    "attendees_delay": Switch(0.0, "seconds until the attendee list shows a change"),
    "auto_sessions": Switch(True, "scheduled rooms hold sessions without a script"),
    "chat_format": _choice("format of the chat archive in that year", "2023", "2016"),
    "created_status": _choice("HTTP status of a response that created a room", "201", "200"),
    "delete_answer": _choice("type of the response that deleted a room", "object", "string"),
    "empty_deactivate": _choice("deactivation of tokens with an empty list; wipe: of all tokens", "refuse", "wipe"),
    "error_code": _choice("type of `code` in error objects", "int", "string"),
    "escape_names": Switch(False, "responses contain room names HTML-escaped"),
    "expired_link": _choice("HTTP status of a signed link that has expired", "410", "403"),
    "latency": Switch(0.0, "real seconds that the API waits before each response"),
    "lobby_enabled": _choice("type of `lobby_enabled`", "bool", "string"),
    "max_registrations": Switch(0.0, "highest number of registrations for a room; 0: no limit"),
    "max_rooms": Switch(0.0, "highest number of active rooms in the account; 0: no limit"),
    "media_redirect": Switch(False, "a file download redirects to the file host"),
    "no_recordings": _choice(
        "response to the list of recordings of a room without recordings", "error200", "404", "empty"
    ),
    "no_sessions": _choice("response to the list of sessions of a room without sessions", "empty", "404"),
    "past_last_page": _choice("response to a page after the last page", "empty", "repeat", "404"),
    "ping_checks_key": Switch(True, "`ping` rejects a wrong API key"),
    "ranges": Switch(True, "the file host supports range requests"),
    "recordings_delay": Switch(1200.0, "seconds from the end of a session until its recording is ready"),
    "renamed_room": _choice("URL of a room that gets a new name but no new URL", "new", "kept"),
    "room_answer": _choice("shape of the room in the responses to get and update", "wrapped", "flat"),
    "running_end": _choice("`end_date` of a session or an entry that has not ended", "null", "absent", "now"),
    "sessions_delay": Switch(0.0, "seconds until the session list shows a change"),
    "sizes": _choice("type of `recording_file_size`", "string", "int"),
    "token_answer": _choice(
        "type of the response to the search for a token by e-mail address", "array", "object", "string"
    ),
    "unconfirmed": _choice("`registration_confirmed` of a registration that is not confirmed", "string", "null"),
    "unready_recordings": _choice(
        "entry of a recording that ClickMeeting still processes; hidden: no entry", "hidden", "sizeless", "growing"
    ),
}


class Switches:
    """Hold the current value of every switch."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._values = {name: switch.default for name, switch in SWITCHES.items()}
        self.set(values or {})

    def set(self, values: Mapping[str, object]) -> None:
        """Set some switches. If a name or a value is invalid, no switch changes."""
        self._values |= {name: _read(name, value) for name, value in values.items()}

    def word(self, name: str) -> str:
        """Return the value of a switch that has words as values."""
        return str(self._values[name])

    def on(self, name: str) -> bool:
        """Return the value of a boolean switch."""
        return bool(self._values[name])

    def number(self, name: str) -> float:
        """Return the value of a numeric switch."""
        return float(self._values[name])

    def as_dict(self) -> dict[str, Value]:
        """Return the name and the value of every switch."""
        return dict(self._values)


def _read(name: str, value: object) -> Value:
    if name not in SWITCHES:
        raise ValueError(f"The switch {name!r} does not exist. Use one of: {', '.join(SWITCHES)}.")
    try:
        return SWITCHES[name].read(value)
    except ValueError as error:
        raise ValueError(f"The switch {name!r} cannot be {value!r}. {error}") from None
