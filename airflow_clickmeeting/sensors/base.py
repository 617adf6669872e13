"""The loop that every sensor runs; its three modes differ only in how they spend a pause."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from airflow.sdk import BaseOperator, BaseSensorOperator, Context, PokeReturnValue

from airflow_clickmeeting.api.validate import argument_errors
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.rendered import RenderedArguments

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout, TaskDeferralTimeout
except ImportError:  # 3.1
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowRescheduleException,
        AirflowTaskTimeout,
        TaskDeferralTimeout,
    )

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.waiting.conditions import Condition, Result
    from airflow_clickmeeting.waiting.polling import PollPolicy

MAX_BACKOFF = 3600.0


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

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def build_condition(self, context: Context) -> Condition:
        """Return what to wait for, made of the rendered arguments; wrong arguments raise a `ValueError`."""
        raise NotImplementedError

    def complete_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the task's return value; a subclass may add to the result what only the worker should read."""
        return result

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once, and return whether the condition is met, with the result."""
        result, _ = self._poll(self.build_condition(context), None)
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
        from airflow_clickmeeting.waiting.polling import format_failures, monotonic_clock

        now = monotonic_clock()
        with argument_errors(WrongArgumentError):
            condition = self.build_condition(context)
            condition.call  # noqa: B018 - raises for a wrong argument, such as the id of the room
            poll_policy = self._poll_policy(context, now())
        fingerprint: str | None = None
        failures = 0
        while True:
            error: Exception | None = None
            try:
                result, fingerprint = self._poll(condition, fingerprint)
            except Exception as failed:
                failures, error = failures + 1, failed
                if not poll_policy.tolerates(failed, failures):
                    raise
            else:
                failures = 0
                if result is not None:
                    return self.complete_result(result)
            pause = min(poll_policy.remaining(now()), poll_policy.pause(now(), failures, error))
            if error:
                activity = f"Waiting for {condition.description}: polling"
                self.log.warning(format_failures(activity, failures, pause, error))
            if not pause:
                raise self._timeout_error(context) from error
            if self.deferrable:
                self._defer(condition, poll_policy, fingerprint, failures)
            if self.reschedule and not fingerprint and not failures:
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=pause))  # type: ignore[no-untyped-call]
            time.sleep(pause)

    def _poll(self, condition: Condition, fingerprint: str | None) -> tuple[Result, str | None]:
        from airflow_clickmeeting.waiting.conditions import poll_steps

        steps = poll_steps(condition, fingerprint)
        call = next(steps)
        while True:
            try:
                call = steps.send((self.hook.run(call), self.hook.now()))
            except StopIteration as end:
                result, fingerprint = end.value
                unmet = "the next poll must return the same" if fingerprint else "not yet"
                self.log.info("Polled, waiting for %s: %s", condition.description, unmet if result is None else result)
                return result, fingerprint

    @property
    def _longest_wait(self) -> float:
        """The seconds after which the sensor stops; Airflow's execution timeout does not count in the triggerer."""
        if self.deferrable and self.execution_timeout:
            return min(self.timeout, self.execution_timeout.total_seconds())
        return self.timeout

    def _poll_policy(self, context: Context, now: float) -> PollPolicy:
        from airflow_clickmeeting.waiting.polling import PollPolicy

        first = context["ti"].get_first_reschedule_date(context) if self.reschedule and not self.deferrable else None
        began = first.timestamp() if first else now
        return PollPolicy(
            interval=self.poke_interval,
            began=began,
            deadline=began + self._longest_wait,
            exponential=self.exponential_backoff,
            max_pause=self.max_wait.total_seconds() if self.max_wait else MAX_BACKOFF,
            max_consecutive_failures=None if self.silent_fail else self.max_consecutive_failures,
        )

    def _defer(self, condition: Condition, poll_policy: PollPolicy, fingerprint: str | None, failures: int) -> None:
        from airflow_clickmeeting.triggers.condition import WaitTrigger

        trigger = WaitTrigger(
            condition=condition.to_json(),
            clickmeeting_conn_id=self.clickmeeting_conn_id,
            poll_policy=poll_policy.to_json(),
            fingerprint=fingerprint,
            failures=failures,
        )
        # the trigger ends the waiting itself; Airflow's own timeout comes later, in case the triggerer does not run
        latest = timedelta(seconds=self._longest_wait + 60)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=latest)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the result that the trigger sent, or raise the error that ended it."""
        from airflow_clickmeeting.exceptions import error_from_json

        if "failed" in event:
            raise error_from_json(event["failed"])
        if "result" not in event:
            raise self._timeout_error(context)
        self.log.info("The trigger finished waiting: %s", event["result"])
        return self.complete_result(event["result"])

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the trigger with the same rules for skipping as in the other modes.

        Airflow's own method for sensors would skip for more errors than in the other modes.
        """
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
            return AirflowTaskTimeout(f"{message} (execution_timeout)")
        return AirflowSensorTimeout(message)

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
