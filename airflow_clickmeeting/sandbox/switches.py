"""Define a switch for each uncertain behaviour of the API. The defaults are the most probable behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_clickmeeting.sandbox.forms import flag, number, one_of

Value = str | bool | float
MAX_NUMBER = 1e9


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
            return str(one_of(*self.choices)(word))
        if isinstance(self.default, bool):
            if word.lower() not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
                raise ValueError("Use true or false.")
            return flag(word)
        return float(number(0, MAX_NUMBER, float)(word))


def _words(choices: str, about: str) -> Switch:
    words = tuple(choices.split())
    return Switch(words[0], about, words)


SWITCHES: dict[str, Switch] = {
    "active_pages": _words("honoured ignored", "whether the list of active rooms uses the parameter `page`"),
    "all_recordings": _words(
        "conference_id room_id bare 404",
        "key of the room's id in the list of all recordings; bare: none",
    ),
    "archived": _words("unlisted gone", "request by id for a room that is inactive for six months; gone: HTTP 404"),
    "attendees_delay": Switch(0.0, "seconds until the attendee list shows a change"),
    "auto_sessions": Switch(True, "scheduled rooms hold sessions without a script"),
    "chat_format": _words("2023 2016", "format of the chat archive in that year"),
    "created_status": _words("201 200", "HTTP status of a response that created a room"),
    "delete_answer": _words(
        "object string by_extension", "response to a deletion; by_extension: an object after a path with .json"
    ),
    "empty_deactivate": _words("refuse wipe", "deactivation of tokens with an empty list; wipe: of all tokens"),
    "error_code": _words("int string", "type of `code` in error objects"),
    "escape_names": Switch(False, "responses contain room names HTML-escaped"),
    "expired_link": _words("410 403", "HTTP status of a signed link that has expired"),
    "guest_token": _words(
        "free_or_new new free", "token of a guest of a room with tokens; free: none if all are bound"
    ),
    "latency": Switch(0.0, "real seconds that the API waits before each response"),
    "lobby_enabled": _words("bool string", "type of `lobby_enabled`"),
    "max_registrations": Switch(0.0, "highest number of registrations for a room; 0: no limit"),
    "max_rooms": Switch(0.0, "highest number of active rooms in the account; 0: no limit"),
    "media_redirect": Switch(False, "a file download redirects to the file host"),
    "no_recordings": _words("error200 404 empty", "list of recordings of a room without recordings"),
    "no_sessions": _words("empty 404", "response to the list of sessions of a room without sessions"),
    "past_last_page": _words("empty repeat 404", "response to a page after the last page"),
    "ping_checks_key": Switch(True, "`ping` rejects a wrong API key"),
    "polls": _words(
        "first every absent",
        "entries of a person that have their answers to polls; absent: entries lack `polls`, `city` and `country_iso3`",
    ),
    "ranges": Switch(True, "the file host supports range requests"),
    "rate_limit": Switch(0.0, "highest number of requests to the API per second; more get HTTP 429; 0: no limit"),
    "rate_limit_per_minute": Switch(0.0, "highest number of requests to the API per minute; 0: no limit"),
    "rate_limit_retry_after": Switch(True, "the responses of these limits have a `Retry-After`"),
    "recordings_delay": Switch(1200.0, "seconds from the end of a session until its recording is ready"),
    "renamed_room": _words("new kept", "URL of a room that gets a new name but no new URL"),
    "room_answer": _words("wrapped flat", "shape of the room in the responses to get and update"),
    "running_end": _words("null absent now", "`end_date` of a session or an entry that has not ended"),
    "sessions_delay": Switch(0.0, "seconds until the session list shows a change"),
    "sizes": _words("string int", "type of `recording_file_size`"),
    "token_answer": _words("array object string", "response to the search for a token by e-mail address"),
    "unconfirmed": _words("string null", "`registration_confirmed` of a registration that is not confirmed"),
    "unready_recordings": _words(
        "hidden sizeless growing", "entry of a recording that is being processed; hidden: none"
    ),
}


class Switches:
    """Hold the current value of every switch: a word, a boolean or a number."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._values = {name: switch.default for name, switch in SWITCHES.items()}
        self.set(values or {})

    def set(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Set some switches, and return all. If a name or a value is invalid, no switch changes."""
        self._values |= {name: _read(name, value) for name, value in values.items()}
        return self.as_dict()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

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
