"""Count the requests of the account against the limits that the switches set."""

from __future__ import annotations

from airflow_clickmeeting.sandbox.switches import Switches

#: the switch of each limit, and the seconds that it is for
PERIODS = {"rate_limit": 1, "rate_limit_per_minute": 60}


class RateLimit:
    """Hold a token bucket for each limit. A bucket holds the requests of one period, and fills evenly in one period."""

    def __init__(self) -> None:
        self._used = dict.fromkeys(PERIODS, 0.0)
        self._now = 0.0

    def wait(self, switches: Switches, now: float) -> float:
        """Take a request out of each bucket and return 0; if one is empty, return the seconds until it is not.

        :param now: the real time in seconds; the sandbox's own clock may stand still.
        """
        elapsed, self._now = now - self._now, now
        waits = [0.0]
        limits = {name: limit for name in PERIODS if (limit := switches[name])}
        for name, limit in limits.items():
            per_second = limit / PERIODS[name]
            self._used[name] = max(self._used[name] - elapsed * per_second, 0)
            waits.append((self._used[name] + 1 - max(limit, 1)) / per_second)
        if max(waits) == 0:
            for name in limits:
                self._used[name] += 1
        return max(waits)
