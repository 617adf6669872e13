"""The trigger of all deferred sensors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clickmeeting.exceptions import error_to_json
from airflow_clickmeeting.waiting.conditions import Condition, Result, poll_steps
from airflow_clickmeeting.waiting.polling import PollPolicy, format_failures, monotonic_clock
from airflow_clickmeeting.waiting.shared import RequestSharer, shared_requests

__all__ = ["WaitTrigger"]

# a trigger that fires at once meets a race condition in Airflow 3.3.2, which fails up to a fifth of the tasks
MIN_INTERVAL = 5.0
#: how many seconds after the deadline a poll may end that began before it
LAST_POLL = 5.0


class WaitTrigger(BaseTrigger):
    """Polls until a condition is met, and fires once.

    The event is `{"result": {...}}`, `{"timed_out": True}`, or `{"failed": {...}}` with the exception that ended the
    waiting. Triggers that wait for the same call of the same connection share its response. After a restart the trigger
    pauses and polls at least once, even if the deadline has passed.

    :param condition: the condition as JSON.
    :param clickmeeting_conn_id: the connection.
    :param poll_policy: the `PollPolicy` as JSON.
    :param fingerprint: the fingerprint that the worker's poll returned, to be compared with the next one.
    :param failures: how many polls in a row have failed.
    """

    def __init__(
        self,
        condition: dict[str, Any],
        clickmeeting_conn_id: str,
        poll_policy: dict[str, Any],
        fingerprint: str | None = None,
        failures: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.poll_policy = poll_policy
        self.fingerprint = fingerprint
        self.failures = failures

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database; none of them is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "condition": self.condition,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "poll_policy": self.poll_policy,
            "fingerprint": self.fingerprint,
            "failures": self.failures,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the only event, after a pause and at least one poll."""
        yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        condition = Condition.from_json(self.condition)
        poll_policy = PollPolicy(**self.poll_policy)
        now = monotonic_clock()
        fingerprint, failures = self.fingerprint, self.failures
        error: Exception | None = None
        pause = min(poll_policy.pause(now(), failures), poll_policy.remaining(now()))
        with shared_requests(self.clickmeeting_conn_id) as sharer:
            while True:
                within = max(pause, MIN_INTERVAL)
                latest = max(poll_policy.remaining(now()), within) + LAST_POLL
                try:
                    async with asyncio.timeout(latest) as timer:
                        result, fingerprint = await _poll(sharer, condition, fingerprint, within)
                except Exception as failed:  # noqa: BLE001 - the worker raises it
                    if timer.expired():
                        return {"timed_out": True}
                    failures, error = failures + 1, failed
                    if not poll_policy.tolerates(failed, failures):
                        return {"failed": error_to_json(failed)}
                else:
                    failures, error = 0, None
                    if result is not None:
                        return {"result": result}
                pause = min(poll_policy.pause(now(), failures, error), poll_policy.remaining(now()))
                if error:
                    activity = f"Waiting for {condition.description}: polling"
                    self.log.warning(format_failures(activity, failures, pause and max(pause, MIN_INTERVAL), error))
                if not pause:
                    return {"timed_out": True}


async def _poll(
    sharer: RequestSharer, condition: Condition, fingerprint: str | None, within: float
) -> tuple[Result, str | None]:
    steps = poll_steps(condition, fingerprint)
    response = await sharer.next_response(next(steps), within)
    while True:
        try:
            call = steps.send(response)
        except StopIteration as end:
            result, fingerprint = end.value
            return result, fingerprint
        response = await sharer.next_response(call)
