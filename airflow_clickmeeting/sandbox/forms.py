"""Parameters as PHP reads them: bracketed names become nested values, and scalars are taken leniently."""

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
    """Turn `a[0][b]=1&a[1][b]=2` into nested dictionaries; every `[]` opens a new element."""
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
    """Return the elements of a list, however it was sent."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return [] if value in {None, ""} else [value]


def group(form: Form, name: str) -> Form:
    """Return a bracketed group such as `settings[...]`; an absent one is empty."""
    value = form.get(name)
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def text(form: Form, name: str) -> str:
    """Return a parameter as stripped text; an absent one is empty."""
    value = form.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def flag(value: Any) -> bool:
    """Read a boolean: 1 0 true false True False yes no on off, and empty."""
    return str(value).strip().lower() not in _FALSE


def integer(value: Any) -> int | None:
    """Read the leading integer, so that `1.json` is 1."""
    match = _LEADING_INTEGER.match(str(value))
    return int(match[1]) if match else None
