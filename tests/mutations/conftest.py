"""A ClickMeeting whose responses are given as plain data, beneath both hooks' HTTP libraries."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import requests
import urllib3
from pytest_mock import MockerFixture

from airflow_clickmeeting.hooks import transport_httpx, transport_requests

Answer = tuple[int, bytes]


class Account:
    """What the service answers, and what was sent to it.

    :param answer: returns the status and the body for a method and a path below the API's URL.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str, str], Answer] = lambda method, path: (200, b"")
        self.sent: list[tuple[str, str]] = []

    def respond(self, method: str, url: str) -> Answer:
        path = url.partition("/v1/")[2]
        self.sent.append((method, path))
        return self.answer(method, path)


class Adapter(requests.adapters.BaseAdapter):
    """Answers for `requests` without a network."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        status, body = self._account.respond(str(request.method), str(request.url))
        response = requests.Response()
        response.status_code = status
        response.request, response.url = request, str(request.url)
        response.headers["Content-Type"] = "application/json"
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
        return response

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def account(mocker: MockerFixture, connect: Callable[..., str]) -> Iterator[Account]:
    """The account behind the default connection, for the hooks and for all that stands on them."""
    connect(host="http://clickmeeting.example.com/v1", extra={"max_attempts": 1})
    account = Account()
    mocker.patch.object(transport_requests, "_Adapter", return_value=Adapter(account))
    transport = httpx.MockTransport(
        lambda request: httpx.Response(
            (found := account.respond(request.method, str(request.url)))[0], content=found[1]
        )
    )
    mocker.patch.object(transport_httpx.httpx, "AsyncClient", partial(httpx.AsyncClient, transport=transport))
    return account


def encode(value: Any) -> bytes:
    """Return a JSON value as a body; NaN and Infinity are written as Python writes them."""
    return json.dumps(value).encode()
