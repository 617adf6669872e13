"""Addresses that people open to get into a room (reference 2 and 7)."""

from __future__ import annotations

from urllib.parse import quote


def autologin_url(room_url: str, autologin_hash: str) -> str:
    """Return the address that logs one person in."""
    return f"{room_url}{'&' if '?' in room_url else '?'}l={quote(autologin_hash)}"


def token_url(room_url: str, token: str) -> str:
    """Return the address that enters with an access token."""
    return f"{room_url.rstrip('/')}/{quote(token)}"
