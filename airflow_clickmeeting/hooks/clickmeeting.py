"""The hook over `requests`, for workers, and beside it the asynchronous one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from tenacity import AsyncRetrying, Retrying

from airflow_clickmeeting.api import calls, http, json_stream, parse, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError, ParseError
from airflow_clickmeeting.api.pagination import RoomPages
from airflow_clickmeeting.exceptions import AuthenticationError, ClickMeetingError, NotFoundError
from airflow_clickmeeting.hooks.base import BaseClickMeetingHook
from airflow_clickmeeting.hooks.policy import RateLimiter, policy
from airflow_clickmeeting.hooks.settings import Settings
from airflow_clickmeeting.storage import atomic_file, located

if TYPE_CHECKING:
    import requests
    from airflow.sdk import Connection

    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.storage import Path


T = TypeVar("T")
Unread = Callable[[], Iterable[T]]

SHORT = 1 << 20
PARSED_AT_ONCE = 1000


class DownloadResult(TypedDict):
    """A file that arrived: where it lies, its bytes, and their SHA-256 as they came."""

    path: str
    size: int
    sha256: str


class ClickMeetingHook(BaseClickMeetingHook):
    """One ClickMeeting account, for workers.

    Every operation of the API is a method; `run` makes any other call.

    :param clickmeeting_conn_id: the connection with the API key.
    """

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels for Airflow 3.1, which looks for this in the very class of the connection type."""
        from airflow_clickmeeting.get_provider_info import CONNECTION_FORM

        return {name.replace("-", "_"): value for name, value in CONNECTION_FORM.items()}

    @cached_property
    def settings(self) -> Settings:
        """What the connection says."""
        try:
            return Settings.of(self.get_connection(self.clickmeeting_conn_id))
        except AirflowNotFoundException as error:
            raise self._missing(error) from None

    @cached_property
    def _session(self) -> requests.Session:
        from airflow_clickmeeting.hooks.transport_requests import ClickMeetingSession

        return ClickMeetingSession(self.settings)

    @cached_property
    def _pace(self) -> RateLimiter:
        return RateLimiter(self.settings.max_requests_per_second)

    def get_conn(self) -> requests.Session:
        """Return the session, which adds the key to requests for the API's origin only."""
        return self._session

    def run(self, call: Call[T]) -> T:
        """Make a call, again where that is safe and may help, and return what it reads from the answer.

        :raises ClickMeetingError: of the kind that says what went wrong.
        """

        def attempt() -> T:
            with self._answer(call, http.request(call, self.settings.url), follow=call.raw) as (answer, response):
                return self._data(call, replace(answer, body=response.content), self.settings)

        return self._or_nothing(call, attempt, cast("T", []))

    def fetched(self, call: Call[list[T]]) -> Unread[T]:
        """Make a call as `run` does, but leave the list that it answers unread; several threads may do this at a time.

        What is not a list is read at once, for it may be an error.

        :return: a function that returns the items. A long list is parsed while it is walked, and lies in a temporary
            file until then. It may be called again, and raises `UnexpectedAnswerError`.
        :raises ClickMeetingError: of the kind that says what went wrong.
        """
        from airflow_clickmeeting.hooks.transport_requests import pieces

        def attempt() -> Unread[T]:
            body = SpooledTemporaryFile(SHORT)  # noqa: SIM115 - goes when nobody can read it any more
            with self._answer(call, http.request(call, self.settings.url), follow=False) as (answer, response):
                for piece in pieces(response):
                    body.write(piece)
            size = body.tell()
            body.seek(0)
            is_list = http.has_list(answer, body)
            if is_list and size > SHORT:
                return partial(self._items, call, body)
            whole = replace(answer, body=body.read(SHORT))
            if is_list:
                return partial(self._deciphered, call, whole, self.settings)
            items = self._deciphered(call, whole, self.settings)
            return lambda: items

        return self._or_nothing(call, attempt, cast("Unread[T]", list))

    def download(self, call: Call[bytes], path: Path, *, name: str = "") -> DownloadResult:
        """Stream the file that a call answers with to object storage; a second run overwrites it.

        :param call: such as `calls.download_file(1)`.
        :param path: the file, or a folder with a slash at its end.
        :param name: the file's name in such a folder.
        :return: `path`, `size` in bytes and `sha256`.
        """
        return self._saved(call, lambda: http.request(call, self.settings.url), path, name)

    def download_link(
        self, url: str | Callable[[], str], path: Path, *, name: str = "", size: int | None = None
    ) -> DownloadResult:
        """Stream what a link that ClickMeeting gave leads to; the key goes there only if it is the API's origin.

        :param url: the link, or what reads it anew for each attempt, since links live for minutes.
        :param path: the file, or a folder with a slash at its end.
        :param name: the file's name in such a folder.
        :param size: the bytes that there must be; an older file stays when there are more or fewer.
        :return: `path`, `size` in bytes and `sha256`.
        """
        call = Call("GET", "link", read=parse.file_bytes, raw=True, name="download_link")

        def request() -> http.Request:
            link = url() if callable(url) else url
            return http.Request("GET", validate.web_address("url", link), {}, None)

        return self._saved(call, request, path, name, size)

    def iter_conferences(self, status: str = "active") -> Iterator[Room]:
        """Walk all rooms, asking for a page of 250 when the last one is used up.

        :param status: `active`, `inactive` or `all`.
        """
        pages = RoomPages(status)
        while call := pages.call:
            yield from pages.take(self.run(call))

    def test_connection(self) -> tuple[bool, str]:
        """Read the active rooms once, which needs a key that is right."""
        try:
            once = type(self)(self.clickmeeting_conn_id)
            once.settings = replace(self.settings, max_attempts=1)
            rooms = once.run(calls.list_conferences("active"))
        except ClickMeetingError as error:
            return False, f"Not connected to {self.settings.url}: {error.problem.message}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the form shows it
            return False, str(error)
        return True, f"Connected to {self.settings.url}: {len(rooms)} active rooms on the first page"

    def _saved(
        self, call: Call[bytes], request: Callable[[], http.Request], path: Path, name: str, size: int | None = None
    ) -> DownloadResult:
        """Download a file; what breaks off is continued where the server can do that, else begun anew."""
        from airflow_clickmeeting.hooks.transport_requests import pieces

        def attempt() -> None:
            with self._answer(call, http.continued(request(), part.size), follow=True) as (answer, response):
                if not http.has_file(call, answer):
                    self._data(call, replace(answer, body=response.content), self.settings)
                    return
                if part.size and not http.continues(answer, part.size):
                    part.restart()
                for piece in pieces(response):
                    part.write(piece)

        target = located(path, name or call.name)
        with atomic_file(target) as part:
            self._repeated(call, attempt)
            if size not in (None, part.size):
                raise self._error(ApiError("unexpected", f"{part.size} bytes came instead of {size}"), call)
        self._tell(call, f"{part.size} bytes")
        return {"path": str(target), "size": part.size, "sha256": part.sha256}

    def _items(self, call: Call[list[T]], body: IO[bytes]) -> Iterator[T]:
        """Walk a long list."""
        items = json_stream.items_of(body)
        try:
            while some := list(islice(items, PARSED_AT_ONCE)):
                yield from call.read(some)
        except (ParseError, TypeError, ValueError, KeyError) as error:
            raise self._error(ApiError("unexpected", str(error)), call) from None

    @contextmanager
    def _answer(
        self, call: Call[Any], request: http.Request, *, follow: bool
    ) -> Iterator[tuple[http.Answer, requests.Response]]:
        from airflow_clickmeeting.hooks import transport_requests as transport

        if pause := self._pace.delay(time.monotonic()):
            time.sleep(pause)
        try:
            with transport.answer_to(self._session, request, self.settings, follow=follow) as response:
                yield http.Answer.head(response.status_code, response.headers), response
        except Exception as error:
            if (problem := transport.problem_of(error, request.url)) is None:
                raise
            # not from the error: its text holds the address, which may be a signed link
            raise self._error(problem, call) from None

    def _or_nothing(self, call: Call[Any], attempt: Callable[[], T], nothing: T) -> T:
        """Make a call; "not found" is nothing where `empty_if_ok` says that there may be nothing."""
        try:
            return self._repeated(call, attempt)
        except NotFoundError:
            if call.empty_if_ok is None:
                raise
            self.run(call.empty_if_ok)
            return nothing

    def _repeated(self, call: Call[Any], attempt: Callable[[], T]) -> T:
        return Retrying(**policy(call, self.settings.max_attempts, self.log.warning))(attempt)


