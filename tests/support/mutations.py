"""Mutate JSON: set each value to each kind of value, drop it, nest it, and cut the text.

A run that is not `--thorough` takes one of fifteen. Since each place has 22, every kind of value is set somewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

RECORDED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("recorded.json").read_text())

KINDS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    float("nan"),
    "",
    "x",
    "0",
    "error",
    "0000-00-00 00:00:00",
    "9999-12-31T23:59:59-12:00",
    [],
    {},
    [[]],
    {"x": "y"},
)
_step = 15
#: the place of a value: the keys and indices that lead to it
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the place of each value in JSON, the outermost first."""
    yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*at, key))


def value_at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def replaced(value: Any, place: Place, new: Any) -> Any:
    """Return a copy of JSON with another value at a place."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


def dropped(value: Any, place: Place) -> Any:
    """Return a copy of JSON without the value at a place."""
    *outer, key = place
    holder = value_at(value, tuple(outer)).copy()
    del holder[key]
    return replaced(value, tuple(outer), holder)


def mutations(value: Any) -> Iterator[tuple[Place, Any]]:
    """Yield mutated copies of JSON with the place that differs."""
    yield from islice(_all_mutations(value), 0, None, _step)


def _all_mutations(value: Any) -> Iterator[tuple[Place, Any]]:
    for place in places(value):
        old = value_at(value, place)
        for new in (*KINDS, [old], {"x": old}, [old, old]):
            yield place, replaced(value, place, new)
        if place:
            yield place, dropped(value, place)


def bodies(value: Any) -> Iterator[bytes]:
    """Yield the body of each mutated copy of JSON, and its text cut at several points."""
    for _, mutated in mutations(value):
        yield json.dumps(mutated).encode()
    text = json.dumps(value).encode()
    yield from (text[:end] for end in {0, 1, len(text) // 3, len(text) // 2, len(text) - 1})
    yield from (b"<html>" + text, text + text, b"\xff" + text, b"[" * 100_000)


def pytest_configure(config: pytest.Config) -> None:
    global _step
    if config.getoption("--thorough"):
        _step = 1
