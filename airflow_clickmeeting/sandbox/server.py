"""Listen on two loopback ports, one for the API and one for the file host, in one event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_clickmeeting.sandbox import api, media
from airflow_clickmeeting.sandbox.control import control
from airflow_clickmeeting.sandbox.world import World

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"


class _Protocol(H11Protocol):
    """Pass the TCP connection to the application, which can then reset or close it for a fault."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Server:
    """Serve a world over HTTP. The constructor opens the ports, and raises `OSError` if a port is in use."""

    def __init__(self, world: World, port: int = 0) -> None:
        self._world = world
        self._sockets = [_listen(port), _listen(0)]
        api_port, media_port = (listener.getsockname()[1] for listener in self._sockets)
        self.url = world.api_url = f"http://{LOOPBACK}:{api_port}/v1/"
        world.media_url = f"http://{LOOPBACK}:{media_port}/"
        config = uvicorn.Config(
            _application(world, media_port),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            h11_max_incomplete_event_size=1 << 20,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)

    @property
    def started(self) -> bool:
        """Return whether the server accepts requests."""
        return self._uvicorn.started

    def run(self) -> None:
        """Serve until `stop` is called, then close the files of the account."""
        try:
            asyncio.run(self._uvicorn.serve(self._sockets))
        finally:
            self._world.account.close()

    def stop(self) -> None:
        """Make `run` end. This method does not wait for it."""
        self._uvicorn.should_exit = True


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets with an explicit protocol. Without it, small responses are delayed.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


# A client may trust a clock that is far from its own only if the other side says that it is a sandbox.
SANDBOX_HEADER = b"x-clickmeeting-sandbox"


def _application(world: World, media_port: int) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {b"date": _date(world), SANDBOX_HEADER: b"1", **dict(message.get("headers", []))}
                # a fault can remove a header by an empty value
                message["headers"] = [(name, value) for name, value in headers.items() if value]
            await send(message)

        app: Any = api.serve
        if scope["server"][1] == media_port:
            app = media.serve
        elif scope["path"].startswith("/_sandbox"):
            app = control
        with suppress(ClientDisconnect):  # a client that was killed cannot receive a response
            await app(world, scope, receive, send_with_headers)

    return application


def _date(world: World) -> bytes:
    return format_datetime(world.clock.now, usegmt=True).encode()
