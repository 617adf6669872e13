"""Build HTTP responses and send them to the client."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

# With this linger option, the kernel sends a reset instead of a regular end when the socket is closed.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_WITHOUT_BODY = {204, 304}
# A client may trust a clock that is far from its own only if the other side says that it is a sandbox.
SANDBOX_HEADER = "x-clickmeeting-sandbox"


@dataclass
class Connection:
    """Give access to the TCP connection of one request, and to the request's entry in the log."""

    scope: Scope
    receive: Receive
    send: Send
    entry: dict[str, Any]

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, by the client or by the sandbox."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """Close the connection after what was sent, and wait until it is closed."""
        # The socket belongs to the server. An end of input makes the server close it, as if the client had closed it.
        with suppress(OSError):  # the client was faster
            self.scope["socket"].shutdown(socket.SHUT_RD)
        await self.wait_closed()

    async def abort(self) -> None:
        """Reset the connection, as a crashed server or a firewall does, and wait until it is closed."""
        with suppress(OSError):
            self.scope["socket"].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        await self.close()


@dataclass
class Response:
    """Describe one HTTP response. If the body is an iterator, the sandbox produces it while sending it.

    :param stop_after: the number of bytes of the body after which to close the connection; None sends all.
    :param pause: the seconds after each part of the body.
    """

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stop_after: int | None = None
    pause: float = 0

    def __post_init__(self) -> None:
        self.headers = dict(self.headers)  # a fault changes it
        if isinstance(self.body, bytes) and self.status not in _WITHOUT_BODY:
            self.headers.setdefault("content-length", str(len(self.body)))

    async def send(self, connection: Connection) -> None:
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
        connection.entry["status"] = self.status
        await connection.send({"type": "http.response.start", "status": self.status, "headers": raw})
        is_empty = connection.scope["method"] == "HEAD" or self.status in _WITHOUT_BODY
        for piece in () if is_empty else limited(self.pieces(), self.stop_after):
            await connection.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(self.pause)  # also lets the server notice that the client has closed the connection
            if connection.scope["socket"].fileno() < 0:  # the server has closed its end
                await connection.wait_closed()
                return
        if self.stop_after is None:
            await connection.send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await connection.close()

    def pieces(self) -> Iterator[bytes]:
        return iter((self.body,)) if isinstance(self.body, bytes) else self.body

    @property
    def length(self) -> int | None:
        """Return the length of the body, or None if it is unknown before the body is produced."""
        length = self.headers.get("content-length")
        return int(length) if length else None

    def replace_body(self, body: bytes | Iterator[bytes], length: int | None = None) -> None:
        """Change the body. If its length is unknown, the client finds the end of the body by itself."""
        self.body = body
        length = len(body) if isinstance(body, bytes) else length
        self.headers["content-length"] = "" if length is None else str(length)


def limited(pieces: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    """Yield the first `limit` bytes; None yields all."""
    for piece in pieces:
        yield piece[:limit]
        if limit is not None:
            limit = max(limit - len(piece), 0)
            if not limit:
                return


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return Response(body, status, {"content-type": "application/json", **(headers or {})})


def html_response(title: str, status: int = 200) -> Response:
    """Return a web page like that of a proxy, which a client must not accept as JSON."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>"
    return Response(page.encode(), status, {"content-type": "text/html; charset=utf-8"})
