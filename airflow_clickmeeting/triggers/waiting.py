"""The trigger of all deferred sensors."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clickmeeting.conditions import Condition
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook

# a trigger that fires at once meets a race in 3.3.2 that fails up to a fifth of the tasks
SHORTEST_INTERVAL = 5.0
JITTER = 0.1


class WaitTrigger(BaseTrigger):
    """Asks again and again until a condition holds, or until a deadline that a restart does not extend.

    It fires with `{"seen": {...}}`, or with `{"timed_out": True}`. What goes wrong for good fails the task.

    :param condition: the condition as JSON.
    :param clickmeeting_conn_id: the connection.
    :param interval: seconds between two looks; at least five go by before the first.
    :param deadline: seconds since 1970.
    """

    def __init__(self, condition: dict[str, Any], clickmeeting_conn_id: str, interval: float, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.interval = interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, none of which is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "condition": self.condition,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "interval": self.interval,
            "deadline": self.deadline,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, look, and fire once."""
        condition = Condition.from_json(self.condition)
        hook = ClickMeetingAsyncHook(self.clickmeeting_conn_id)
        while (left := self.deadline - time.time()) > 0:
            await asyncio.sleep(min(left, self._pause()))
            answer = await hook.run_list(condition.call, condition.room_id)
            if (seen := condition.seen(answer, hook.now())) is not None:
                yield TriggerEvent({"seen": seen})  # type: ignore[no-untyped-call]
                return
        yield TriggerEvent({"timed_out": True})  # type: ignore[no-untyped-call]

    def _pause(self) -> float:
        return max(SHORTEST_INTERVAL, self.interval * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
