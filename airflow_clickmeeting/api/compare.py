"""When what ClickMeeting shows is what it was sent, though spelled otherwise (reference 1.3, 1.6, 2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape


def same_text(one: str | None, other: str | None) -> bool:
    """Compare texts; one may be HTML-escaped, and nothing is an empty one."""
    return _text(one) == _text(other)


def same_minute(one: datetime, other: datetime) -> bool:
    """Compare instants to the minute, to which ClickMeeting rounds."""
    return _minute(one) == _minute(other)


def same_address(one: str | None, other: str | None) -> bool:
    """Compare last parts of addresses: ClickMeeting changes case, and turns spaces and dashes into `_` or `-`."""
    return _address(one) == _address(other) != ""


def ends_alike(address: str | None, ending: str) -> bool:
    """Tell whether the last word of an address is this one."""
    return _address(address).rpartition("-")[2] == _address(ending) != ""


def _text(text: str | None) -> str:
    return unescape(text or "").strip()


def _minute(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(second=0, microsecond=0)


def _address(text: str | None) -> str:
    return re.sub(r"[\W_]+", "-", (text or "").casefold()).strip("-")
