"""The loop that every sensor runs; its three modes differ only in how they spend a pause."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseSensorOperator, Context, PokeReturnValue

from airflow_clickmeeting.api.validate import argument_errors
from airflow_clickmeeting.compat import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralTimeout,
    conf,
)
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.rendered import RenderedArguments

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.waiting.conditions import Condition, Poll
    from airflow_clickmeeting.waiting.messages import RoomPlan
    from airflow_clickmeeting.waiting.polling import PollPolicy
    from airflow_clickmeeting.waiting.progress import Progress

MAX_BACKOFF = 3600.0
WHEN_LATER = "If it happens later, set a longer {}, then clear this task."
#: the name of what a deferred task waits for, in Airflow's task state store
STATE_KEY = "waiting_for"


class ConditionSensor(RenderedArguments, BaseSensorOperator):
    """Wait until a condition is met, in poke or reschedule mode, or deferred to the triggerer.

    A subclass returns in `build_condition` what to wait for. All modes (docs/waiting.md) poll in the same way, tolerate
    the same failures, and time out at the same time. In reschedule mode the sensor keeps the worker after a failed
    poll, and between two polls that must return the same, because a rescheduled task has no memory of them.

    :param clickmeeting_conn_id: the connection with the API key.
    :param deferrable: whether to wait in the triggerer, which takes no worker slot.
    :param max_consecutive_failures: how many polls in a row may fail for a transient reason: no connection, 429, 5xx,
        or a response that is not JSON. The pauses between them grow to five minutes.
    """

    template_fields: Sequence[str] = ("clickmeeting_conn_id",)
    #: whether this process goes on after the triggerer, and so has not polled itself
    is_resumed = False

    def __init__(
        self,
        *,
        clickmeeting_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        max_consecutive_failures: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.deferrable = deferrable
        self.max_consecutive_failures = max_consecutive_failures

    @cached_property
    def hook(self) -> ClickMeetingHook:
        """The hook of the connection, which sends the requests of the worker."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        # a week of polls is ten thousand lines
        return ClickMeetingHook(self.clickmeeting_conn_id, log_level=logging.DEBUG)

    def build_condition(self, context: Context) -> Condition:
        """Return what to wait for, made of the rendered arguments; wrong arguments raise a `ValueError`."""
        raise NotImplementedError

    def complete_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the task's return value; a subclass may add to the result what only the worker should read."""
        return result

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once, and return whether the condition is met, with the result."""
        result = self._poll(self.build_condition(context), None).result
        return PokeReturnValue(is_done=result is not None, xcom_value=result and self.complete_result(result))

    def execute(self, context: Context) -> Any:
        """Poll until the condition is met, and return the result; the task sleeps, is rescheduled or defers meanwhile.

        :raises AirflowSensorTimeout: if `timeout` seconds have passed.
        :raises ClickMeetingError: after too many failures, or at once if the failure is permanent.
        """
        with self._skipping_instead_of_failing():
            return self._wait(context)

    def _wait(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.exceptions import WrongArgumentError
        from airflow_clickmeeting.waiting.messages import format_end, format_result
        from airflow_clickmeeting.waiting.polling import monotonic_clock
        from airflow_clickmeeting.waiting.progress import Progress

        now = monotonic_clock()
        with argument_errors(WrongArgumentError):
            condition = self.build_condition(context)
            condition.call  # noqa: B018 - raises for a wrong argument, such as the id of the room
            poll_policy = self._poll_policy(context, now())
        earlier = context.get("task_reschedule_count") or 0
        progress = Progress(self.log, condition, poll_policy, polls=earlier)
        while True:
            failure: Exception | None = None
            try:
                poll = self._poll(condition, progress.fingerprint)
            except Exception as error:
                failure = error
                if not progress.tolerates(error):
                    self.log.warning("%s", format_end(progress.to_json(now()), progress.awaited, error))
                    raise
                pause = progress.after_failure(error, now())
            else:
                # the triggerer asks for the room once for all its sensors, and a rescheduled task has named it before
                if not (self.deferrable or earlier) and (room_call := progress.unknown_room(poll)):
                    progress.plan = self._room_plan(room_call)
                pause = progress.after_poll(poll, now())
                if poll.result is not None:
                    self.log.info("%s", format_result(progress.to_json(now()), progress.awaited, poll.result))
                    return self.complete_result(poll.result)
            if not pause:
                self.log.warning("%s", format_end(progress.to_json(now()), progress.awaited))
                raise self._timeout_error(context) from failure
            if self.deferrable:
                self._defer(context, progress)
            if self.reschedule and not progress.fingerprint and not progress.failures:
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=pause))  # type: ignore[no-untyped-call]
            time.sleep(pause)

    def _poll(self, condition: Condition, fingerprint: str | None) -> Poll:
        from airflow_clickmeeting.waiting.conditions import poll_steps

        steps = poll_steps(condition, fingerprint)
        call = next(steps)
        while True:
            try:
                call = steps.send((self.hook.run(call), self.hook.now()))
            except StopIteration as end:
                poll: Poll = end.value
                return poll

    def _room_plan(self, room_call: Call[Room]) -> RoomPlan:
        from airflow_clickmeeting.exceptions import ClickMeetingError
        from airflow_clickmeeting.waiting.messages import RoomPlan

        try:
            return RoomPlan.of(self.hook.run(room_call))
        except ClickMeetingError:  # its name is only for the log
            return RoomPlan()

    @property
    def _longest_wait(self) -> float:
        """The seconds after which the sensor stops; Airflow's execution timeout does not count in the triggerer."""
        if self.deferrable and self.execution_timeout:
            return min(self.timeout, self.execution_timeout.total_seconds())
        return self.timeout

    def _poll_policy(self, context: Context, now: float) -> PollPolicy:
        from airflow_clickmeeting.waiting.polling import PollPolicy

        first = context["ti"].get_first_reschedule_date(context) if self.reschedule and not self.deferrable else None
        if isinstance(first, str):  # from `dag.test` of Airflow 3.1.0
            first = datetime.fromisoformat(first)
        began = first.timestamp() if first else now
        return PollPolicy(
            interval=self.poke_interval,
            began=began,
            deadline=began + self._longest_wait,
            exponential=self.exponential_backoff,
            max_pause=self.max_wait.total_seconds() if self.max_wait else MAX_BACKOFF,
            max_consecutive_failures=None if self.silent_fail else self.max_consecutive_failures,
        )

    def _defer(self, context: Context, progress: Progress) -> None:
        from airflow_clickmeeting.triggers.condition import WaitTrigger

        trigger = WaitTrigger(
            condition=progress.condition.to_json(),
            clickmeeting_conn_id=self.clickmeeting_conn_id,
            poll_policy=progress.poll_policy.to_json(),
            fingerprint=progress.fingerprint,
            failures=progress.failures,
            polls=progress.polls,
            failed=progress.failed,
        )
        self._show_waiting(context, progress)
        # the trigger ends the waiting itself; Airflow's own timeout comes later, in case the triggerer does not run
        latest = timedelta(seconds=self._longest_wait + 60)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=latest)

    def _show_waiting(self, context: Context, progress: Progress) -> None:
        """Show in Airflow's task state store, which Airflow has from 3.3 on, what the task waits for."""
        if (store := context.get("task_state_store")) is None:
            return
        room_id = getattr(progress.condition, "room_id", None)
        waiting_for = {
            "room_id": int(room_id) if progress.condition.room_call and room_id else None,
            "room_name": progress.plan.name if progress.plan else None,
            "condition": progress.awaited,
            "deadline": datetime.fromtimestamp(progress.poll_policy.deadline, UTC).isoformat(timespec="seconds"),
            "poll_interval": progress.poll_policy.interval,
        }
        try:
            store.set(STATE_KEY, {name: value for name, value in waiting_for.items() if value is not None})
        except Exception as error:  # noqa: BLE001 - what Airflow's pages show must not end the waiting
            self.log.warning(
                "The task state store did not take what the task waits for, which it does all the same: %r", error
            )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the result that the trigger sent, or raise the error that ended it; log how long the wait took."""
        from airflow_clickmeeting.exceptions import error_from_json
        from airflow_clickmeeting.waiting.messages import format_end, format_result

        # a trigger of an earlier version counted nothing
        progress = event.get("progress") or {"awaited": self.build_condition(context).description}
        if "result" in event:
            self.log.info("%s", format_result(progress, progress["awaited"], event["result"]))
            return self.complete_result(event["result"])
        error = error_from_json(event["failed"]) if "failed" in event else None
        self.log.warning("%s", format_end(progress, progress["awaited"], error))
        raise error or self._timeout_error(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger with the same rules for skipping as in the other modes.

        Airflow's own method for sensors would skip for more errors than in the other modes.
        """
        self.is_resumed = True
        with self._skipping_instead_of_failing():
            try:
                return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                raise self._timeout_error(context) from error

    def _timeout_error(self, context: Context) -> BaseException:
        awaited = self.build_condition(context).description
        limit = self._longest_wait
        message = f"Timed out after {limit:g} s waiting for {awaited}"
        if limit < self.timeout:
            # as in the other modes: Airflow retries such a task
            return AirflowTaskTimeout(f"{message} (execution_timeout). {WHEN_LATER.format('execution_timeout')}")
        return AirflowSensorTimeout(f"{message}. {WHEN_LATER.format('timeout')}")

    @contextmanager
    def _skipping_instead_of_failing(self) -> Iterator[None]:
        from airflow_clickmeeting.exceptions import ClickMeetingError, WrongArgumentError

        try:
            yield
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except Exception as error:
            # soft_fail does not cover mistakes in the DAG or in a condition
            failed = isinstance(error, ClickMeetingError | AirflowSensorTimeout | AirflowFailException)
            expected = failed and not isinstance(error, WrongArgumentError)
            if self.never_fail or (self.soft_fail and expected):
                setting = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipped instead of failed, because {setting} is set: {error}") from error
            raise
