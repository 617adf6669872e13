"""Send requests with `requests`, for workers; imported when the first one is sent."""

from __future__ import annotations

import io
import logging
import threading
import time
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3 import exceptions as urllib3_failures
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_clickmeeting.api.errors import ApiError, LimitError, StallError
from airflow_clickmeeting.api.http import Request, origin, too_slow
from airflow_clickmeeting.api.redact import mask_record
from airflow_clickmeeting.hooks.settings import HEADERS, KEY_HEADER, TRUST, Settings

MAX_CONNECTIONS = 64
logging.getLogger("urllib3.connectionpool").addFilter(mask_record)
#: seconds; zero would mean that the socket does not wait at all
MIN_TIMEOUT = 0.001
#: A download may take any time, as long as so many bytes arrive in so many seconds, or in `timeout` if that is longer.
STALL_BYTES = 1 << 16
STALL_SECONDS = 60.0

#: the `seconds` from the end of this thread's request to the end of its response; None is for downloads
_time_limit = threading.local()


class _TimedResponse(HTTPResponse):
    """A response that must end in time, since a server that sends a byte now and then beats every other timeout."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if hasattr(_time_limit, "seconds"):
            limit = _time_limit.seconds
            reader = _StallReader(self.fp, sock) if limit is None else _TimedReader(self.fp, sock, limit)
            self.fp = io.BufferedReader(reader)


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a moment.

    :param file: the file of the socket.
    :param sock: the socket.
    :param limit: the seconds from now.
    """

    def __init__(self, file: Any, sock: Any, limit: float) -> None:
        self._file = file
        self._socket = sock
        self._limit = limit
        self._end = time.monotonic() + limit
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if (left := self._end - time.monotonic()) <= 0:
            raise self._too_slow()
        self._socket.settimeout(max(min(left, self._timeout or left), MIN_TIMEOUT))
        try:
            return cast("int | None", self._file.raw.readinto(buffer))
        except TimeoutError:
            if time.monotonic() < self._end:
                raise
            raise self._too_slow() from None

    def _too_slow(self) -> LimitError:
        return too_slow(self._limit)

    def close(self) -> None:
        self._file.close()
        super().close()


class _StallReader(_TimedReader):
    """Reads a download from a socket as long as enough of it arrives.

    :param file: the file of the socket.
    :param sock: the socket.
    """

    def __init__(self, file: Any, sock: Any) -> None:
        super().__init__(file, sock, max(STALL_SECONDS, sock.gettimeout() or 0))
        self._count = 0
        self._returned_at = time.monotonic()

    def readinto(self, buffer: Any) -> int | None:
        # the time that the task took to store the bytes does not count
        self._end += time.monotonic() - self._returned_at
        self._count += (count := super().readinto(buffer)) or 0
        self._returned_at = time.monotonic()
        if self._count >= STALL_BYTES:
            self._count = 0
            self._end = self._returned_at + self._limit
        return count

    def _too_slow(self) -> LimitError:
        return StallError(f"the download stalled: fewer than {STALL_BYTES} bytes arrived in {self._limit:g} s")


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Makes connections whose responses must end in time."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_timed_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        self._use_timed_pools(manager)
        return manager

    @staticmethod
    def _use_timed_pools(manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class ClickMeetingSession(requests.Session):
    """A session that adds the key only to requests for the API's own origin; threads may share it.

    `requests` would keep such a header when it follows a redirect to another host.

    :param settings: the account.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self.auth = self._bind_key
        self.headers.update(HEADERS)
        # the API needs no cookies, and their jar is not safe for threads
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(pool_maxsize=MAX_CONNECTIONS))
        self._options: dict[str, dict[str, Any]] = {}

    def prepared(self, request: Request) -> requests.PreparedRequest:
        """Return a request with the headers of this session.

        `Session.prepare_request` takes three times as long: it merges cookies and parameters, of which there are none.
        """
        body: Any = request.body
        prepared = requests.PreparedRequest()
        headers = {**self.headers, **request.headers}
        prepared.prepare(request.method, request.url, headers=headers, data=body, auth=self.auth)
        return prepared

    def options_for(self, url: str) -> dict[str, Any]:
        """Return the proxies and certificates for a URL, from the settings and the environment.

        `requests` reads the environment for each request, which takes longer than all else that it does before it
        sends; this session reads it once for each host and port.
        """
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._options:
            # given here, or else the environment's would win
            given = dict(self._settings.proxies), True, self._settings.verify, None
            self._options[host] = {**self.merge_environment_settings(url, *given)}
        return self._options[host]

    def _bind_key(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop(KEY_HEADER, None)
        url = request.url or ""
        # almost every URL begins like the API's, and this finds out without parsing both
        if url.startswith(f"{self._settings.url}/") or origin(url) == origin(self._settings.url):
            request.headers[KEY_HEADER] = self._settings.key
        return request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Add or remove the key for the target of a redirect."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        self._bind_key(prepared_request)


def send(
    session: ClickMeetingSession, request: Request, settings: Settings, *, follow: bool, total_timeout: float | None
) -> requests.Response:
    """Send a request, and return the response before its body is read; use it as a context manager.

    :param follow: whether to follow redirects.
    :param total_timeout: the seconds from the end of the request to the end of the response.
    """
    _time_limit.seconds = total_timeout
    timeout = settings.connect_timeout, settings.timeout
    options = session.options_for(request.url)
    return session.send(session.prepared(request), allow_redirects=follow, timeout=timeout, **options)


def problem_of(error: Exception, url: str) -> ApiError | None:
    """Return the error for an exception of `requests`, without the URLs and credentials that its text may contain."""
    if isinstance(error, LimitError):
        return ApiError("connection" if isinstance(error, StallError) else "unexpected", str(error), cure=error.cure)
    if not isinstance(error, failures.RequestException):
        return None
    host = url.split("/")[2]
    if isinstance(error, failures.SSLError):
        return ApiError("other", f"the certificate of {host} cannot be trusted: {_reason(error)}", cure=TRUST)
    if isinstance(error, failures.ConnectTimeout | failures.ProxyError) or _never_connected(error):
        return ApiError("connection", f"no connection to {host}: {_reason(error)}", no_effect=True)
    return ApiError("connection", f"the response of {host} was lost: {_reason(error)}")


def _never_connected(error: Exception) -> bool:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, urllib3_failures.NewConnectionError)


def _reason(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return type(cause or error).__name__
