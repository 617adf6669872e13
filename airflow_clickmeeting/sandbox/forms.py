"""Read parameters as PHP does: bracketed names give nested values, and scalars may have several spellings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Form = dict[str, Any]

_NAME = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_STEP = re.compile(r"\[([^\]]*)\]")
_LEADING_INTEGER = re.compile(r"\s*([+-]?\d+)")
_FALSE = {"", "0", "false", "no", "off", "null", "none"}


def nest(pairs: Iterable[tuple[str, str]]) -> Form:
    """Return nested dictionaries for names such as `a[0][b]`. Each `[]` adds a new element."""
    root: Form = {}
    for name, value in pairs:
        if not name:
            continue
        *outer, last = _steps(name)
        place = root
        for step in outer:
            key = step or _next_index(place)
            if not isinstance(place.get(key), dict):
                place[key] = {}
            place = place[key]
        place[last or _next_index(place)] = value
    return root


def _steps(name: str) -> list[str]:
    match = _NAME.match(name)
    return [match[1], *_STEP.findall(match[2])] if match else [name]


def _next_index(place: Form) -> str:
    return str(max((int(key) for key in place if key.isdigit()), default=-1) + 1)


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
