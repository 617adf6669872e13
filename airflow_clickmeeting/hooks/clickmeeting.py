"""The hook over `requests` for workers, and the asynchronous one for the triggerer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from tenacity import AsyncRetrying, Retrying

from airflow_clickmeeting.api import calls, facts, http, json_stream, parse, times, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.pagination import RoomPages
from airflow_clickmeeting.compat import AirflowNotFoundException
from airflow_clickmeeting.exceptions import (
    OF_ONE_ROOM,
    AuthenticationError,
    ClickMeetingError,
    NotFoundError,
    RateLimitedError,
)
from airflow_clickmeeting.hooks.base import BaseClickMeetingHook
from airflow_clickmeeting.hooks.policy import MAX_PAUSE, RETRY, RateLimiter, is_last, log_pause
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID, SANDBOX_HEADER, Settings
from airflow_clickmeeting.parallel import OrderedExecutor
from airflow_clickmeeting.scratch import ScratchFile
from airflow_clickmeeting.storage import atomic_file, located

if TYPE_CHECKING:
    import requests
    from airflow.sdk import Connection

    from airflow_clickmeeting.api.times import When
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.api.validate import Id
    from airflow_clickmeeting.hooks.transport_requests import ClickMeetingSession
    from airflow_clickmeeting.storage import Path

__all__ = ["ClickMeetingAsyncHook", "ClickMeetingHook", "DownloadResult"]


T = TypeVar("T")
R = TypeVar("R")
Unread = Callable[[], Iterable[T]]

MAX_IN_MEMORY = 1 << 20
PARSED_AT_ONCE = 1000
#: bytes of a list in a temporary file; the longest list that was measured, of a million people, had 300 MB
MAX_LIST = 4 << 30


class DownloadResult(TypedDict):
    """A downloaded file: its path, its size in bytes, and the SHA-256 of its bytes."""

    path: str
    size: int
    sha256: str


class ClickMeetingHook(BaseClickMeetingHook):
    """One ClickMeeting account, for workers.

    Every operation of the API is a method; `run` makes any other call.

    :param clickmeeting_conn_id: the connection with the API key.
    :param log_level: the level of the log line about each call.
    """

    def __init__(
        self, clickmeeting_conn_id: str = DEFAULT_CONN_ID, *, log_level: int = logging.INFO, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.log_level = log_level

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the labels of the connection form for Airflow 3.1, which calls this on the connection type's class."""
        from airflow_clickmeeting.get_provider_info import CONNECTION_FORM

        return {name.replace("-", "_"): value for name, value in CONNECTION_FORM.items()}

    @cached_property
    def settings(self) -> Settings:
        """The connection's settings."""
        try:
            return Settings.of(self.get_connection(self.clickmeeting_conn_id))
        except AirflowNotFoundException as error:
            raise self._no_connection(error) from None

    @cached_property
    def _session(self) -> ClickMeetingSession:
        from airflow_clickmeeting.hooks.transport_requests import ClickMeetingSession

        return ClickMeetingSession(self.settings)

    @cached_property
    def _rate_limiter(self) -> RateLimiter:
        return limiter_for(self.settings)

    def get_conn(self) -> requests.Session:
        """Return the session, which adds the key to requests for the API's origin only."""
        return self._session

    def run(self, call: Call[T]) -> T:
        """Make a call, retry it if that is safe and may help, and return its result.

        :raises ClickMeetingError: a subclass that says what went wrong.
        """

        def attempt(call: Call[T]) -> T:
            body = bytearray()
            with self._send(call, follow=call.raw) as response:
                for piece in response.iter_content(http.PIECE):
                    body += piece
                    if len(body) > self.settings.max_response_size:
                        raise http.too_large(self.settings.max_response_size)
                answer = http.Answer.of(response.status_code, response.headers, bytes(body))
                result = http.decode(call, answer, datetime.now(UTC), (self.settings.key,))
                return _conclude(self, call, answer, result, self.settings)

        return self._complete(call, attempt, cast("T", []))

    def fetched(self, call: Call[list[T]]) -> Unread[T]:
        """Make a call as `run` does, but do not parse the list in its response yet; several threads may do this.

        A response that is not a list is parsed at once, since it may be an error.

        :return: a function that returns the items. A long list is parsed while you iterate over it, and stays in a
            temporary file until then. You may call the function again. It raises `UnexpectedAnswerError`.
        :raises ClickMeetingError: a subclass that says what went wrong.
        """

        def attempt(call: Call[list[T]]) -> Unread[T]:
            body = ScratchFile(MAX_IN_MEMORY)
            with self._send(call, follow=False) as response:
                for piece in response.iter_content(http.PIECE):
                    body.write(piece)
                    if body.tell() > MAX_LIST:
                        raise http.too_large(MAX_LIST)
                size = body.tell()
                is_list = http.has_list(response.status_code, body)
                if is_list and size > MAX_IN_MEMORY:
                    return partial(self._stream_items, call, body)
                read = partial(self._read, call, response, body.read(MAX_IN_MEMORY))
                if is_list:
                    return read
                items = read()
                return lambda: items

        return self._complete(call, attempt, cast("Unread[T]", list))

    def download(self, call: Call[bytes], path: Path, *, name: str = "", file_mode: Id | None = None) -> DownloadResult:
        """Stream the file in a call's response to object storage; a second run overwrites it.

        If the connection breaks, the next attempt continues where it stopped, but only with the same version of the
        file; otherwise it starts again. An older file stays until the new one is complete.

        :param call: such as `calls.download_file(1)`.
        :param path: the file, or a folder that ends in a slash.
        :param name: the file's name in such a folder.
        :param file_mode: the permissions of a local file, such as `"600"` or `0o600`; by default the system decides.
        :return: `path`, `size` in bytes and `sha256`.
        :raises ClickMeetingError: if no attempt brings the whole file.
        """
        return self._download(call, lambda: http.request(call, self.settings.url), path, name, file_mode)

    def download_link(
        self,
        url: str | Callable[[], str],
        path: Path,
        *,
        name: str = "",
        size: int | None = None,
        file_mode: Id | None = None,
    ) -> DownloadResult:
        """Stream the file behind a link of ClickMeeting, as `download` does.

        The key goes along only if the link is on the API's origin.

        :param url: the link, or a function that returns a new one for each attempt, since links expire after minutes.
        :param path: the file, or a folder that ends in a slash.
        :param name: the file's name in such a folder.
        :param size: the size in bytes that ClickMeeting lists. If another number arrives, the download fails and an
            older file stays, unless the response's `Content-Length` confirms that number: then the list is wrong.
        :param file_mode: as in `download`.
        :return: `path`, `size` in bytes and `sha256`.
        :raises ClickMeetingError: if no attempt brings the whole file.
        """
        call = Call("GET", "link", read=parse.file_bytes, raw=True, name="download_link")

        def request() -> http.Request:
            link = url() if callable(url) else url
            return http.Request("GET", validate.web_address("url", link), {}, None)

        return self._download(call, request, path, name, file_mode, size)

    def iter_conferences(self, status: str = "active") -> Iterator[Room]:
        """Yield all rooms, and request the next page of 250 rooms when the last one is used up.

        :param status: `active`, `inactive` or `all`.
        """
        return self.walk(RoomPages(status))

    def walk(self, pages: RoomPages) -> Iterator[Room]:
        """Yield the rooms of all pages, and request the next page when the last one is used up."""
        while call := pages.call:
            yield from pages.take(self.run(call))

    def rooms_with_sessions(self, interval: tuple[When | None, When | None], *, max_parallel: int = 8) -> list[Room]:
        """Return the rooms in which a session took place in an interval, at least in part, sorted by id.

        The hook lists all rooms, and then requests the sessions of those rooms that may have met: the active rooms, and
        the inactive ones whose last update or planned end is less than a day before the interval, or later; but not of
        rooms that were created more than a day after it. A room whose sessions cannot be listed or read counts, so that
        the task that processes it shows the error.

        :param interval: the start and the end, which is not included, as aware datetimes or ISO 8601 text; None is no
            bound. Airflow's `DataInterval` is such a tuple.
        :param max_parallel: how many requests to send at a time.
        :raises ValueError: for a wrong interval.
        :raises ClickMeetingError: if the rooms cannot be listed, or an error concerns all rooms, such as a wrong key.
        """
        since, until = (None if each is None else times.instant("interval", each) for each in interval)
        if since and until and until <= since:
            raise ValueError(
                f"interval must end later than it starts; got {since.isoformat()} and {until.isoformat()}."
            )
        listed = list(self.iter_conferences("all"))
        rooms = sorted((room for room in listed if facts.may_have_met(room, since, until)), key=lambda room: room["id"])
        with closing(OrderedExecutor(max_parallel)) as executor, self._quiet():
            started = ((room, executor.submit(self._has_met, room["id"], since, until)) for room in rooms)
            found = [room for room, has_met in executor.ordered(started) if has_met.result()]
        message = "%d rooms have sessions from %s before %s; requested the sessions of %d rooms, of %d in the account"
        self.log.info(message, len(found), since, until, len(rooms), len(listed))
        return found

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Log the calls of the block at DEBUG: it makes one for each room."""
        level, self.log_level = self.log_level, logging.DEBUG
        try:
            yield
        finally:
            self.log_level = level

    def _has_met(self, room_id: int, since: datetime | None, until: datetime | None) -> bool:
        try:
            sessions = self.run(calls.list_sessions(room_id))
        except NotFoundError:
            self.log.info("Room %d was deleted meanwhile, so it is left out", room_id)
            return False
        except OF_ONE_ROOM as error:
            self.log.warning("The sessions of room %d cannot be read, so the room counts: %s", room_id, error.summary)
            return True
        return any(facts.took_place(session, since, until) for session in sessions)

    def test_connection(self) -> tuple[bool, str]:
        """Read the active rooms once, which needs a valid key."""
        try:
            once = type(self)(self.clickmeeting_conn_id)
            once.settings = replace(self.settings, max_attempts=1)
            rooms = once.run(calls.list_conferences("active"))
        except ClickMeetingError as error:
            return False, f"Not connected to {self.settings.url}: {error.problem.message}"
        except Exception as error:  # noqa: BLE001 - the form shows every error
            return False, str(error)
        return True, f"Connected to {self.settings.url}: {len(rooms)} active rooms on the first page"

    def _download(
        self,
        call: Call[bytes],
        request: Callable[[], http.Request],
        path: Path,
        name: str,
        file_mode: Id | None,
        size: int | None = None,
    ) -> DownloadResult:
        first: http.Answer | None = None

        def attempt(call: Call[bytes]) -> None:
            nonlocal first
            with self._send(call, http.continued(request(), part.size, first), follow=True) as response:
                answer = http.Answer.of(response.status_code, response.headers)
                # packed bytes may become a thousand times as many
                pieces = response.iter_content(http.PIECE if http.file_size(answer) is None else http.CHUNK)
                if not http.continues(answer, part.size, first):
                    if part.size and answer.status in (206, 416):  # the rest of another version, or no such rest
                        part.restart()
                        attempt(call)
                        return
                    whole = replace(answer, body=_beginning(pieces))
                    if not http.has_file(call, whole):
                        self._read(call, response, whole.body)
                        raise self.error(ApiError("unexpected", "the response has no file"), call)
                    first = whole
                    if part.size:
                        part.restart()
                    part.expect(http.file_size(whole))
                    part.write(whole.body)
                for piece in pieces:
                    part.write(piece)

        target = located(path, name or call.title)
        mode = None if file_mode is None else validate.permissions("file_mode", file_mode)
        with atomic_file(target, mode) as part:
            self._retry(call, attempt)
            announced = first and http.file_size(first)
            if (expected := size if announced is None else announced) not in (None, part.size):
                raise self.error(ApiError("unexpected", f"{part.size} bytes arrived instead of {expected}"), call)
        if size not in (None, part.size):
            message = "%s: ClickMeeting lists %d bytes, but %d were announced and arrived; the list is wrong"
            self.log.warning(message, call.title, size, part.size)
        _log_call(self, call, f"{part.size} bytes")
        return {"path": str(target), "size": part.size, "sha256": part.sha256}

    def _stream_items(self, call: Call[list[T]], body: IO[bytes]) -> Iterator[T]:
        items = json_stream.items_of(body)
        try:
            while some := list(islice(items, PARSED_AT_ONCE)):
                yield from call.read(some)
        except ValueError as error:
            raise self.error(ApiError("unexpected", str(error)), call) from None

    @contextmanager
    def _send(
        self, call: Call[Any], request: http.Request | None = None, *, follow: bool
    ) -> Iterator[requests.Response]:
        """Send a request, by default that of the call, and yield the response before its body is read."""
        from airflow_clickmeeting.hooks import transport_requests as transport

        for pause in _pauses(self, call, self._rate_limiter):
            time.sleep(pause)
        with _watched(self, self._rate_limiter):
            request = request or http.request(call, self.settings.url)
            limit = None if call.raw else self.settings.total_timeout
            try:
                response = transport.send(self._session, request, self.settings, follow=follow, total_timeout=limit)
                with response:
                    yield response
            except Exception as error:
                if (problem := transport.problem_of(error, request.url)) is None:
                    raise
                # not from the error: its text contains the URL, which may be a signed link
                raise self.error(problem, call) from None

    def _read(self, call: Call[T], response: requests.Response, body: bytes) -> T:
        answer = http.Answer.of(response.status_code, response.headers, body)
        result = http.decode(call, answer, datetime.now(UTC), (self.settings.key,))
        return _conclude(self, call, answer, result, self.settings)

    def _complete(self, call: Call[T], attempt: Callable[[Call[T]], R], empty: R) -> R:
        """Make a call; "not found" means an empty list if the call's `empty_if_ok` succeeds."""
        try:
            return self._retry(call, attempt)
        except NotFoundError:
            if call.empty_if_ok is None:
                raise
            self.run(call.empty_if_ok)
            return empty

    def _retry(self, call: Call[T], attempt: Callable[[Call[T]], R]) -> R:
        if call.warning:
            self.log.warning("%s", call.warning)
        stop = partial(is_last, self.settings.max_attempts)
        return Retrying(**RETRY, stop=stop, before_sleep=partial(log_pause, self.log))(attempt, call)


