"""When a request is sent again, and after what pause: one policy for both hooks."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, retry_all, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import ClickMeetingError, ConnectionFailedError, RateLimitedError, ServerError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
GATEWAY_ERRORS = (502, 503, 504)


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


def log_pause(log: Logger | logging.Logger, state: RetryCallState) -> None:
    """Log a failed attempt, and the pause before the next one."""
    pause = state.next_action.sleep if state.next_action else 0
    message = "%s failed (attempt %d): %s; next attempt in %.1f s"
    log.warning(message, state.args[0].title, state.attempt_number, _error(state), pause)


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
    """Assigns evenly spaced moments for sending; threads may share one.

    :param per_second: the highest number of requests per second.
    """

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._free_at = float("-inf")
        self._lock = Lock()

    def delay(self, now: float) -> float:
        """Reserve the next moment, and return the seconds until then."""
        with self._lock:
            at = max(now, self._free_at)
            self._free_at = at + self._gap
        return at - now
