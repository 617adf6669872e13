"""Compare values that were sent to ClickMeeting with values that it returns, which may be written differently."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape


def same_text(one: str | None, other: str | None) -> bool:
    """Return whether two texts are the same; either may have HTML entities, and None is the same as an empty text."""
    return _normalize_text(one) == _normalize_text(other)


def same_minute(one: datetime, other: datetime) -> bool:
    """Return whether two times are in the same minute, because ClickMeeting rounds times to minutes."""
    return _to_minute(one) == _to_minute(other)


def same_address(one: str | None, other: str | None) -> bool:
    """Return whether two names from the ends of room URLs are the same.

    ClickMeeting changes their case, and replaces spaces and dashes with `_` or `-`. Two empty names are not the same.
    """
    return _normalize_address(one) == _normalize_address(other) != ""


def ends_alike(address: str | None, ending: str) -> bool:
    """Return whether the last word of a name in a room URL is `ending`; words are separated by `-` or `_`."""
    return _normalize_address(address).rpartition("-")[2] == _normalize_address(ending) != ""


def _normalize_text(text: str | None) -> str:
    return unescape(text or "").strip()


def _to_minute(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(second=0, microsecond=0)


def _normalize_address(text: str | None) -> str:
    return re.sub(r"[\W_]+", "-", (text or "").casefold()).strip("-")
