"""How often to poll, how long to wait, and which failures to tolerate meanwhile."""

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
MAX_DOUBLINGS = 20
TRANSIENT = (ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError)


def monotonic_clock() -> Callable[[], float]:
    """Return a clock that counts seconds since 1970, and ignores later changes of the machine's clock."""
    began, started = time.time(), time.monotonic()
    return lambda: began + time.monotonic() - started


def format_failures(activity: str, failures: int, pause: float, error: BaseException | str) -> str:
    """Return the warning about a failed poll: how many failed in a row, and what happens next.

    :param activity: what failed, as the beginning of a sentence.
    :param failures: how many polls in a row have failed.
    :param pause: seconds until the next poll; zero if the time is up.
    :param error: the last failure.
    """
    count = "once" if failures == 1 else f"{failures} times in a row"
    return (
        f"{activity} failed {count}; {f'next attempt in {round(pause, 1):g} s' if pause else 'the time is up'}: {error}"
    )


@dataclass(frozen=True)
class PollPolicy:
    """The pauses, the deadline and the tolerated failures of one sensor.

    Times are seconds since 1970 instead of durations, so that a restart does not extend the deadline.

    :param interval: seconds between two polls.
    :param began: when the sensor polled for the first time.
    :param deadline: when the sensor times out.
    :param exponential: whether the pauses double.
    :param max_pause: the longest pause in seconds if the pauses double.
    :param max_consecutive_failures: how many polls in a row may fail for a transient reason: no connection, 429, 5xx,
        or a response that is not JSON. None tolerates every failure until the deadline.
    """

    interval: float
    began: float
    deadline: float
    exponential: bool = False
    max_pause: float = 3600
    max_consecutive_failures: int | None = 10

    def __post_init__(self) -> None:
        if not self.interval > 0:
            validate.bad_argument("poke_interval", self.interval, "more than zero seconds")
        if self.max_consecutive_failures is not None and self.max_consecutive_failures < 0:
            validate.bad_argument("max_consecutive_failures", self.max_consecutive_failures, "zero or more")

    def to_json(self) -> dict[str, Any]:
        """Return the policy as plain JSON; `PollPolicy(**data)` reverses it."""
        return asdict(self)

    def pause(self, now: float, failures: int = 0, error: BaseException | None = None) -> float:
        """Return the seconds until the next poll, varied by a tenth so that many sensors do not poll together.

        :param now: seconds since 1970.
        :param failures: how many polls in a row have failed.
        :param error: the last failure; ClickMeeting may have said how long to wait.
        """
        # doubling pauses add up to the elapsed time, so the next pause is the elapsed time plus one interval
        pause = min(self.interval + now - self.began, self.max_pause) if self.exponential else self.interval
        if failures:
            # a sensor that tolerates all failures may have thousands of them, too many for a power of two
            doubled = FIRST_PAUSE_AFTER_FAILURE * 2 ** min(failures - 1, MAX_DOUBLINGS)
            pause = max(pause, min(doubled, MAX_PAUSE_AFTER_FAILURE), getattr(error, "retry_after", None) or 0)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    def remaining(self, now: float) -> float:
        """Return the seconds until the deadline, zero if it has passed."""
        return max(0.0, self.deadline - now)

    def tolerates(self, error: Exception, failures: int) -> bool:
        """Return whether to poll again after an error.

        :param error: the last failure.
        :param failures: how many polls in a row have failed, including this one.
        """
        if self.max_consecutive_failures is None:
            return True
        return isinstance(error, TRANSIENT) and failures <= self.max_consecutive_failures
