"""Read parameters as PHP does: bracketed names give nested values, and scalars may have several spellings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

Form = dict[str, Any]
Reader = Callable[[Any], Any]

# PHP ignores a parameter that is nested more deeply.
MAX_NESTING = 64
_NAME = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_STEP = re.compile(r"\[([^\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,18}")
_LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,18})")
_FALSE = {"", "0", "false", "no", "off", "null", "none"}


def nest(pairs: Iterable[tuple[str, str]]) -> Form:
    """Return nested dictionaries for names such as `a[0][b]`. Each `[]` adds a new element."""
    root: Form = {}
    for name, value in pairs:
        match = _NAME.match(name)
        *outer, last = [match[1], *_STEP.findall(match[2])] if match else [name]
        if not name or len(outer) > MAX_NESTING:
            continue
        place = root
        for step in outer:
            key = step or _next_index(place)
            if not isinstance(place.get(key), dict):
                place[key] = {}
            place = place[key]
        place[last or _next_index(place)] = value
    return root


def _next_index(place: Form) -> str:
    return str(max((int(key) for key in place if _INDEX.fullmatch(key)), default=-1) + 1)


def read_object(body: bytes) -> Form:
    """Return the JSON object in a body; an empty body is an empty object.

    :raises ValueError: if the body is not JSON, is nested too deeply, or has a value that is not JSON, such as `NaN`.
    :raises TypeError: if the JSON is not an object.
    """
    try:
        data = json.loads(body or b"{}")
        # `NaN`, `1e999` and half of a surrogate pair can be read, but no response could hold them
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    if not isinstance(data, dict):
        raise TypeError(f"The body must be a JSON object, not a {type(data).__name__}.")
    return data


def items(value: Any) -> list[Any]:
    """Return the elements of a list that was sent as a list, a bracketed group or a single value."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return [] if value in {None, ""} else [value]


def group(form: Form, name: str) -> Form:
    """Return a bracketed group such as `settings[...]`. A missing group is empty."""
    value = form.get(name)
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def text(form: Form, name: str) -> str:
    """Return a parameter as stripped text. A missing parameter is empty."""
    value = form.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def flag(value: Any) -> bool:
    """Return a boolean. Empty, 0, false, no, off, null and none are false; any other value is true."""
    return str(value).strip().lower() not in _FALSE


def integer(value: Any) -> int | None:
    """Return the integer at the start of a value, or None. The value `1.json` gives 1."""
    match = _LEADING_INTEGER.match(str(value))
    return int(match[1]) if match else None


def one_of(*choices: Any, convert: Callable[[Any], Any] = str) -> Reader:
    """Return a function that converts a value, and raises `ValueError` unless it is one of the choices."""

    def read(value: Any) -> Any:
        if (converted := convert(value)) not in choices:
            raise ValueError(f"Use one of: {', '.join(map(str, choices))}.")
        return converted

    return read


def number(least: float, most: float, convert: Callable[[Any], float] = int) -> Reader:
    """Return a function that converts a value, and raises `ValueError` unless it is a number in a range."""

    def read(value: Any) -> float:
        try:
            converted = convert(value)
        except (TypeError, ValueError, OverflowError):
            converted = least - 1
        if not least <= converted <= most:
            raise ValueError(f"Use a number from {least:g} to {most:g}.")
        return converted

    return read
