"""Build HTTP responses and send them to the client."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

# With this linger option, the kernel sends a reset instead of a regular end when the socket is closed.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Connection:
    """Give access to the TCP connection of one request, and to the request's entry in the log."""

    scope: Scope
    receive: Receive
    send: Send
    entry: dict[str, Any]

    @property
    def transport(self) -> asyncio.Transport:
        """Return the TCP connection."""
        transport: asyncio.Transport = self.scope["state"]["transport"]
        return transport

    @property
    def closed(self) -> bool:
        """Return whether the connection is closed or closing."""
        return self.transport.is_closing()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, by the client or by the sandbox."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def abort(self) -> None:
        """Reset the connection, as a crashed server or a firewall does, and wait until it is closed."""
        tcp_socket: socket.socket = self.transport.get_extra_info("socket")
        tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()
        await self.wait_closed()

    async def close(self) -> None:
        """Close the connection after all written bytes are sent, and wait until it is closed."""
        self.transport.close()
        await self.wait_closed()


@dataclass
class Response:
    """Describe one HTTP response. If the body is an iterator, the sandbox produces it while sending it."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, connection: Connection, stop_after: int | None = None) -> None:
        """Send the response.

        :param stop_after: the number of bytes of the body after which to close the connection; None sends all.
        """
        headers = dict(self.headers)
        if isinstance(self.body, bytes):
            headers.setdefault("content-length", str(len(self.body)))
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        connection.entry["status"] = self.status
        await connection.send({"type": "http.response.start", "status": self.status, "headers": raw})
        for piece in _limited(self._pieces(connection), stop_after):
            await connection.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # Lets the server notice that the client has closed the connection.
            if connection.closed:
                await connection.wait_closed()
                return
        if stop_after is None:
            await connection.send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await connection.close()

    def _pieces(self, connection: Connection) -> Iterator[bytes]:
        if connection.scope["method"] == "HEAD":
            return iter(())
        return iter((self.body,)) if isinstance(self.body, bytes) else self.body

    @property
    def length(self) -> int | None:
        """Return the length of the body, or None if it is unknown before the body is produced."""
        if isinstance(self.body, bytes):
            return len(self.body)
        length = self.headers.get("content-length")
        return int(length) if length else None


def _limited(pieces: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
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
    """Return a web page like that of a proxy or a login form, which a client must not accept as JSON."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page.encode(), status, {"content-type": "text/html; charset=utf-8"})
