"""Send requests with `httpx`, for the triggerer; imported when the first one is sent."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from airflow_clickmeeting.api.errors import ApiError, LimitError
from airflow_clickmeeting.api.http import Multipart, Request, origin, too_slow
from airflow_clickmeeting.api.redact import mask_record
from airflow_clickmeeting.hooks.settings import HEADERS, KEY_HEADER, TRUST, Settings

for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(mask_record)

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Client:
    """The client that all triggers of one event loop share for one account.

    :param settings: the account.
    """

    def __init__(self, settings: Settings) -> None:
        context = _context(settings.verify)
        self.settings = settings
        self.http = httpx.AsyncClient(
            verify=context,
            timeout=httpx.Timeout(settings.timeout, connect=settings.connect_timeout),
            headers=HEADERS,
            event_hooks={"request": [self._bind_key]},
            mounts={
                f"{scheme}://": httpx.AsyncHTTPTransport(proxy=proxy, verify=context)
                for scheme, proxy in settings.proxies
            },
        )

    async def _bind_key(self, request: httpx.Request) -> None:
        # runs for each request of a chain of redirects, since httpx would keep the header
        request.headers.pop(KEY_HEADER, None)
        if origin(str(request.url)) == origin(self.settings.url):
            request.headers[KEY_HEADER] = self.settings.key

    @asynccontextmanager
    async def send(self, request: Request, *, follow: bool) -> AsyncIterator[httpx.Response]:
        """Send a request, and yield the response before its body is read.

        :param follow: whether to follow redirects.
        :raises LimitError: if the response does not end in time; an upload may take any time.
        :raises asyncio.CancelledError: if the task was cancelled meanwhile.
        """
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        body: Any = request.body
        limit: float | None = self.settings.total_timeout
        if isinstance(request.body, Multipart):
            body, limit = _async_pieces(request.body), None
        try:
            async with (
                asyncio.timeout(limit) as timer,
                self.http.stream(
                    request.method, request.url, headers=dict(request.headers), content=body, follow_redirects=follow
                ) as response,
            ):
                yield response
        except TimeoutError:
            if limit is None or not timer.expired():
                raise
            raise too_slow(limit) from None
        if task and task.cancelling() > before:
            # anyio 4.12, which httpx uses, at times takes a cancellation for its own; a trigger would go on for ever
            raise asyncio.CancelledError


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, Client]] = WeakKeyDictionary()


def client_for(settings: Settings) -> Client:
    """Return the running loop's client for an account; created once, since each blocks the loop for 20 ms."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if settings not in clients:
        clients[settings] = Client(settings)
    return clients[settings]


def problem_of(error: Exception, url: str) -> ApiError | None:
    """Return the error for an exception of `httpx`, without the URLs and credentials that its text may contain."""
    if isinstance(error, LimitError):
        return ApiError("unexpected", str(error), cure=error.cure)
    if not isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        return None
    host = url.split("/")[2]
    reason = type(error).__name__
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error):
        return ApiError("other", f"the certificate of {host} cannot be trusted: {reason}", cure=TRUST)
    if isinstance(error, _NEVER_CONNECTED):
        return ApiError("connection", f"no connection to {host}: {reason}", no_effect=True)
    return ApiError("connection", f"the response of {host} was lost: {reason}")


@cache
def _context(verify: bool | str) -> ssl.SSLContext:
    """Return the SSL context that all clients of the process with this setting share."""
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _async_pieces(body: Multipart) -> AsyncIterator[bytes]:
    pieces = iter(body)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
