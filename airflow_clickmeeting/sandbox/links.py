"""Make secret links: signed URLs that expire (`st`, `e`), and login hashes that differ in every response."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from urllib.parse import quote

LIFETIME = 300


class Signer:
    """Sign the URLs of the file host and check the signatures."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def query(self, path: str, now: float) -> str:
        """Return the query of a URL that works for the next five minutes."""
        expires = str(int(now) + LIFETIME)
        return f"st={self._signature(path, expires)}&e={expires}"

    def check(self, path: str, signature: str, expires: str, now: float) -> bool | None:
        """Return True for a valid signature, None for a valid one that has expired, and False for any other."""
        if not hmac.compare_digest(self._signature(path, expires).encode(), signature.encode()):
            return False
        return True if now <= int(expires) else None

    def _signature(self, path: str, expires: str) -> str:
        digest = hmac.digest(self._secret, f"{path}{expires}".encode(), hashlib.md5)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def recording_path(recording_id: int, started: datetime) -> str:
    """Return the path of a recording on the file host."""
    return f"/download/{started.year}/{started.month}/{started.day}/rec-{recording_id}/1/recording.mp4"


def file_path(file_id: int, name: str) -> str:
    """Return the path of a file of the library on the file host."""
    suffix = name.rpartition(".")[2] if "." in name else "bin"
    return quote(f"/download/1/1/{file_id}.{suffix}")


def role_hash(now: datetime) -> str:
    """Return 32 hexadecimal digits. The last 8 digits are the current time."""
    return secrets.token_hex(12) + f"{int(now.timestamp()):08x}"


def autologin_hash() -> str:
    """Return a new auto-login hash."""
    return secrets.token_urlsafe(83) + "__"


def registration_hash(room_pin: int, registration_id: int, email: str, nickname: str) -> str:
    """Return the parameter `r` of a join link. It contains encoded personal data, as ClickMeeting's does."""
    data = json.dumps([room_pin, registration_id, email, nickname]).encode()
    return base64.urlsafe_b64encode(data).decode().replace("=", "_")
