"""The trigger of all deferred sensors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clickmeeting.exceptions import error_to_json
from airflow_clickmeeting.waiting.conditions import Condition, Seen, look
from airflow_clickmeeting.waiting.polling import Patience, unmoved_clock
from airflow_clickmeeting.waiting.shared import Board, shared_board

# a trigger that fires at once meets a race in 3.3.2 that fails up to a fifth of the tasks
SHORTEST_INTERVAL = 5.0


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
        patience: dict[str, Any],
        mark: str | None = None,
        failures: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.condition = condition
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.patience = patience
        self.mark = mark
        self.failures = failures

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, none of which is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "condition": self.condition,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "patience": self.patience,
            "mark": self.mark,
            "failures": self.failures,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Pause, look, and fire once."""
        yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        condition = Condition.from_json(self.condition)
        patience = Patience(**self.patience)
        now = unmoved_clock()
        mark, failures, error = self.mark, self.failures, None
        with shared_board(self.clickmeeting_conn_id) as board:
            while True:
                pause = min(patience.pause(now(), failures, error), patience.left(now()))
                try:
                    seen, mark = await _look(board, condition, mark, max(pause, SHORTEST_INTERVAL))
                except Exception as failed:  # noqa: BLE001 - the worker raises it
                    failures, error = failures + 1, failed
                    if not patience.bears(failed, failures):
                        return {"failed": error_to_json(failed)}
                    self.log.warning("Look failed, %d in a row: %s", failures, failed)
                else:
                    failures, error = 0, None
                    if seen is not None:
                        return {"seen": seen}
                if not patience.left(now()):
                    return {"timed_out": True}


async def _look(board: Board, condition: Condition, mark: str | None, within: float) -> tuple[Seen, str | None]:
    steps = look(condition, mark)
    answer = await board.next_answer(next(steps), within)
    while True:
        try:
            call = steps.send(answer)
        except StopIteration as end:
            seen, mark = end.value
            return seen, mark
        answer = await board.next_answer(call)
