"""Sensors: what a DAG waits for on ClickMeeting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_clickmeeting.api import times, values
from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.hooks.identity import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_clickmeeting.conditions import Condition, SessionEnded
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class ClickMeetingSensor(BaseSensorOperator):
    """Wait until a condition holds, in the modes poke and reschedule, or deferred to the triggerer.

    A subclass says in `condition` what it waits for. A room that does not exist fails the task at once.

    :param clickmeeting_conn_id: the connection with the API key.
    :param deferrable: whether to wait in the triggerer, which takes no worker slot.
    """

    template_fields: Sequence[str] = ("clickmeeting_conn_id",)

    def __init__(
        self,
        *,
        clickmeeting_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.deferrable = deferrable

    @cached_property
    def hook(self) -> ClickMeetingHook:
        """The account."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def condition(self, context: Context) -> Condition:
        """Return what to wait for."""
        raise NotImplementedError

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        seen = self._look(self.condition(context))
        return PokeReturnValue(is_done=seen is not None, xcom_value=seen)

    def execute(self, context: Context) -> Any:
        """Look once on the worker, and wait where the author wants it."""
        if not self.deferrable:
            return super().execute(context)
        condition = self.condition(context)
        if (seen := self._look(condition)) is None:
            self._defer(condition)
        return seen

    def _defer(self, condition: Condition) -> None:
        from airflow_clickmeeting.triggers.waiting import WaitTrigger

        trigger = WaitTrigger(
            condition=condition.to_json(),
            clickmeeting_conn_id=self.clickmeeting_conn_id,
            interval=self.poke_interval,
            deadline=time.time() + self.timeout,
        )
        # the trigger keeps the deadline itself; Airflow's own comes a little later, in case it does not run
        net = timedelta(seconds=self.timeout + 60)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=net)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the trigger saw."""
        if event.get("timed_out"):
            raise AirflowSensorTimeout(f"Not so after {self.timeout:g} seconds")
        seen: dict[str, Any] = event["seen"]
        self.log.info("Seen: %s", seen)
        return seen

    def _look(self, condition: Condition) -> dict[str, Any] | None:
        answer = self.hook.run_list(condition.call, condition.room_id)
        seen = condition.seen(answer, self.hook.now())
        self.log.info("Room %s: %s", condition.room_id, seen or "not yet")
        return seen


class ClickMeetingSessionEndedSensor(ClickMeetingSensor):
    """Wait until a session of a room has ended.

    Airflow's default `timeout` is seven days: give a longer one for a webinar planned further ahead.

    :param room_id: the room.
    :param since: sessions that ended before do not count: an aware datetime or ISO 8601 text; by default the start
        of the run's data interval, else when the run was due.
    :param settle: seconds that the end must lie back, because ClickMeeting's reports come late.
    :return: `room_id`, `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.
    """

    template_fields: Sequence[str] = (*ClickMeetingSensor.template_fields, "room_id", "since")

    def __init__(self, *, room_id: Id, since: When | None = None, settle: float = 300, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.since = since
        self.settle = settle

    def condition(self, context: Context) -> SessionEnded:
        """Return the end of a session since then."""
        from airflow_clickmeeting.conditions import SessionEnded

        if self.settle >= self.timeout:
            values.refuse("settle", self.settle, f"shorter than the timeout of {self.timeout:g} seconds")
        since = self.since or context.get("data_interval_start") or context["dag_run"].run_after
        moment = times.instant("since", since)
        return SessionEnded(room_id=self.room_id, since=moment.isoformat(), settle=self.settle)
