"""Skips what comes after a task, as Airflow's own ShortCircuitOperator does, but keeps the task's result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import SkipMixin

from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ShortCircuiting(ClickMeetingOperator, SkipMixin):
    """Base of operators that may skip what comes after them.

    :param ignore_downstream_trigger_rules: whether everything downstream is skipped; otherwise only the next tasks
        are, and what follows them goes by its trigger rule.
    """

    # Airflow asks for it where tasks are mapped or cleared
    inherits_from_skipmixin = True

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def skip_downstream(self, context: Context, result: dict[str, Any]) -> None:
        """Skip the tasks downstream; for a task that is not mapped, this ends it."""
        if self.do_xcom_push:  # Airflow itself keeps no result of a task that ends so
            for key, value in {**(result if self.multiple_outputs else {}), "return_value": result}.items():
                context["ti"].xcom_push(key, value)
        self.log.info("Skipping downstream tasks")
        self.skip(ti=context["ti"], tasks=self._followers(context["task"]))

    def _followers(self, task: Any) -> Iterator[Any]:
        relatives = task.get_flat_relatives if self.ignore_downstream_trigger_rules else task.get_direct_relatives
        return (follower for follower in relatives(upstream=False) if not follower.is_teardown)
