"""Check arguments as people write them or templates render them, and convert them to what ClickMeeting takes.

Most functions take the argument's name and its value, and raise a `ValueError` that shows both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ContextDecorator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NoReturn

from airflow_clickmeeting.api.redact import mask, without_addresses

Id = int | str

ACCESS_TYPES = {"open": 1, "password": 2, "token": 3}
ROOM_TYPES = ("meeting", "webinar")
#: the word for everything, where a missing value must not mean it
ALL = "all"
ROLES = ("listener", "presenter", "host", "moderator", "guest_speaker")
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
#: the most characters of a wrong value that an error shows, since a value may be a long list or a whole file
MAX_SHOWN = 200
#: for arguments that must not be text
RENDERED = " (a template renders to text: pass the task's output, or set render_template_as_native_obj)"

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def bad_argument(name: str, value: object, expected: str) -> NoReturn:
    """Raise the error for a wrong argument.

    :param name: the argument's name.
    :param value: the wrong value; do not pass a secret, since the error shows it.
    :param expected: what the argument must be, such as `a whole number`.
    :raises ValueError: always.
    """
    raise ValueError(f"{name} must be {expected}; got {shown(value)}.")


class argument_errors(ContextDecorator, AbstractContextManager[None]):  # noqa: N801 - used like a function
    """A context manager, or a decorator, that raises the `ValueError` for a wrong argument as another class.

    It leaves subclasses of `ValueError` alone: a decoder or a parser raises them, and they concern data, not arguments.

    :param kind: the class to raise, whose only argument is the message.
    """

    def __init__(self, kind: type[ValueError]) -> None:
        self._kind = kind

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and kind is ValueError:
            raise self._kind(*error.args).with_traceback(traceback) from error.__cause__


def shown(value: object) -> str:
    """Return a value as an error may show it: shortened, and without e-mail addresses.

    Of a dict, a list or another object, also as text, only the type is shown: a whole room contains secrets.
    """
    if value in ({}, [], ()):
        return repr(value)
    if isinstance(value, Mapping):
        return f"a dict{'; pass its id' * ('id' in value)}"
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return f"text that begins with {value.lstrip()[0]!r}"
    if not isinstance(value, str | int | float | datetime | timedelta | None):
        return f"a {type(value).__name__}"
    text = without_addresses(mask(repr(value[: 2 * MAX_SHOWN] if isinstance(value, str) else value)))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def is_left_out(value: object) -> bool:
    """Return whether an argument is missing, or is a template that rendered a missing value: None, "" or "None"."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def identifier(name: str, value: Id | None, *, also: str = "") -> int:
    """Return an id as a number; a template that rendered to an empty text or to `None` is an error.

    :param also: what else the argument may be, for the error.
    """
    expected = "the positive number of something that exists on ClickMeeting"
    return whole_number(name, value, expected=f"{expected}, or {also}" if also else expected)


def rooms_and_session(room_id: Id | Sequence[Id], session_id: Id = ALL) -> tuple[tuple[int, ...] | None, int | None]:
    """Return the ids of the given rooms and session.

    A missing value is an error, not everything: a task that was skipped hands over None, and a template renders it to
    text.

    :param room_id: the id of a room, a list of ids, or `all` for all rooms of the account.
    :param session_id: the id of a session, or `all` for all sessions; a session needs exactly one room.
    :return: the rooms' ids in ascending order, or None for all rooms; and the session's id, or None for all sessions.
    """
    rooms_given = None
    if not is_all(room_id):
        if room_id is None or (isinstance(room_id, str) and not room_id.strip().isdecimal()):
            bad_argument("room_id", room_id, "a room's id, a list of ids, or 'all' for the whole account")
        ids = [room_id] if isinstance(room_id, int | str) else rows("room_id", room_id, "ids of rooms")
        rooms_given = tuple(sorted({identifier("room_id", each) for each in ids}))
    if is_all(session_id):
        return rooms_given, None
    if session_id is None:
        bad_argument("session_id", session_id, "a session's id, or 'all' for all sessions of the room")
    if rooms_given is None or len(rooms_given) != 1:
        bad_argument("room_id", room_id, "the session's room where session_id is given")
    return rooms_given, identifier("session_id", session_id)


def is_all(value: object) -> bool:
    """Return whether an argument is the word `all`."""
    return isinstance(value, str) and value.strip().lower() == ALL


def whole_number(name: str, value: Id | None, *, least: int = 1, most: int | None = None, expected: str = "") -> int:
    """Return a whole number, also from text.

    :param least: the smallest valid number.
    :param most: the largest valid number; None is no limit.
    :param expected: what the argument must be, for the error; by default a whole number in these limits.
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit()) or int(text) < least or (most and int(text) > most):
        bad_argument(name, value, expected or f"a whole number from {least} {f'to {most}' if most else 'on'}")
    return int(text)


def max_failures(name: str, value: object) -> float:
    """Return how many items may fail, also from text: a whole number, or a number below 1 as a share of all."""
    try:
        number = -1.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = -1.0
    if not (0 <= number < 1 or (number.is_integer() and number >= 1)):
        bad_argument(name, value, "a whole number, or a share below 1 such as 0.05")
    return number


def flag(name: str, value: bool | Id | None) -> bool | None:
    """Return a boolean, also from 0 and 1 and from texts such as `true`, `no` or `1`; None stays None."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        bad_argument(name, value, "true or false")
    return text in TRUE


