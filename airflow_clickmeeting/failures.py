"""Collect the failures of a task that continues with the rest, and fail the task if there are too many.

The first hundred failures go into the task's result. The log has one line for each reason, not for each failure.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Required, TypedDict

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import CLEAR, ClickMeetingError, NotFoundError, summary_of

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

MAX_FAILURES_KEPT = 100
MAX_REASONS = 100
MAX_FAILURES_SHOWN = 5


class Failure(TypedDict, total=False):
    """One failure: the `row` of a list, or the ids of the room, session or recording that failed; and the `reason`."""

    row: int
    room_id: int
    session_id: int
    recording_id: int
    reason: Required[str]


@dataclass
class FailureLog:
    """Collects failures, and logs each reason once, even if many failures share it.

    Failures whose reasons all differ do not fill the log or the memory: after the first hundred reasons, failures with
    new reasons are only counted.

    :param log: gets a warning at the first failure with a reason, and one with the number of failures at the end.
    :param unit: what is counted, in the plural, for messages, such as `rows`.
    :param missing_may_pass: whether "not found" may be no failure at a retry, for example because the retry lists the
        rooms again, and leaves out those that do not exist any more.
    """

    log: Logger | logging.Logger
    unit: str = "rows"
    missing_may_pass: bool = False
    kept: list[Failure] = field(default_factory=list, init=False)
    #: the number of all failures; `kept` has only the first hundred
    count: int = field(default=0, init=False)
    #: how many of them a retry may cure
    curable: int = field(default=0, init=False)
    #: the last ClickMeeting error among the failures, for a task that raises it instead of a count
    error: ClickMeetingError | None = field(default=None, init=False)
    #: how many failures concern each session, by the ids of its room and itself; a room as a whole has None as session
    by_place: Counter[tuple[int | None, int | None]] = field(default_factory=Counter, init=False)
    #: the classes of the errors; `str` stands for failures without an error
    kinds: set[type] = field(default_factory=set, init=False)
    _reasons: Counter[str] = field(default_factory=Counter, init=False)

    def add(
        self,
        reason: str | Exception,
        permanent: bool | None = None,
        /,
        *,
        row: int | None = None,
        room_id: int | None = None,
        session_id: int | None = None,
        recording_id: int | None = None,
    ) -> None:
        """Add a failure, and log its reason if it is new.

        :param reason: the error, or its message.
        :param permanent: whether a retry would fail for the same reason; by default the class of the error says so.
        :param row: the number of the row in a list, from 1.
        :param room_id: the room that failed, or the room of the session or recording.
        :param session_id: the session that failed.
        :param recording_id: the recording that failed.
        """
        self.kinds.add(type(reason))
        if isinstance(reason, ClickMeetingError):
            self.error = reason
        self.curable += not (self.is_permanent(reason) if permanent is None else permanent)
        ids = {"row": row, "room_id": room_id, "session_id": session_id, "recording_id": recording_id}
        failure: Failure = {"reason": reason if isinstance(reason, str) else summary_of(reason)}
        failure |= {name: value for name, value in ids.items() if value is not None}  # type: ignore[typeddict-item]
        self.count += 1
        self.by_place[room_id, session_id] += 1
        self._count_reason(failure)
        if len(self.kept) < MAX_FAILURES_KEPT:
            self.kept.append(failure)

    def is_permanent(self, reason: str | Exception) -> bool:
        """Return whether a retry would fail with the same error; of an error's message alone, this is not known."""
        if self.missing_may_pass and isinstance(reason, NotFoundError):
            return False
        return isinstance(reason, AirflowFailException)

    def _count_reason(self, failure: Failure) -> None:
        if failure["reason"] not in self._reasons:
            if len(self._reasons) == MAX_REASONS:
                return
            self.log.warning("Failed: %s", format_failure(failure))
            if len(self._reasons) == MAX_REASONS - 1:
                self.log.warning("Failures with other reasons are only counted from here on")
        self._reasons[failure["reason"]] += 1

    def log_counts(self) -> None:
        """Log the number of failures for each reason that several share, the most frequent reason first."""
        repeated = [(reason, count) for reason, count in self._reasons.most_common() if count > 1]
        for reason, count in repeated:
            self.log.warning("%d %s failed for one reason: %s", count, self.unit, reason)

    def check(self, max_failures: float, total: int, advice: str) -> None:
        """Fail the task if there are more failures than it may have, without retries if no retry can cure any of them.

        :param max_failures: a number of failures; below 1, a share of `total`.
        :param total: how many rows, rooms, sessions or recordings were tried.
        :param advice: sentences that say what a retry does, and then what the user can do before the task is cleared;
            the last one has no full stop.
        :raises AirflowException: with the number of failures, the first five of them, and `advice`; it is an
            `AirflowFailException` if all failures are permanent.
        """
        if self.count > allowed_failures(max_failures, total):
            first = format_first([format_failure(failure) for failure in self.kept], count=self.count)
            failed = f"{self.count} of {total} {self.unit} failed (max_failures={max_failures:g})"
            kind = AirflowException if self.curable else AirflowFailException
            raise kind(f"{failed}: {first.rstrip('.')}. {advice}, {CLEAR}")


def allowed_failures(max_failures: float, total: int) -> int:
    """Return how many failures a task may have, rounded down if `max_failures` is a share, that is, below 1."""
    return int(max_failures * total) if max_failures < 1 else int(max_failures)


def format_failure(failure: Failure) -> str:
    """Return a failure as text, such as `room 3, session 7: not found`."""
    names = {"row": "row", "room_id": "room", "session_id": "session", "recording_id": "recording"}
    ids = [f"{name} {failure[key]}" for key, name in names.items() if key in failure]  # type: ignore[literal-required]
    return f"{', '.join(ids)}: {failure['reason']}" if ids else failure["reason"]


def format_first(texts: Sequence[str], separator: str = "; ", *, count: int | None = None) -> str:
    """Return the first five texts as one, with the number of the others, so that a message stays short.

    :param texts: the texts, or the first of them.
    :param separator: what stands between two texts.
    :param count: the number of all texts, if `texts` has only the first of them.
    """
    more = (len(texts) if count is None else count) - MAX_FAILURES_SHOWN
    return separator.join([*texts[:MAX_FAILURES_SHOWN], *[f"and {more} more"] * (more > 0)])
