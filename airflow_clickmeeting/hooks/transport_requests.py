"""Send requests with `requests`, for workers; imported when the first one is sent."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as urllib3_failures

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.http import Request, origin
from airflow_clickmeeting.hooks.settings import HEADERS, KEY_HEADER, Settings

MAX_CONNECTIONS = 64


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
            self.mount(scheme, HTTPAdapter(pool_maxsize=MAX_CONNECTIONS))

    def _bind_key(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop(KEY_HEADER, None)
        if origin(request.url or "") == origin(self._settings.url):
            request.headers[KEY_HEADER] = self._settings.key
        return request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Add or remove the key for the target of a redirect."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        self._bind_key(prepared_request)


def send(session: requests.Session, request: Request, settings: Settings, *, follow: bool) -> requests.Response:
    """Send a request, and return the response before its body is read; use it as a context manager.

    :param follow: whether to follow redirects.
    """
    body: Any = request.body
    return session.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        data=body,
        stream=True,
        allow_redirects=follow,
        timeout=(settings.connect_timeout, settings.timeout),
        # given per request, or else the environment's would win
        verify=settings.verify,
        proxies=dict(settings.proxies),
    )


def problem_of(error: Exception, url: str) -> ApiError | None:
    """Return the error for an exception of `requests`, without the URLs and credentials that its text may contain."""
    if not isinstance(error, failures.RequestException):
        return None
    host = url.split("/")[2]
    if isinstance(error, failures.SSLError):
        return ApiError("other", f"the certificate of {host} cannot be trusted: {_reason(error)}")
    if isinstance(error, failures.ConnectTimeout | failures.ProxyError) or _never_connected(error):
        return ApiError("connection", f"no connection to {host}: {_reason(error)}", no_effect=True)
    return ApiError("connection", f"the response of {host} was lost: {_reason(error)}")


def _never_connected(error: Exception) -> bool:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, urllib3_failures.NewConnectionError)


def _reason(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return type(cause or error).__name__
