"""How every sensor waits: one loop, whose three modes differ in how a pause is spent."""

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

from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralTimeout
except ImportError:  # 3.1
    from airflow.exceptions import AirflowRescheduleException, TaskDeferralTimeout  # type: ignore[no-redef]

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.waiting.conditions import Condition, Seen
    from airflow_clickmeeting.waiting.polling import PollPolicy

MAX_BACKOFF = 3600.0


class ConditionSensor(BaseSensorOperator):
    """Wait until a condition holds, in the modes poke and reschedule, or deferred to the triggerer.

    A subclass says in `condition_in` what it waits for. The modes mean the same (docs/waiting.md): they look in the
    same way, bear the same failures, and end at the same time. A look that failed, or that must read the same twice,
    keeps the worker in reschedule mode, too, since that mode remembers nothing.

    :param clickmeeting_conn_id: the connection with the API key.
    :param deferrable: whether to wait in the triggerer, which takes no worker slot.
    :param max_consecutive_failures: how many looks in a row may fail for a reason that passes: no connection, 429,
        5xx, no JSON. The pauses between them grow to five minutes.
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
        """The account."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def condition_in(self, context: Context) -> Condition:
        """Return what to wait for."""
        raise NotImplementedError

    def result(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return what the task returns for what was seen."""
        return seen

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        seen, _ = self._look(self.condition_in(context), None)
        return PokeReturnValue(is_done=seen is not None, xcom_value=seen and self.result(seen))

    def execute(self, context: Context) -> Any:
        """Look, and until it is so, spend each pause as the mode says: asleep, rescheduled or deferred."""
        with self._soft():
            return self._wait(context)

    def _wait(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.waiting.polling import monotonic_clock

        condition = self.condition_in(context)
        now = monotonic_clock()
        poll_policy = self._poll_policy(context, now())
        fingerprint: str | None = None
        failures, error = 0, None
        while True:
            try:
                seen, fingerprint = self._look(condition, fingerprint)
            except Exception as failed:
                failures, error = failures + 1, failed
                if not poll_policy.tolerates(failed, failures):
                    raise
                self.log.warning("Look failed, %d in a row: %s", failures, failed)
            else:
                failures, error = 0, None
                if seen is not None:
                    return self.result(seen)
            if not (left := poll_policy.remaining(now())):
                raise self._too_late(context)
            if self.deferrable:
                self._defer(condition, poll_policy, fingerprint, failures)
            pause = min(left, poll_policy.pause(now(), failures, error))
            if self.reschedule and not fingerprint and not failures:
                raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=pause))  # type: ignore[no-untyped-call]
            time.sleep(pause)

    def _look(self, condition: Condition, fingerprint: str | None) -> tuple[Seen, str | None]:
        from airflow_clickmeeting.waiting.conditions import look

        steps = look(condition, fingerprint)
        call = next(steps)
        while True:
            try:
                call = steps.send((self.hook.run(call), self.hook.now()))
            except StopIteration as end:
                seen, fingerprint = end.value
                self.log.info("%s: %s", condition, seen or ("to be read once more" if fingerprint else "not yet"))
                return seen, fingerprint

    def _poll_policy(self, context: Context, now: float) -> PollPolicy:
        from airflow_clickmeeting.waiting.polling import PollPolicy

        first = context["ti"].get_first_reschedule_date(context) if self.reschedule and not self.deferrable else None
        began = first.timestamp() if first else now
        return PollPolicy(
            interval=self.poke_interval,
            began=began,
            deadline=began + self.timeout,
            exponential=self.exponential_backoff,
            longest=self.max_wait.total_seconds() if self.max_wait else MAX_BACKOFF,
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
        # the trigger keeps the deadline itself; Airflow's own comes later, in case it does not run
        net = timedelta(seconds=self.timeout + 60)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=net)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what the trigger saw, or raise what it met."""
        from airflow_clickmeeting.exceptions import error_from_json

        if "failed" in event:
            raise error_from_json(event["failed"])
        if "check" not in event:
            raise self._too_late(context)
        self.log.info("Seen: %s", event["check"])
        return self.result(event["check"])

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the trigger, as softly as in the other modes; Airflow's sensors would soften more there."""
        with self._soft():
            try:
                return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
            except TaskDeferralTimeout as error:
                raise self._too_late(context) from error

    def _too_late(self, context: Context) -> AirflowSensorTimeout:
        return AirflowSensorTimeout(f"Timed out after {self.timeout:g} s waiting for {self.condition_in(context)}")

    @contextmanager
    def _soft(self) -> Iterator[None]:
        from airflow_clickmeeting.exceptions import ClickMeetingError

        try:
            yield
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except Exception as error:
            trouble = isinstance(error, ClickMeetingError | AirflowSensorTimeout | AirflowFailException)
            if self.never_fail or (self.soft_fail and trouble):
                which = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipped, as {which} says: {error}") from error
            raise
