"""The trigger of all deferred sensors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clickmeeting.exceptions import error_to_json
from airflow_clickmeeting.waiting.conditions import Condition, Poll, poll_steps
from airflow_clickmeeting.waiting.polling import PollPolicy, monotonic_clock
from airflow_clickmeeting.waiting.progress import Progress
from airflow_clickmeeting.waiting.shared import RequestSharer, shared_requests

__all__ = ["WaitTrigger"]

# a trigger that fires at once meets a race condition in Airflow 3.3.2, which fails up to a fifth of the tasks
MIN_INTERVAL = 5.0
#: how many seconds after the deadline a poll may end that began before it
LAST_POLL = 5.0


class WaitTrigger(BaseTrigger):
    """Polls until a condition is met, and fires once.

    The event is `{"result": {...}}`, `{"timed_out": True}`, or `{"failed": {...}}` with the exception that ended the
    waiting; and in `progress` how long the sensor waited, with how many polls. Triggers that wait for the same call of
    the same connection share its response. After a restart the trigger pauses and polls at least once, even if the
    deadline has passed, and counts from what the worker gave it.

    Its lines go to the log of the task. One request for the room, whose name they have, serves all triggers of a room;
    if the response to the condition's call is the room, there is no such request.

    :param condition: the condition as JSON.
    :param clickmeeting_conn_id: the connection.
    :param poll_policy: the `PollPolicy` as JSON.
    :param fingerprint: the fingerprint that the worker's poll returned, to be compared with the next one.
    :param failures: how many polls in a row have failed.
    :param polls: how many polls there were on the worker.
    :param failed: how many of them failed.
    """

    def __init__(
        self,
        condition: dict[str, Any],
        clickmeeting_conn_id: str,
        poll_policy: dict[str, Any],
        fingerprint: str | None = None,
        failures: int = 0,
        polls: int = 0,
        failed: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.poll_policy = poll_policy
        self.fingerprint = fingerprint
        self.failures = failures
        self.polls = polls
        self.failed = failed

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database; none of them is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "condition": self.condition,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "poll_policy": self.poll_policy,
            "fingerprint": self.fingerprint,
            "failures": self.failures,
            "polls": self.polls,
            "failed": self.failed,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the only event, after a pause and at least one poll."""
        now = monotonic_clock()
        progress = Progress(
            log=self.log,
            condition=Condition.from_json(self.condition),
            poll_policy=PollPolicy(**self.poll_policy),
            fingerprint=self.fingerprint,
            failures=self.failures,
            polls=self.polls,
            failed=self.failed,
            min_pause=MIN_INTERVAL,
        )
        end = await self._wait(progress, now)
        yield TriggerEvent({**end, "progress": progress.to_json(now())})  # type: ignore[no-untyped-call]

    async def _wait(self, progress: Progress, now: Callable[[], float]) -> dict[str, Any]:
        pause = progress.pause(now())
        with shared_requests(self.clickmeeting_conn_id) as sharer:
            while True:
                within = max(pause, MIN_INTERVAL)
                latest = max(progress.poll_policy.remaining(now()), within) + LAST_POLL
                try:
                    async with asyncio.timeout(latest) as timer:
                        poll = await _poll(sharer, progress, within)
                except Exception as error:  # noqa: BLE001 - the worker raises it
                    if timer.expired():
                        return {"timed_out": True}
                    if not progress.tolerates(error):
                        return {"failed": error_to_json(error)}
                    pause = progress.after_failure(error, now())
                else:
                    if room_call := progress.unknown_room(poll):
                        progress.plan = await sharer.room_plan(room_call)
                    pause = progress.after_poll(poll, now())
                    if poll.result is not None:
                        return {"result": poll.result}
                if not pause:
                    return {"timed_out": True}


async def _poll(sharer: RequestSharer, progress: Progress, within: float) -> Poll:
    steps = poll_steps(progress.condition, progress.fingerprint)
    response = await sharer.next_response(next(steps), within)
    while True:
        try:
            call = steps.send(response)
        except StopIteration as end:
            poll: Poll = end.value
            return poll
        response = await sharer.next_response(call)
