"""Addresses that people open to get into a room (reference 2 and 7)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

from airflow_clickmeeting.api.types import Room

MAX_SLUG = 40


def autologin_url(room_url: str, autologin_hash: str) -> str:
    """Return the address that logs one person in."""
    return f"{room_url}{'&' if '?' in room_url else '?'}l={quote(autologin_hash)}"


def token_url(room_url: str, token: str) -> str:
    """Return the address that enters with an access token."""
    return f"{room_url.rstrip('/')}/{quote(token)}"


def address_of(room: Room) -> str | None:
    """Return the last part of a room's address."""
    return (
        room.get("name_url") or unquote(urlsplit(room.get("room_url", "")).path).strip("/").rpartition("/")[2] or None
    )


def slug(text: str) -> str:
    """Return a text as a part of an address that no server needs to change."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", ascii_text)[:MAX_SLUG].strip("-") or "room"
