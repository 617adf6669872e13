"""Arguments as people write them, and templates render them, to what ClickMeeting takes; or why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

Id = int | str

ACCESS_TYPES = {"open": 1, "password": 2, "token": 3}
ROOM_TYPES = ("meeting", "webinar")
ROLES = ("listener", "presenter", "host", "moderator", "guest_speaker")
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
RENDERED = " (a template renders to text: pass the task's output, or set render_template_as_native_obj)"

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def bad_argument(name: str, value: object, expected: str) -> NoReturn:
    """Raise the error for a wrong argument: which one, what it may be, what it is."""
    raise ValueError(f"{name} must be {expected}; got {value!r}.")


def identifier(name: str, value: Id | None) -> int:
    """Return an id as a number; a template that rendered to nothing is refused."""
    return whole_number(name, value, expected="the positive number of something that exists on ClickMeeting")


def rooms_and_session(
    room_id: Id | Sequence[Id] | None, session_id: Id | None
) -> tuple[tuple[int, ...] | None, int | None]:
    """Return the ids of rooms, ascending, or None for the whole account; and the id of a session of the only room."""
    rooms = None
    if room_id is not None:
        ids = [room_id] if isinstance(room_id, int | str) else rows("room_id", room_id, "ids of rooms")
        rooms = tuple(sorted({identifier("room_id", each) for each in ids}))
    if session_id is None:
        return rooms, None
    if rooms is None or len(rooms) != 1:
        bad_argument("room_id", room_id, "the session's room where session_id is given")
    return rooms, identifier("session_id", session_id)


def whole_number(name: str, value: Id | None, *, least: int = 1, most: int | None = None, expected: str = "") -> int:
    """Return a whole number that is not too small, also from its rendered string."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit()) or int(text) < least or (most and int(text) > most):
        bad_argument(name, value, expected or f"a whole number from {least} {f'to {most}' if most else 'on'}")
    return int(text)


def max_failures(name: str, value: object) -> float:
    """Return how much may fail: a whole number, or below 1 a share of all, also from a rendered string."""
    try:
        number = -1.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = -1.0
    if not (0 <= number < 1 or (number.is_integer() and number >= 1)):
        bad_argument(name, value, "a whole number, or a share below 1 such as 0.05")
    return number


def flag(name: str, value: bool | Id | None) -> bool | None:
    """Return a boolean, also from 0, 1 and their rendered words; None stays None."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        bad_argument(name, value, "true or false")
    return text in TRUE


def decided(name: str, value: bool | Id | None) -> bool:
    """Return a boolean as `flag` does, where nothing must not stand for either."""
    found = flag(name, value)
    return bad_argument(name, value, "true or false") if found is None else found


def filled(name: str, value: object) -> str:
    """Return a string that is not blank."""
    if not isinstance(value, str) or not value.strip() or value == "None":
        bad_argument(name, value, "a text that is not blank")
    return value


def secret(name: str, value: object) -> str | None:
    """Return a password or token, or None; what a template turned into something else is refused, but not shown."""
    if value is not None and (not isinstance(value, str) or not value.strip() or value == "None"):
        raise ValueError(f"{name} must be a text that is not blank; got {type(value).__name__}, which is not shown.")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """Return one of some words, whatever its case."""
    word = str(value).strip().lower()
    if word not in (choices := tuple(choices)):
        bad_argument(name, value, f"one of {', '.join(map(repr, choices))}")
    return word


def access_type(value: Id) -> int:
    """Return ClickMeeting's number of an access type, given as a word or a number."""
    word = str(value).strip().lower()
    for name, number in ACCESS_TYPES.items():
        if word in {name, str(number)}:
            return number
    bad_argument("access_type", value, "'open' (1), 'password' (2) or 'token' (3)")


def language(value: object) -> str:
    """Return a two-letter language code."""
    if not re.fullmatch("[a-z]{2}", code := str(value).strip().lower()):
        bad_argument("lang", value, "a two-letter language code such as 'en' or 'pl'")
    return code


def country(value: object, name: str = "country") -> str:
    """Return a two-letter country code in capitals."""
    if not re.fullmatch("[A-Z]{2}", code := str(value).strip().upper()):
        bad_argument(name, value, "a two-letter country code such as 'PL'")
    return code


def email(name: str, value: object) -> str:
    """Return an e-mail address, without white space around it."""
    address = str(value).strip()
    if not is_email(address):
        bad_argument(name, value, "an e-mail address")
    return address


def is_email(text: str) -> bool:
    """Tell whether a text is an e-mail address."""
    return bool(_EMAIL.fullmatch(text))


def web_address(name: str, value: object) -> str:
    """Return an http(s) address; a wrong one is not shown, for it may be half of a signed link."""
    if not isinstance(value, str) or not re.match(r"https?://[^\s/]", value):
        raise ValueError(f"{name} must be an address that begins with http:// or https://.")
    return value


def rows(name: str, value: object, what: str) -> Sequence[Any]:
    """Return a list that is not empty; a string is most likely a template that rendered to text."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        bad_argument(name, value, f"a list of {what}{RENDERED if isinstance(value, str) else ''}")
    if not value:
        bad_argument(name, value, f"a list with at least one of the {what}")
    return value


def table(name: str, value: object) -> Mapping[Any, Any]:
    """Return a dict, or an empty one for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        bad_argument(name, value, "a dict")
    return value


def flags(name: str, value: object) -> dict[str, Any]:
    """Return a dict whose words for true and false have become booleans; addresses and numbers stay."""
    words = {**dict.fromkeys(TRUE[1:], True), **dict.fromkeys(FALSE[1:], False)}
    return {str(k): words.get(v.lower(), v) if isinstance(v, str) else v for k, v in table(name, value).items()}
