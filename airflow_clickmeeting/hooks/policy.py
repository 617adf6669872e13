"""When a request is sent again, and after what pause: one policy for both hooks."""

from __future__ import annotations

import logging
from collections import deque
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, retry_all, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    RateLimitedError,
    ServerError,
    summary_of,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger
FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
GATEWAY_ERRORS = (502, 503, 504)
#: seconds after which the pace is again what it was at the last 429; after a quarter of them it is 90 % of that
RECOVERY = 60.0
#: seconds in which the pace is measured, and the number of requests below which this measures nothing
MEASURED = 5.0
MEASURABLE = 5
#: seconds; who waits longer looks again halfway
LONG_WAIT = 2.0
#: requests per second; no number of 429 makes the pace lower than half of it
MIN_LIMIT = 1 / 30


def worth_retrying(call: Call[Any], error: BaseException) -> bool:
    """Return whether sending a call again is safe, and may help.

    A request that certainly had no effect (no connection, 429) is sent again, whatever it does; after a gateway error
    or a lost response only if the call may be repeated. A `Retry-After` above a minute is left to Airflow's retries.
    """
    if not isinstance(error, ClickMeetingError) or (error.retry_after or 0) > MAX_PAUSE:
        return False
    if error.problem.no_effect:
        return isinstance(error, RateLimitedError | ConnectionFailedError)
    lost = isinstance(error, ConnectionFailedError)
    gateway_failed = isinstance(error, ServerError) and error.code in GATEWAY_ERRORS
    return call.is_repeatable and (lost or gateway_failed)


def _is_worth_retrying(state: RetryCallState) -> bool:
    return worth_retrying(state.args[0], _error(state))


def _pause(state: RetryCallState) -> float:
    error = _error(state)
    if isinstance(error, ClickMeetingError) and error.retry_after is not None:
        return error.retry_after
    growing = wait_exponential(multiplier=FIRST_PAUSE) + wait_random(max=FIRST_PAUSE)
    return min(growing(state), MAX_PAUSE)


def is_last(max_attempts: int, state: RetryCallState) -> bool:
    """Return whether to give up; a 429 counts half, since it shows how busy the account is, and not an error."""
    is_limited = isinstance(_error(state), RateLimitedError)
    return state.attempt_number >= (2 * max_attempts - 1 if is_limited else max_attempts)


def log_pause(log: Logger | logging.Logger, state: RetryCallState) -> None:
    """Log a failed attempt, and the pause before the next one."""
    pause = state.next_action.sleep if state.next_action else 0
    message = "Attempt %d failed: %s; next attempt in %.1f s"
    log.warning(message, state.attempt_number, summary_of(_error(state)), pause)


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome and state.outcome.exception()
    assert error, "tenacity asks about failed attempts only"  # noqa: S101
    return error


#: arguments for tenacity's `Retrying` and `AsyncRetrying`; what they run takes the call as its first argument
RETRY: dict[str, Any] = {
    "retry": retry_all(retry_if_exception_type(ClickMeetingError), _is_worth_retrying),
    "wait": _pause,
    "reraise": True,
}


class RateLimiter:
    """The pace of one account in one process, for all its hooks, threads and event loops.

    Requests take turns (`queue`), and ask how long until their turn (`delay`). A 429 halves the pace (`slow_down`).
    Then the pace rises along a curve: fast to nine tenths of the pace at which ClickMeeting sent the 429, slowly
    through that pace, and fast again if there is no other 429. So processes that know nothing of each other share an
    account's limit, as TCP connections share a line. Without a figure of the connection there is no limit until the
    first 429.

    The caller passes the time, in seconds of any clock that does not go back.

    :param most: the highest number of requests per second; None is no limit.
    """

    def __init__(self, most: float | None = None) -> None:
        #: when the last requests were sent; the caller appends to it
        self.sent: deque[float] = deque(maxlen=1000)
        #: whether requests need no turn; an attribute, since each request looks at it
        self.is_open = True
        self._lock = Lock()
        self._limit = inf  # the pace at which the last 429 came
        self._slowed_at = -inf
        self._resume_at = -inf
        # a turn is a number; each number up to `_served` may be sent
        self._last_turn = -1.0
        self._served = 0.0
        self._served_at = -inf
        self.set_most(most)

    def set_most(self, most: float | None) -> None:
        """Change the highest number of requests per second; None is no limit."""
        self.most = most
        self.is_open = most is None and self._limit == inf

    def pace(self, now: float) -> float:
        """Return the requests per second that are allowed now; without a limit infinity."""
        most = self.most or inf
        if self._limit == inf:
            return most
        progress = max(now - self._resume_at, 0) / RECOVERY
        return min(most, self._limit * (1 + (progress - 1) ** 5 / 2))

    def queue(self, now: float) -> float:
        """Return a turn behind all others; the time in which nobody sent makes no turns."""
        with self._lock:
            self._serve(now)
            self._last_turn = max(self._last_turn + 1, self._served)
            return self._last_turn

    def delay(self, turn: float, now: float) -> float:
        """Return the seconds to sleep before you ask again, or 0 when a turn may be sent.

        Meanwhile the pace may change: so a long wait has several parts.
        """
        with self._lock:
            self._serve(now)
            pause = self.blocked(now) + max(turn - self._served, 0) / self.pace(now)
            return pause if pause < LONG_WAIT else pause / 2

    def blocked(self, now: float) -> float:
        """Return the seconds until the end of the last `Retry-After`."""
        return max(self._resume_at - now, 0)

    def slow_down(self, now: float, sent_at: float, retry_after: float | None) -> bool:
        """Halve the pace after a 429, and block all requests for `retry_after` seconds.

        A request that was sent before the pace was last halved says nothing about the new pace, and does not halve it.

        :return: whether the pace was halved.
        """
        with self._lock:
            self._serve(now)
            is_news = sent_at >= self._slowed_at
            if is_news:
                self._limit = max(self._measure(now), MIN_LIMIT)
                self._slowed_at = self._resume_at = now
                self.sent.clear()
                self.is_open = False
            self._resume_at = max(self._resume_at, now + (retry_after or 0))
            return is_news

    def _measure(self, now: float) -> float:
        """Return the pace of the last seconds. The allowed one may be higher than what was sent."""
        sent = [at for at in list(self.sent) if at >= now - MEASURED]
        elapsed = now - sent[0] if sent else 0
        if (pace := self.pace(now)) == inf:
            return max(len(sent), MEASURABLE) / max(elapsed, 1)
        return min(pace, len(sent) / elapsed) if elapsed else pace

    def _serve(self, now: float) -> None:
        """Serve the turns of the time since the last call."""
        pace, start = self.pace(now), max(self._served_at, self._resume_at)
        if pace == inf:
            self._served = self._last_turn
        elif start < now:
            self._served += pace * (now - start) if start > -inf else 0
        self._served_at = max(self._served_at, now)
