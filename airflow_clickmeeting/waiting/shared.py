"""Shared responses: triggers of one triggerer that wait for the same call of the same connection share one request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.waiting.messages import RoomPlan

# how many triggers get a response before the event loop may do other work: thousands at once would block it
WAKE_BATCH = 100
#: seconds to wait for a room that is only named in logs
ROOM_TIMEOUT = 10.0

# the response to a call, and when it came by ClickMeeting's clock
Response = tuple[Any, datetime]


@dataclass
class _PendingRequest:
    """The triggers that wait for the next response to a call, and the request that will bring it."""

    waiting: set[asyncio.Future[Response]] = field(default_factory=set)
    request: asyncio.Task[None] | None = None


class RequestSharer:
    """Sends each request once for all triggers of one event loop that need its response.

    :param clickmeeting_conn_id: the connection.
    """

    def __init__(self, clickmeeting_conn_id: str) -> None:
        self.users = 0
        self._hook = ClickMeetingAsyncHook(clickmeeting_conn_id)
        self._pending: dict[Call[Any], _PendingRequest] = {}
        # a plan stays as long as a trigger of its room has it
        self._plans: WeakValueDictionary[Call[Room], RoomPlan] = WeakValueDictionary()

    async def next_response(self, call: Call[Any], within: float = 0) -> Response:
        """Wait for the next response to a call.

        :param call: the request.
        :param within: seconds to wait for the request of another trigger; after that, this trigger sends it.
        :return: the response, and when it came by ClickMeeting's clock.
        :raises ClickMeetingError: in every trigger that waited for the request that failed.
        """
        loop = asyncio.get_running_loop()
        pending = self._pending.setdefault(call, _PendingRequest())
        future: asyncio.Future[Response] = loop.create_future()
        pending.waiting.add(future)
        timer = loop.call_later(within, self._start_request, call, pending, future)
        try:
            return await future
        finally:
            timer.cancel()
            pending.waiting.discard(future)
            self._drop_if_idle(call, pending)

    async def room_plan(self, call: Call[Room]) -> RoomPlan:
        """Return what logs say about a room; all triggers of the room share one request.

        A failure, which must not disturb the waiting, means that nothing is known about the room.
        """
        if (plan := self._plans.get(call)) is None:
            try:
                async with asyncio.timeout(ROOM_TIMEOUT):
                    room, _ = await self.next_response(call)
            except (ClickMeetingError, TimeoutError):
                return RoomPlan()
            plan = self._plans.setdefault(call, RoomPlan.of(room))
        return plan

    def _start_request(self, call: Call[Any], pending: _PendingRequest, future: asyncio.Future[Response]) -> None:
        # a future that left `waiting` already has its response; its trigger only has not resumed yet
        if pending.request is None and future in pending.waiting:
            pending.request = asyncio.create_task(self._send(call, pending))

    async def _send(self, call: Call[Any], pending: _PendingRequest) -> None:
        response: Any = None
        failure: Exception | None = None
        try:
            response = await self._hook.run(call), self._hook.now()
        except Exception as error:  # noqa: BLE001 - each waiting trigger decides what to do about it
            failure = error
        # a trigger that comes from here on waits for the next response, since this one is older than its wish
        waiting, pending.waiting, pending.request = pending.waiting, set(), None
        self._drop_if_idle(call, pending)
        for number, future in enumerate(waiting, start=1):
            if not future.done():
                future.set_exception(failure) if failure else future.set_result(response)
            if number % WAKE_BATCH == 0:
                await asyncio.sleep(0)

    def _drop_if_idle(self, call: Call[Any], pending: _PendingRequest) -> None:
        if not pending.waiting and pending.request is None and self._pending.get(call) is pending:
            del self._pending[call]


_sharers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, RequestSharer]] = WeakKeyDictionary()


@contextmanager
def shared_requests(clickmeeting_conn_id: str) -> Iterator[RequestSharer]:
    """Yield the running event loop's `RequestSharer` for a connection.

    It is dropped with its last user, and the API key with it: a changed connection is read again.
    """
    sharers = _sharers.setdefault(asyncio.get_running_loop(), {})
    sharer = sharers.setdefault(clickmeeting_conn_id, RequestSharer(clickmeeting_conn_id))
    sharer.users += 1
    try:
        yield sharer
    finally:
        sharer.users -= 1
        if not sharer.users:
            del sharers[clickmeeting_conn_id]
