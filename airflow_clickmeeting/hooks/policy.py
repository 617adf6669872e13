"""When a request is sent again, and after what pause: one policy for both hooks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import ClickMeetingError, ConnectionFailedError, RateLimitedError, ServerError

FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
GATEWAY_TROUBLE = (502, 503, 504)


def policy(call: Call[Any], max_attempts: int, warn: Callable[..., object]) -> dict[str, Any]:
    """Return the arguments for tenacity's `Retrying` or `AsyncRetrying`.

    What surely had no effect (no connection, 429) is sent again whatever it was; a gateway's trouble or a lost
    answer only where the call may be repeated. A `Retry-After` beyond a minute is left to Airflow's own retries.
    """
    return {
        "retry": retry_if_exception(lambda error: worth_repeating(call, error)),
        "wait": _pause,
        "stop": stop_after_attempt(max_attempts),
        "before_sleep": lambda state: _tell_pause(call, state, warn),
        "reraise": True,
    }


def worth_repeating(call: Call[Any], error: BaseException) -> bool:
    """Tell whether sending a call again is safe, and may help."""
    if not isinstance(error, ClickMeetingError) or (error.retry_after or 0) > MAX_PAUSE:
        return False
    if error.problem.no_effect:
        return isinstance(error, RateLimitedError | ConnectionFailedError)
    lost = isinstance(error, ConnectionFailedError)
    in_trouble = isinstance(error, ServerError) and error.code in GATEWAY_TROUBLE
    return bool(call.repeatable) and (lost or in_trouble)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ClickMeetingError) and error.retry_after is not None:
        return error.retry_after
    growing = wait_exponential(multiplier=FIRST_PAUSE) + wait_random(max=FIRST_PAUSE)
    return min(growing(state), MAX_PAUSE)


def _tell_pause(call: Call[Any], state: RetryCallState, warn: Callable[..., object]) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0
    warn("%s failed (attempt %d): %s; again in %.1f s", call.name, state.attempt_number, error, pause)


class RateLimiter:
    """Gives out moments to send at, evenly spaced; threads may share one.

    :param per_second: how many at most; None is unlimited.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._free_at = float("-inf")
        self._lock = Lock()

    def delay(self, now: float) -> float:
        """Take the next moment, and return the seconds until it comes."""
        with self._lock:
            at = max(now, self._free_at)
            self._free_at = at + self._gap
        return at - now
