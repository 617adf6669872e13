"""Send GET requests, and no others, and return the responses as they are.

The hooks hide what the probes look for: they convert the variants of a response to one shape.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.http import PIECE, Request, server_time, too_large
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.hooks.settings import Settings

#: a GET that starts a job at ClickMeeting
STARTS_A_JOB = "generate-pdf"
#: a key that no account has
WRONG_KEY = "0" * 40


@dataclass(frozen=True)
class Reply:
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def data(self) -> Any:
        """The decoded body; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the list in a body without an error."""
        held = self.data if self.status < 300 and isinstance(self.data, list) else []
        return [each for each in held if isinstance(each, dict)]

    @property
    def is_list(self) -> bool:
        """Whether the body is a list."""
        return self.status < 300 and isinstance(self.data, list)

    @property
    def is_error(self) -> bool:
        """Whether the body is an error object, which may come with HTTP 200."""
        return isinstance(self.data, dict) and "code" in self.data and bool(self.data.keys() & {"errors", "name"})

    @property
    def is_not_found(self) -> bool:
        """Whether ClickMeeting says that something does not exist, with HTTP 404."""
        return self.status == 404 and (self.is_error or isinstance(self.data, str))


class Reader:
    """Reads from one account: it can send GET requests only, and sends each one once.

    :param settings: the account.
    """

    def __init__(self, settings: Settings) -> None:
        from airflow_clickmeeting.hooks.transport_requests import ClickMeetingSession

        self._settings = settings
        self._session = ClickMeetingSession(settings)
        self._replies: dict[tuple[str, bool], Reply] = {}

    def with_wrong_key(self) -> Reader:
        """Return a reader that sends a key which no account has."""
        return Reader(replace(self._settings, key=WRONG_KEY))

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, with_body: bool = True) -> Reply:
        """Send a GET request without following redirects, and return its response.

        :param path: the path below the API's URL, or the link of a response; the key goes to the API's origin only.
        :param headers: more headers.
        :param with_body: whether to read the body.
        :raises ValueError: for a request that would start a job.
        :raises ClickMeetingError: if there is no response, or it is too large.
        """
        if STARTS_A_JOB in path:
            raise ValueError(f"{STARTS_A_JOB} starts a job, so it is not a read-only request.")
        url = path if urlsplit(path).scheme in ("http", "https") else f"{self._settings.url}/{path}"
        key = url, with_body
        if key not in self._replies:
            self._replies[key] = self._send(Request("GET", url, headers or {}, None), with_body=with_body)
        return self._replies[key]

    def _send(self, request: Request, *, with_body: bool) -> Reply:
        from airflow_clickmeeting.hooks.transport_requests import problem_of, send

        settings = self._settings
        try:
            sending = send(self._session, request, settings, follow=False, total_timeout=settings.total_timeout)
            with closing(sending) as response:
                body = _body_of(response.iter_content(PIECE), settings.max_response_size) if with_body else b""
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, headers, body)
        except Exception as error:
            problem: ApiError | None = problem_of(error, request.url)
            if problem is None:
                raise
            raise ClickMeetingError(problem, "contract", settings.conn_id) from None


def _body_of(pieces: Iterable[bytes], most: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def minute_of(reply: Reply) -> str:
    """Return the minute at which a response was sent, by ClickMeeting's clock; empty if it does not say so."""
    sent_at = server_time(reply.headers)
    return f"{sent_at:%Y-%m-%dT%H:%M}" if sent_at else ""