class ClickMeetingAsyncHook(BaseClickMeetingHook):
    """One ClickMeeting account, for the triggerer and for asynchronous tasks; the methods are to be awaited.

    :param clickmeeting_conn_id: the connection with the API key.
    """

    _settings: Settings | None = None
    log_level = logging.DEBUG  # triggers ask again and again

    async def get_settings(self) -> Settings:
        """Return what the connection says."""
        from airflow.providers.common.compat.connection import get_async_connection

        if self._settings is None:
            try:
                connection: Connection = await get_async_connection(self.clickmeeting_conn_id)
            except AirflowNotFoundException as error:
                raise self._missing(error) from None
            self._settings = Settings.of(connection)
        return self._settings

    async def run(self, call: Call[T]) -> T:
        """Make a call, again where that is safe and may help, and return what it reads from the answer.

        :raises ClickMeetingError: of the kind that says what went wrong.
        """
        settings = await self.get_settings()
        retrying = AsyncRetrying(**policy(call, settings.max_attempts, self.log.warning))
        try:
            return await retrying(self._attempt, call, settings)
        except NotFoundError:
            if call.empty_if_ok is None:
                raise
            await self.run(call.empty_if_ok)
            return cast("T", [])
        except AuthenticationError:
            self._settings = None  # triggers live long: the key may have been changed meanwhile
            raise

    async def iter_conferences(self, status: str = "active") -> AsyncIterator[Room]:
        """Walk all rooms, asking for a page of 250 when the last one is used up.

        :param status: `active`, `inactive` or `all`.
        """
        pages = RoomPages(status)
        while call := pages.call:
            for room in pages.take(await self.run(call)):
                yield room

    async def _attempt(self, call: Call[T], settings: Settings) -> T:
        from airflow_clickmeeting.hooks import transport_httpx as transport

        client = transport.client_for(settings)
        await asyncio.sleep(client.pace.delay(time.monotonic()))
        request = http.request(call, settings.url)
        try:
            async with client.answer_to(request, follow=call.raw) as response:
                head = http.Answer.head(response.status_code, response.headers)
                answer = replace(head, body=await response.aread())
        except Exception as error:
            if (problem := transport.problem_of(error, request.url)) is None:
                raise
            raise self._error(problem, call) from None
        return self._data(call, answer, settings)
