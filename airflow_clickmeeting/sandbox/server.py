"""Listen on two loopback ports, one for the API and one for the file host, in one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from airflow_clickmeeting.sandbox import api, media, page
from airflow_clickmeeting.sandbox.access import page_refusal
from airflow_clickmeeting.sandbox.answers import SANDBOX_HEADER
from airflow_clickmeeting.sandbox.clock import http_date
from airflow_clickmeeting.sandbox.control import control
from airflow_clickmeeting.sandbox.world import World

LOOPBACK = "127.0.0.1"


class _Listener(socket.socket):
    """Remember the accepted sockets by the client's address, so that a fault can reset or close a connection.

    ASGI gives an application the address of the client, but not the socket.
    """

    def __init__(self) -> None:
        # asyncio sets TCP_NODELAY only on sockets with an explicit protocol. Without it, small responses are delayed.
        super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.accepted = WeakValueDictionary[tuple[str, int], socket.socket]()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.accepted[address] = connection
        return connection, address


class Server(uvicorn.Server):
    """Serve a world over HTTP. The constructor opens the ports, and raises `OSError` if a port is in use.

    :param allowed_hosts: the host names, besides `localhost` and IP addresses, that URLs of the sandbox may have.
    """

    def __init__(self, world: World, port: int = 0, allowed_hosts: Collection[str] = ()) -> None:
        self._world, self._allowed_hosts = world, allowed_hosts
        self._listeners = {listener.getsockname()[1]: listener for listener in (_listen(port), _listen(0))}
        api_port, self._media_port = self._listeners
        self.url = world.api_url = f"http://{LOOPBACK}:{api_port}/v1/"
        world.media_url = f"http://{LOOPBACK}:{self._media_port}/"
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            http="h11",
            ws="none",
            proxy_headers=False,  # the client's address is that of its socket
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            h11_max_incomplete_event_size=1 << 20,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set, then close the files of the account."""
        try:
            asyncio.run(self.serve(sockets or [*self._listeners.values()]))
        finally:
            self._world.account.close()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                always = {b"date": http_date(self._world.clock.now).encode(), SANDBOX_HEADER.encode(): b"1"}
                headers = always | dict(message.get("headers", []))
                # a fault can remove a header by an empty value
                message["headers"] = [(name, value) for name, value in headers.items() if value]
            await send(message)

        port = scope["server"][1]
        is_media = port == self._media_port
        scope["socket"] = self._listeners[port].accepted.get(scope["client"])
        if not scope["socket"]:  # the client has closed the connection
            return
        serve: Any = media.serve if is_media else api.serve
        if not is_media and scope["path"].startswith("/_sandbox"):
            serve = control
        is_page = not is_media and page.is_page(scope)
        with suppress(ClientDisconnect):  # a client that was killed cannot receive a response
            if refusal := page_refusal(scope, self._allowed_hosts, is_link=is_media or is_page):
                await JSONResponse({"error": refusal}, 403)(scope, receive, send_with_headers)
            elif is_page:
                await page.serve(scope, receive, send_with_headers)
            else:
                await serve(self._world, scope, receive, send_with_headers)


def _listen(port: int) -> _Listener:
    listener = _Listener()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener
