"""Requests over `requests`, for workers; imported when the first one is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as urllib3_failures

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.http import CHUNK, Request, origin
from airflow_clickmeeting.hooks.settings import HEADERS, KEY_HEADER, Settings

MAX_CONNECTIONS = 64


class ClickMeetingSession(requests.Session):
    """A session that adds the key to requests for the API's own origin, and to no other; threads may share it.

    `requests` would carry such a header along in a redirection; here it stays behind.

    :param settings: the account.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self.auth = self._bind_key
        self.headers.update(HEADERS)
        # the API needs no cookies, and their jar is what threads would get in each other's way at
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=MAX_CONNECTIONS))

    def _bind_key(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop(KEY_HEADER, None)
        if origin(request.url or "") == origin(self._settings.url):
            request.headers[KEY_HEADER] = self._settings.key
        return request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Decide anew about the key, for the place that a redirection leads to."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        self._bind_key(prepared_request)


@contextmanager
def answer_to(
    session: requests.Session, request: Request, settings: Settings, *, follow: bool
) -> Iterator[requests.Response]:
    """Send a request and yield the answer before its body is read.

    :param follow: whether to go where a redirection leads.
    """
    body: Any = request.body
    with session.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        data=body,
        stream=True,
        allow_redirects=follow,
        timeout=(settings.connect_timeout, settings.timeout),
        # given per request, for else the environment's would win
        verify=settings.verify,
        proxies=dict(settings.proxies),
    ) as response:
        yield response


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Read a body piece by piece."""
    pieces: Iterator[bytes] = response.iter_content(CHUNK)
    return pieces


def problem_of(error: Exception, url: str) -> ApiError | None:
    """Return what a failure of the transport means, without the addresses and credentials its text may hold."""
    if not isinstance(error, failures.RequestException):
        return None
    host = url.split("/")[2]
    if isinstance(error, failures.SSLError):
        return ApiError("other", f"{host} has no certificate that can be trusted: {_reason(error)}")
    if isinstance(error, failures.ConnectTimeout | failures.ProxyError) or _never_connected(error):
        return ApiError("connection", f"no connection to {host}: {_reason(error)}", no_effect=True)
    return ApiError("connection", f"the answer of {host} was lost: {_reason(error)}")


def _never_connected(error: Exception) -> bool:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, urllib3_failures.NewConnectionError)


def _reason(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return type(cause or error).__name__
