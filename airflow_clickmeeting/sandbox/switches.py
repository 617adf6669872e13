"""The doubtful points of the API, each with a switch; the defaults are the most probable behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | bool | float


@dataclass(frozen=True)
class Switch:
    """One doubtful point: a choice of words, a yes/no, or a number."""

    default: Value
    about: str
    choices: tuple[str, ...] = ()

    def read(self, value: object) -> Value:
        """Return the value as this switch keeps it, or raise `ValueError`."""
        word = "null" if value is None else str(value).strip()
        if self.choices:
            if word not in self.choices:
                raise ValueError(f"may be {', '.join(self.choices)}")
            return word
        if isinstance(self.default, bool):
            if word.lower() not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
                raise ValueError("may be true or false")
            return word.lower() in {"true", "1", "yes", "on"}
        try:
            number = float(word)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise ValueError("is a number, 0 or more")
        return number


def _choice(about: str, *choices: str) -> Switch:
    return Switch(choices[0], about, choices)


SWITCHES: dict[str, Switch] = {
    "active_pages": _choice("is `page` followed in the list of active rooms", "honoured", "ignored"),
    "all_recordings": _choice("the list of all recordings", "conference_id", "room_id", "bare", "404"),
    "archived": _choice("a room inactive for six months, asked for by id", "unlisted", "gone"),
    "attendees_delay": Switch(0.0, "seconds by which the attendee list lags behind"),
    "auto_sessions": Switch(True, "scheduled rooms hold their session by themselves"),
    "chat_format": _choice("files in a chat archive, as seen in these years", "2023", "2016"),
    "created_status": _choice("HTTP status when a room was made", "201", "200"),
    "delete_answer": _choice("the answer when a room was deleted", "object", "string"),
    "empty_deactivate": _choice("deactivating tokens with an empty list", "refuse", "wipe"),
    "error_code": _choice("type of `code` in error objects", "int", "string"),
    "escape_names": Switch(False, "room names arrive HTML-escaped"),
    "expired_link": _choice("HTTP status of a signed link past its time", "410", "403"),
    "latency": Switch(0.0, "real seconds that every answer of the API takes"),
    "lobby_enabled": _choice("type of `lobby_enabled`", "bool", "string"),
    "max_registrations": Switch(0.0, "registrations a room may have; 0 is no limit"),
    "max_rooms": Switch(0.0, "active rooms the account may have; 0 is no limit"),
    "media_redirect": Switch(False, "a file download redirects to the file host"),
    "no_recordings": _choice("listing a room that has no recordings", "error200", "404", "empty"),
    "no_sessions": _choice("listing a room that never ran", "empty", "404"),
    "past_last_page": _choice("a page past the last one", "empty", "repeat", "404"),
    "ping_checks_key": Switch(True, "`ping` refuses a wrong key"),
    "ranges": Switch(True, "the file host answers range requests"),
    "recordings_delay": Switch(1200.0, "seconds from a session's end until its recording is there"),
    "renamed_room": _choice("the address of a room that gets a new name and no address", "new", "kept"),
    "room_answer": _choice("reading and updating a room", "wrapped", "flat"),
    "running_end": _choice("`end_date` of what still runs", "null", "absent", "now"),
    "sessions_delay": Switch(0.0, "seconds by which the session list lags behind"),
    "sizes": _choice("type of `recording_file_size`", "string", "int"),
    "token_answer": _choice("the answer of token by e-mail", "array", "object", "string"),
    "unconfirmed": _choice("`registration_confirmed` before it is", "string", "null"),
    "unready_recordings": _choice("a recording that is still being processed", "hidden", "sizeless", "growing"),
}


class Switches:
    """The present position of every switch."""

    def __init__(self, positions: Mapping[str, object] | None = None) -> None:
        self._positions = {name: switch.default for name, switch in SWITCHES.items()}
        self.turn(positions or {})

    def turn(self, positions: Mapping[str, object]) -> None:
        """Turn some switches; when one is unknown or its value makes no sense, none is turned."""
        self._positions |= {name: _read(name, value) for name, value in positions.items()}

    def word(self, name: str) -> str:
        """Return the position of a switch with choices."""
        return str(self._positions[name])

    def on(self, name: str) -> bool:
        """Tell whether a yes/no switch is on."""
        return bool(self._positions[name])

    def number(self, name: str) -> float:
        """Return the position of a numeric switch."""
        return float(self._positions[name])

    def as_dict(self) -> dict[str, Value]:
        """Return every position."""
        return dict(self._positions)


def _read(name: str, value: object) -> Value:
    if name not in SWITCHES:
        raise ValueError(f"There is no switch {name!r}. There are: {', '.join(SWITCHES)}.")
    try:
        return SWITCHES[name].read(value)
    except ValueError as error:
        raise ValueError(f"The switch {name!r} {error}, not {value!r}.") from None
