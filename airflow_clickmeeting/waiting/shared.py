"""Answers that the triggers of one triggerer share: who waits for the same call of the same connection asks once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook

# how many waiting triggers are woken before other work of the event loop has its turn
CROWD = 100

# what a call gave, and when by ClickMeeting's clock
Answer = tuple[Any, datetime]


@dataclass
class _PendingRequest:
    """Who waits for the next answer to a call, and the request that will bring it."""

    waiting: set[asyncio.Future[Answer]] = field(default_factory=set)
    request: asyncio.Task[None] | None = None


class RequestSharer:
    """The questions that the triggers of one event loop have about one account.

    :param clickmeeting_conn_id: the connection.
    """

    def __init__(self, clickmeeting_conn_id: str) -> None:
        self.users = 0
        self._hook = ClickMeetingAsyncHook(clickmeeting_conn_id)
        self._questions: dict[Call[Any], _PendingRequest] = {}

    async def next_response(self, call: Call[Any], within: float = 0) -> Answer:
        """Wait for the next answer to a call: one that somebody else asks for, else one asked for in so many seconds.

        :raises ClickMeetingError: to everyone who waited for the request that failed.
        """
        loop = asyncio.get_running_loop()
        question = self._questions.setdefault(call, _PendingRequest())
        future: asyncio.Future[Answer] = loop.create_future()
        question.waiting.add(future)
        due = loop.call_later(within, self._ask, call, question, future)
        try:
            return await future
        finally:
            due.cancel()
            question.waiting.discard(future)
            self._drop_if_idle(call, question)

    def _ask(self, call: Call[Any], question: _PendingRequest, future: asyncio.Future[Answer]) -> None:
        # one that is not among them has its answer, and is only not awake yet
        if question.request is None and future in question.waiting:
            question.request = asyncio.create_task(self._answer(call, question))

    async def _answer(self, call: Call[Any], question: _PendingRequest) -> None:
        answer: Any = None
        failure: Exception | None = None
        try:
            answer = await self._hook.run(call), self._hook.now()
        except Exception as error:  # noqa: BLE001 - each of those who wait decides what it means
            failure = error
        # who comes from here on waits for the answer after this one
        waiting, question.waiting, question.request = question.waiting, set(), None
        self._drop_if_idle(call, question)
        for number, future in enumerate(waiting, start=1):
            if not future.done():
                future.set_exception(failure) if failure else future.set_result(answer)
            if number % CROWD == 0:
                await asyncio.sleep(0)

    def _drop_if_idle(self, call: Call[Any], question: _PendingRequest) -> None:
        if not question.waiting and question.request is None and self._questions.get(call) is question:
            del self._questions[call]


_sharers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, RequestSharer]] = WeakKeyDictionary()


@contextmanager
def shared_requests(clickmeeting_conn_id: str) -> Iterator[RequestSharer]:
    """Yield the running loop's board for a connection; with its last user goes what it knows of the connection."""
    boards = _sharers.setdefault(asyncio.get_running_loop(), {})
    board = boards.setdefault(clickmeeting_conn_id, RequestSharer(clickmeeting_conn_id))
    board.users += 1
    try:
        yield board
    finally:
        board.users -= 1
        if not board.users:
            del boards[clickmeeting_conn_id]
