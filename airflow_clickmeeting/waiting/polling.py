"""How long something is waited for, how often it is looked at, and which failures are borne meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.exceptions import ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError

JITTER = 0.1
FIRST_PAUSE_AFTER_FAILURE = 5.0
MAX_PAUSE_AFTER_FAILURE = 300.0
TRANSIENT = (ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError)


def monotonic_clock() -> Callable[[], float]:
    """Return a clock of the seconds since 1970 that does not notice when the machine's own is set."""
    began, started = time.time(), time.monotonic()
    return lambda: began + time.monotonic() - started


@dataclass(frozen=True)
class PollPolicy:
    """The patience of one sensor; times are seconds since 1970, so that a restart does not prolong it.

    :param interval: seconds between two looks.
    :param began: when the waiting began.
    :param deadline: when it ends.
    :param exponential: whether the pauses double.
    :param longest: seconds that a doubled pause may have.
    :param max_consecutive_failures: how many looks in a row may fail for a reason that passes (no connection, 429,
        5xx, no JSON); None bears every failure until the deadline.
    """

    interval: float
    began: float
    deadline: float
    exponential: bool = False
    longest: float = 3600
    max_consecutive_failures: int | None = 10

    def __post_init__(self) -> None:
        if not self.interval > 0:
            validate.bad_argument("poke_interval", self.interval, "more than zero seconds")
        if self.max_consecutive_failures is not None and self.max_consecutive_failures < 0:
            validate.bad_argument("max_consecutive_failures", self.max_consecutive_failures, "zero or more")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, which makes it again: `PollPolicy(**data)`."""
        return asdict(self)

    def pause(self, now: float, failures: int = 0, error: BaseException | None = None) -> float:
        """Return the seconds until the next look, up to a tenth more or less.

        :param now: seconds since 1970.
        :param failures: how many looks in a row have failed.
        :param error: the last failure; ClickMeeting may have said how long to wait.
        """
        # pauses that double add up to the time gone by: the next is that and one interval
        pause = min(self.interval + now - self.began, self.longest) if self.exponential else self.interval
        if failures:
            doubled = FIRST_PAUSE_AFTER_FAILURE * 2 ** (failures - 1)
            pause = max(pause, min(doubled, MAX_PAUSE_AFTER_FAILURE), getattr(error, "retry_after", None) or 0)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    def remaining(self, now: float) -> float:
        """Return the seconds until the deadline, zero when it has passed."""
        return max(0.0, self.deadline - now)

    def tolerates(self, error: Exception, failures: int) -> bool:
        """Tell whether to go on after so many failures in a row, of which this is the last."""
        if self.max_consecutive_failures is None:
            return True
        return isinstance(error, TRANSIENT) and failures <= self.max_consecutive_failures