def decided(name: str, value: bool | Id | None) -> bool:
    """Return a boolean as `flag` does, but reject None, for arguments where a missing value must not become false."""
    found = flag(name, value)
    return bad_argument(name, value, "true or false") if found is None else found


def filled(name: str, value: object) -> str:
    """Return text that is not blank; `None` as text is an error, since a template renders it for a missing value."""
    if not isinstance(value, str) or is_left_out(value):
        bad_argument(name, value, "a text that is not blank")
    return value


def api_path(name: str, value: object) -> str:
    """Return a path below the API's URL; an address, or a path that leads out of the API, is an error."""
    path = filled(name, value).strip()
    if "//" in path or ".." in re.split(r"[/\\]", path):
        bad_argument(name, value, "a path below the API's URL, such as 'conferences/123', without '..' or a host")
    return path


def permissions(name: str, value: int | str) -> int:
    """Return the permissions of a file as a number.

    :param name: the argument's name, for the error.
    :param value: a number such as `0o600`, or octal digits as text such as `"600"`.
    :raises ValueError: for anything else; also for the number 600, which is most likely meant as octal digits.
    """
    text = f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) else str(value).strip()
    if not re.fullmatch("(0o)?0?[0-7]{1,3}", text):
        bad_argument(name, value, "permissions in octal digits, such as '600' or 0o600")
    return int(text, 8)


def secret(name: str, value: object) -> str | None:
    """Return a password or token, or None. The error does not show the value, since it may be a secret."""
    if value is not None and (not isinstance(value, str) or is_left_out(value)):
        raise ValueError(
            f"{name} must be a text that is not blank; got a value of type {type(value).__name__}, which is not shown."
        )
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """Return one of the `choices` in lower case; the argument may be in any case."""
    word = str(value).strip().lower()
    if word not in (choices := tuple(choices)):
        bad_argument(name, value, f"one of {', '.join(map(repr, choices))}")
    return word


def access_type(value: Id) -> int:
    """Return ClickMeeting's number of an access type, from the number or from `open`, `password` or `token`."""
    word = str(value).strip().lower()
    for name, number in ACCESS_TYPES.items():
        if word in {name, str(number)}:
            return number
    bad_argument("access_type", value, "'open' (1), 'password' (2) or 'token' (3)")


def language(value: object) -> str:
    """Return a two-letter language code in lower case."""
    if not re.fullmatch("[a-z]{2}", code := str(value).strip().lower()):
        bad_argument("lang", value, "a two-letter language code such as 'en' or 'pl'")
    return code


def country(value: object) -> str:
    """Return a two-letter country code in upper case."""
    if not re.fullmatch("[A-Z]{2}", code := str(value).strip().upper()):
        bad_argument("country", value, "a two-letter country code such as 'PL'")
    return code


def email(name: str, value: object) -> str:
    """Return an e-mail address, without the white space around it."""
    address = str(value).strip()
    if not is_email(address):
        bad_argument(name, value, "an e-mail address")
    return address


def email_key(address: str) -> str:
    """Return an e-mail address in the one spelling that all spellings of it share.

    The case and blanks around it do not count, nor whether a domain with letters outside ASCII is written in Unicode or
    as `xn--...`. `ß` and `ss` stay different, as in the rules for domains of today.
    """
    address = address.strip().lower()
    if address.isascii() and "xn--" not in address:
        return address
    visible = "".join(letter for letter in address if unicodedata.category(letter) != "Cf")
    local, _, domain = visible.rpartition("@")
    labels = re.split("[.\u3002]", unicodedata.normalize("NFKC", domain))
    return f"{unicodedata.normalize('NFC', local)}@{'.'.join(map(_decoded_label, labels))}"


def _decoded_label(label: str) -> str:
    try:
        found = label.removeprefix("xn--").encode("ascii").decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label
    return unicodedata.normalize("NFKC", found.lower())


def is_email(text: str) -> bool:
    """Return whether a text has the form of an e-mail address."""
    return bool(_EMAIL.fullmatch(text))


def web_address(name: str, value: object) -> str:
    """Return an http or https URL. The error does not show the value, since it may be a part of a signed link."""
    if not isinstance(value, str) or not re.match(r"https?://[^\s/]", value):
        raise ValueError(f"{name} must be a URL that begins with http:// or https://; the value is not shown.")
    return value


def rows(name: str, value: object, what: str) -> Sequence[Any]:
    """Return a list that is not empty; for text, which a template may have rendered, the error says how to pass a list.

    :param what: what the list contains, in the plural, for the error.
    """
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
    """Return a dict in which words such as `true` and `off` are replaced by booleans; other texts and numbers stay.

    `0` and `1` as text stay too, because in these dicts they may be numbers.
    """
    words = {**dict.fromkeys(TRUE[1:], True), **dict.fromkeys(FALSE[1:], False)}
    return {str(k): words.get(v.lower(), v) if isinstance(v, str) else v for k, v in table(name, value).items()}