class ClickMeetingAsyncHook(BaseClickMeetingHook):
    """One ClickMeeting account, for the triggerer and for asynchronous tasks; you must await the methods.

    :param clickmeeting_conn_id: the connection with the API key.
    :param log_level: the level of the log line about each call; triggers poll often, so it is low by default.
    """

    def __init__(
        self, clickmeeting_conn_id: str = DEFAULT_CONN_ID, *, log_level: int = logging.DEBUG, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.log_level = log_level
        self._settings: Settings | None = None

    async def get_settings(self) -> Settings:
        """Return the connection's settings."""
        if self._settings is None:
            self._settings = Settings.of(await self._read_connection())
        return self._settings

    async def _read_connection(self) -> Connection:
        from airflow.sdk import Connection
        from asgiref.sync import sync_to_async

        # Before Airflow 3.3.2, `aget_connection` masks secrets with a blocking request on the event loop's thread. If
        # another coroutine waits for a response just then, that request raises DeadlockImminentError (3.3.1) or never
        # ends (3.2.1): Airflow's issues 71891 and 65286. In a thread of its own, it blocks nothing.
        try:
            if hasattr(Connection, "aextra_dejson"):  # came with the fix
                return await self.aget_connection(self.clickmeeting_conn_id)
            return await sync_to_async(self.get_connection)(self.clickmeeting_conn_id)
        except AirflowNotFoundException as error:
            raise self._no_connection(error) from None

    async def run(self, call: Call[T]) -> T:
        """Make a call, retry it if that is safe and may help, and return its result.

        :raises ClickMeetingError: a subclass that says what went wrong.
        """
        settings = await self.get_settings()
        if call.warning:
            self.log.warning("%s", call.warning)
        try:
            return await self._retry(call, settings)
        except NotFoundError:
            if call.empty_if_ok is None:
                raise
            await self.run(call.empty_if_ok)
            return cast("T", [])
        except AuthenticationError:
            # triggers live long, and the key may have been changed meanwhile
            self._settings = None
            changed = await self.get_settings()
            if changed.key == settings.key:
                raise
            message = "ClickMeeting rejected the key, and connection %r has another one now; sending %s again with it"
            self.log.info(message, self.clickmeeting_conn_id, call.title)
            return await self._retry(call, changed)

    async def _retry(self, call: Call[T], settings: Settings) -> T:
        stop = partial(is_last, settings.max_attempts)
        retrying = AsyncRetrying(**RETRY, stop=stop, before_sleep=partial(log_pause, self.log))
        return await retrying(self._attempt, call, settings)

    async def iter_conferences(self, status: str = "active") -> AsyncIterator[Room]:
        """Yield all rooms, and request the next page of 250 rooms when the last one is used up.

        :param status: `active`, `inactive` or `all`.
        """
        async for room in self.walk(RoomPages(status)):
            yield room

    async def walk(self, pages: RoomPages) -> AsyncIterator[Room]:
        """Yield the rooms of all pages, and request the next page when the last one is used up."""
        while call := pages.call:
            for room in pages.take(await self.run(call)):
                yield room

    async def _attempt(self, call: Call[T], settings: Settings) -> T:
        from airflow_clickmeeting.hooks import transport_httpx as transport

        client, limiter = transport.client_for(settings), limiter_for(settings)
        for pause in _pauses(self, call, limiter):
            await asyncio.sleep(pause)
        request = http.request(call, settings.url)
        with _watched(self, limiter):
            try:
                async with client.send(request, follow=call.raw) as response:
                    body = bytearray()
                    async for piece in response.aiter_bytes():
                        body += piece
                        if len(body) > settings.max_response_size:
                            raise http.too_large(settings.max_response_size)  # noqa: TRY301 - becomes the error below
            except Exception as error:
                if (problem := transport.problem_of(error, request.url)) is None:
                    raise
                raise self.error(problem, call) from None
            answer = http.Answer.of(response.status_code, response.headers, bytes(body))
            result = http.decode(call, answer, datetime.now(UTC), (settings.key,))
            return _conclude(self, call, answer, result, settings)


_limiters: dict[tuple[str, str], RateLimiter] = {}


def limiter_for(settings: Settings) -> RateLimiter:
    """Return the process's limiter for an account; the figure is that of the connection which was used last."""
    account = settings.url, settings.key
    limiter = _limiters.get(account) or _limiters.setdefault(account, RateLimiter())
    if limiter.most != settings.max_requests_per_second:
        limiter.set_most(settings.max_requests_per_second)
    return limiter


def _pauses(hook: BaseClickMeetingHook, call: Call[Any], limiter: RateLimiter) -> Iterator[float]:
    """Yield how long to sleep, until a request may be sent.

    :raises RateLimitedError: if ClickMeeting has asked the process for a pause of more than a minute.
    """
    if limiter.is_open:
        return
    turn = limiter.queue(time.monotonic())
    while pause := limiter.delay(turn, time.monotonic()):
        if (blocked := limiter.blocked(time.monotonic())) > MAX_PAUSE:
            message = f"ClickMeeting asked for a pause of another {blocked:.0f} s; the request was not sent"
            raise hook.error(ApiError("rate_limited", message, 429, retry_after=blocked, no_effect=True), call)
        yield pause


@contextmanager
def _watched(hook: BaseClickMeetingHook, limiter: RateLimiter) -> Iterator[None]:
    """Slow the whole process down if the response to a request is 429."""
    sent_at = time.monotonic()
    limiter.sent.append(sent_at)
    try:
        yield
    except RateLimitedError as error:
        now = time.monotonic()
        if limiter.slow_down(now, sent_at, error.retry_after):
            message = "ClickMeeting limits the requests; this process now sends at most %.2g in a second, and then more"
            hook.log.warning(message, limiter.pace(now))
        raise


def _conclude(
    hook: BaseClickMeetingHook, call: Call[T], answer: http.Answer, result: T | ApiError, settings: Settings
) -> T:
    """Note ClickMeeting's time and the room, and return a call's result and log it, or raise its error."""
    if answer.sent_at:
        hook.clock_offset = answer.sent_at - datetime.now(UTC)
        hook.worst_clock_offset = max(hook.worst_clock_offset, hook.clock_offset, key=abs)
        hook.is_sandbox = settings.is_loopback and SANDBOX_HEADER in answer.headers
    if isinstance(result, ApiError):
        raise hook.error(result, call)
    room = result[0] if isinstance(result, list) and len(result) == 1 else result
    if isinstance(room, dict) and {"id", "room_url"} <= room.keys():
        hook.last_room = room["id"], room["room_url"]
    _log_call(hook, call, _summary(result))
    return result


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """Return the first bytes of a body: enough for an error, or to see that it is none."""
    body = b""
    while len(body) < http.PIECE and (piece := next(pieces, b"")):
        body += piece
    return body


def _log_call(hook: BaseClickMeetingHook, call: Call[Any], outcome: str) -> None:
    hook.log.log(hook.log_level, "%s (%s %s): %s", call.name or "call", call.method, call.path, outcome)


def _summary(result: object) -> str:
    """Return the result of a call in a few words that name nobody."""
    if isinstance(result, list):
        return f"{len(result)} found"
    if isinstance(result, dict) and "id" in result:
        return f"id {result['id']}"
    return str(result) if isinstance(result, bool) else "done"
