"""Build and read the URLs that people open to enter a room."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote, urlsplit

from airflow_clickmeeting.api.types import Room

MAX_SLUG = 40
#: the longest URL to show; browsers and proxies take that much
MAX_URL = 2000
PANEL = "https://account-panel.clickmeeting.com/"
API_HOST = "api.clickmeeting.com"

_IN_PATH = "/%!$&'()*+,;=:@~"
_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)


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


def public_url(url: object) -> str:
    """Return an http or https URL without its credentials, query and fragment, in which secrets are.

    The result is empty for everything else, and for a URL that browsers could read in another way.
    """
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return ""
    public = f"{parts.scheme}://{host}{quote(parts.path, safe=_IN_PATH)}"
    return public if len(public) <= MAX_URL else ""


def public_room_url(url: object) -> str:
    """Return the URL of a room, as `public_url` does, if its path is nothing but the room's name.

    A further part of the path may be a token that lets somebody in.
    """
    public = public_url(url)
    is_room = re.fullmatch("/[^/;=&]+/?", urlsplit(public).path)
    return public if is_room and "@" not in urlsplit(str(url)).netloc else ""


def account_panel_url(api_url: str, room_id: int | None) -> str:
    """Return the address of ClickMeeting's account panel, or of a room in it; empty for another service's API."""
    return f"{PANEL}{room_id or ''}" if urlsplit(api_url).hostname == API_HOST else ""
