"""The trigger of all deferred sensors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clickmeeting.exceptions import error_to_json
from airflow_clickmeeting.waiting.conditions import Condition, Seen, look
from airflow_clickmeeting.waiting.polling import PollPolicy, monotonic_clock
from airflow_clickmeeting.waiting.shared import RequestSharer, shared_requests

# a trigger that fires at once meets a race in 3.3.2 that fails up to a fifth of the tasks
MIN_INTERVAL = 5.0


class WaitTrigger(BaseTrigger):
    """Looks again and again until a condition holds, and fires once.

    The event is `{"seen": {...}}`, `{"timed_out": True}`, or `{"failed": {...}}` with the exception that ended it.
    Triggers that wait for an answer to the same call of the same connection share it. A restart begins with a pause
    and a look, however late it is.

    :param condition: the condition as JSON.
    :param clickmeeting_conn_id: the connection.
    :param patience: how long and how often, as JSON.
    :param mark: what the worker's look returned for the next one.
    :param failures: how many looks in a row have failed.
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
        """Return the class and its arguments, none of which is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "condition": self.condition,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "poll_policy": self.poll_policy,
            "fingerprint": self.fingerprint,
            "failures": self.failures,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Pause, look, and fire once."""
        yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        condition = Condition.from_json(self.condition)
        poll_policy = PollPolicy(**self.poll_policy)
        now = monotonic_clock()
        fingerprint, failures, error = self.fingerprint, self.failures, None
        with shared_requests(self.clickmeeting_conn_id) as board:
            while True:
                pause = min(poll_policy.pause(now(), failures, error), poll_policy.remaining(now()))
                try:
                    seen, fingerprint = await _look(board, condition, fingerprint, max(pause, MIN_INTERVAL))
                except Exception as failed:  # noqa: BLE001 - the worker raises it
                    failures, error = failures + 1, failed
                    if not poll_policy.tolerates(failed, failures):
                        return {"failed": error_to_json(failed)}
                    self.log.warning("Look failed, %d in a row: %s", failures, failed)
                else:
                    failures, error = 0, None
                    if seen is not None:
                        return {"check": seen}
                if not poll_policy.remaining(now()):
                    return {"timed_out": True}


async def _look(
    board: RequestSharer, condition: Condition, fingerprint: str | None, within: float
) -> tuple[Seen, str | None]:
    steps = look(condition, fingerprint)
    answer = await board.next_response(next(steps), within)
    while True:
        try:
            call = steps.send(answer)
        except StopIteration as end:
            seen, fingerprint = end.value
            return seen, fingerprint
        answer = await board.next_response(call)
