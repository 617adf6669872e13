"""What goes back on the wire, and the wire itself."""

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

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Wire:
    """One request's connection, down to the transport, and its line in the log."""

    scope: Scope
    receive: Receive
    send: Send
    entry: dict[str, Any]

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP connection."""
        transport: asyncio.Transport = self.scope["state"]["transport"]
        return transport

    @property
    def gone(self) -> bool:
        """Whether the connection is closed."""
        return self.transport.is_closing()

    async def until_gone(self) -> None:
        """Wait for the other side to hang up, or for our own closing to take effect."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def abort(self) -> None:
        """Reset the connection, as a crashed server or a firewall does."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()
        await self.until_gone()

    async def close(self) -> None:
        """Close the connection once what was written is out."""
        self.transport.close()
        await self.until_gone()


@dataclass
class Answer:
    """An HTTP answer; a body in pieces is made while it is sent."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, wire: Wire, stop_after: int | None = None) -> None:
        """Send the answer; `stop_after` breaks it off after so many bytes of its body."""
        headers = dict(self.headers)
        if isinstance(self.body, bytes):
            headers.setdefault("content-length", str(len(self.body)))
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        wire.entry["status"] = self.status
        await wire.send({"type": "http.response.start", "status": self.status, "headers": raw})
        for piece in _limited(self._pieces(wire), stop_after):
            await wire.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)
            if wire.gone:
                await wire.until_gone()
                return
        if stop_after is None:
            await wire.send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await wire.close()

    def _pieces(self, wire: Wire) -> Iterator[bytes]:
        if wire.scope["method"] == "HEAD":
            return iter(())
        return iter((self.body,)) if isinstance(self.body, bytes) else self.body

    @property
    def length(self) -> int | None:
        """The length of the body where it is known beforehand."""
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


def json_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return Answer(body, status, {"content-type": "application/json", **(headers or {})})


def html_answer(title: str, status: int = 200) -> Answer:
    """Answer with a page that a proxy or a login form might show."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(page.encode(), status, {"content-type": "text/html; charset=utf-8"})
