"""Keeps requests apart, so that an account is not asked faster than its owner wants."""

from __future__ import annotations

from threading import Lock


class Pace:
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
