"""Links that let their bearer in: signed ones with an end (`st`, `e`), and hashes that differ at every read."""

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
    """Signs paths on the file host."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def query(self, path: str, now: datetime) -> str:
        """Return the query of a link that works from now for five minutes."""
        expires = int(now.timestamp()) + LIFETIME
        return f"st={self._signature(path, expires)}&e={expires}"

    def check(self, path: str, signature: str, expires: str, now: datetime) -> bool | None:
        """Tell whether a link is good; `None` is a good one past its time."""
        if not expires.isdecimal() or not hmac.compare_digest(
            self._signature(path, int(expires)), signature.encode("ascii", "replace").decode()
        ):
            return False
        return True if now.timestamp() <= int(expires) else None

    def _signature(self, path: str, expires: int) -> str:
        digest = hmac.digest(self._secret, f"{path}{expires}".encode(), hashlib.md5)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def recording_path(recording_id: int, started: datetime) -> str:
    """Return a recording's path on the file host."""
    return f"/download/{started.year}/{started.month}/{started.day}/rec-{recording_id}/1/recording.mp4"


def file_path(file_id: int, name: str) -> str:
    """Return a library file's path on the file host."""
    suffix = name.rpartition(".")[2] if "." in name else "bin"
    return quote(f"/download/1/1/{file_id}.{suffix}")


def role_hash(now: datetime) -> str:
    """Return 32 hexadecimal digits, the last 8 of which tell the time."""
    return secrets.token_hex(12) + f"{int(now.timestamp()):08x}"


def autologin_hash() -> str:
    """Return a fresh login."""
    return secrets.token_urlsafe(83) + "__"


def registration_hash(room_pin: int, registration_id: int, email: str, nickname: str) -> str:
    """Return a personal entry link's `r`: obfuscated personal data, as the real one."""
    data = json.dumps([room_pin, registration_id, email, nickname]).encode()
    return base64.urlsafe_b64encode(data).decode().replace("=", "_")
