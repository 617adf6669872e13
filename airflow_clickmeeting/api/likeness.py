"""When what ClickMeeting shows is what it was sent, though spelled otherwise (reference 1.3, 1.6, 2)."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from html import unescape
from urllib.parse import unquote, urlsplit

from airflow_clickmeeting.api.shapes import Room

LONGEST_SLUG = 40


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


def address_of(room: Room) -> str | None:
    """Return the last part of a room's address."""
    return (
        room.get("name_url") or unquote(urlsplit(room.get("room_url", "")).path).strip("/").rpartition("/")[2] or None
    )


def slug(text: str) -> str:
    """Return a text as a part of an address that no server needs to change."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", ascii_text)[:LONGEST_SLUG].strip("-") or "room"


def _text(text: str | None) -> str:
    return unescape(text or "").strip()


def _minute(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(second=0, microsecond=0)


def _address(text: str | None) -> str:
    return re.sub(r"[\W_]+", "-", (text or "").casefold()).strip("-")
