"""What failed in a task that finishes the rest: the first hundred for the result, and a log line for each reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Required, TypedDict

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.exceptions import ClickMeetingError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

MAX_FAILURES_KEPT = 100
MAX_REASONS = 100
MAX_FAILURES_SHOWN = 5


class Failure(TypedDict, total=False):
    """One thing that failed and why: a `row` of a list, or what belongs to the room, session or recording named."""

    row: int
    room_id: int
    session_id: int
    recording_id: int
    reason: Required[str]


class FailureLog:
    """Collects failures, and logs each reason once however many failures share it.

    Failures that each have a reason of their own neither fill the log nor the memory: after the first hundred reasons,
    new ones are only counted.

    :param log: gets a warning when a reason comes up for the first time, and one with its count at the end.
    :param unit: what is counted, in the plural, for messages.
    """

    def __init__(self, log: Logger | logging.Logger, unit: str = "rows") -> None:
        self._log = log
        self._unit = unit
        self._reasons: Counter[str] = Counter()
        self.kept: list[Failure] = []
        #: how many failures there are, including those that are not kept
        self.count = 0
        #: the error of the last failure that had one
        self.error: ClickMeetingError | None = None

    def add(
        self,
        reason: str | Exception,
        *,
        row: int | None = None,
        room_id: int | None = None,
        session_id: int | None = None,
        recording_id: int | None = None,
    ) -> None:
        """Add a failure; the ids say what failed."""
        if isinstance(reason, ClickMeetingError):
            self.error = reason
        ids = {"row": row, "room_id": room_id, "session_id": session_id, "recording_id": recording_id}
        failure: Failure = {"reason": str(reason)}
        failure |= {name: value for name, value in ids.items() if value is not None}  # type: ignore[typeddict-item]
        self.count += 1
        self._count_reason(failure)
        if len(self.kept) < MAX_FAILURES_KEPT:
            self.kept.append(failure)

    def _count_reason(self, failure: Failure) -> None:
        if failure["reason"] not in self._reasons:
            if len(self._reasons) == MAX_REASONS:
                return
            self._log.warning("Failed: %s", format_failure(failure))
            if len(self._reasons) == MAX_REASONS - 1:
                self._log.warning("Failures with other reasons are only counted from here on")
        self._reasons[failure["reason"]] += 1

    def log_counts(self) -> None:
        """Log how many failures share a reason, the most frequent reasons first."""
        repeated = [(reason, count) for reason, count in self._reasons.most_common() if count > 1]
        for reason, count in repeated:
            self._log.warning("%d %s failed for one reason: %s", count, self._unit, reason)

    def check(self, max_failures: float, total: int, advice: str) -> None:
        """Raise when there are more failures than a task may have.

        :param max_failures: a number, or below 1 a share of the total.
        :param total: how many things were tried.
        :param advice: what a retry does, and what the user can do, as sentences.
        :raises AirflowException: naming the first failures.
        """
        if self.count > allowed_failures(max_failures, total):
            first = format_first([format_failure(failure) for failure in self.kept], count=self.count)
            failed = f"{self.count} of {total} {self._unit} failed (max_failures={max_failures:g})"
            raise AirflowException(f"{failed}: {first.rstrip('.')}. {advice}")


def allowed_failures(max_failures: float, total: int) -> int:
    """Return how many failures a task may have: a number as it is, a share below 1 of the total."""
    return int(max_failures * total) if max_failures < 1 else int(max_failures)


def format_failure(failure: Failure) -> str:
    """Return a failure in words, such as `room 3, session 7: not found`."""
    names = {"row": "row", "room_id": "room", "session_id": "session", "recording_id": "recording"}
    ids = [f"{name} {failure[key]}" for key, name in names.items() if key in failure]  # type: ignore[literal-required]
    return f"{', '.join(ids)}: {failure['reason']}" if ids else failure["reason"]


def format_first(texts: Sequence[str], separator: str = "; ", *, count: int | None = None) -> str:
    """Return the first five texts, and how many more there are, so that a message stays short.

    :param count: how many there are, where not all of them were kept.
    """
    more = (len(texts) if count is None else count) - MAX_FAILURES_SHOWN
    return separator.join([*texts[:MAX_FAILURES_SHOWN], *[f"and {more} more"] * (more > 0)])
