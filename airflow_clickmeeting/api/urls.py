"""Build and read the URLs that people open to enter a room."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

from airflow_clickmeeting.api.types import Room

MAX_SLUG = 40


def autologin_url(room_url: str, autologin_hash: str) -> str:
    """Return the URL that logs one person in, which is a secret of that person.

    :param room_url: the room's URL; it may have a query.
    :param autologin_hash: the hash that ClickMeeting generated for the person.
    """
    return f"{room_url}{'&' if '?' in room_url else '?'}l={quote(autologin_hash)}"


def token_url(room_url: str, token: str) -> str:
    """Return the URL that lets a person in with an access token."""
    return f"{room_url.rstrip('/')}/{quote(token)}"


def address_of(room: Room) -> str | None:
    """Return the last part of a room's URL, which is unique in an account; None if the response has no URL."""
    return (
        room.get("name_url") or unquote(urlsplit(room.get("room_url", "")).path).strip("/").rpartition("/")[2] or None
    )


def slug(text: str) -> str:
    """Return a text as the last part of a URL: lower-case ASCII letters, digits and dashes, 40 characters at most.

    ClickMeeting would change other characters. Accents are removed; the result is `room` if nothing is left.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", ascii_text)[:MAX_SLUG].strip("-") or "room"
