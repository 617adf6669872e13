"""Keep the sandbox's time. It starts at the real time; a test can set it, move it and change its speed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime

MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)
# Every time can be converted to every time zone, also half a year later.
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(8999, 12, 31, tzinfo=UTC)


class Clock:
    """Provide the only source of time in the sandbox. Its attribute `speed` can be read."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._at_start, self._started, self._gained = datetime.now(UTC), time.monotonic(), 0.0
        self.set(self._at_start, speed)

    @property
    def now(self) -> datetime:
        """Return the sandbox's current time in UTC."""
        seconds = (time.monotonic() - self._started) * self.speed
        return self._at_start + timedelta(seconds=min(seconds, (LAST - self._at_start).total_seconds()))

    @property
    def unhurried(self) -> float:
        """Return the current time as a timestamp that leaves out what speeds above 1 have added.

        A download link of five minutes would be useless if a fast clock made it expire in a blink.
        """
        return self.now.timestamp() - self._gained - self._gain()

    def _gain(self) -> float:
        """Return by how many seconds this clock has moved faster than a real one since it was set."""
        return max((self.now - self._at_start).total_seconds() - (time.monotonic() - self._started), 0.0)

    def set(self, to: datetime, speed: float | None = None) -> None:
        """Set the clock to a time in the future or in the past; it continues from there.

        :param speed: the seconds that the clock moves in one real second; 0 stops it, None keeps the current speed.
        """
        if speed is not None and not 0 <= speed < float("inf"):
            raise ValueError(f"The speed of the clock must be 0 or more, not {speed}.")
        to, gain = in_range(to).astimezone(UTC), self._gain()
        self._at_start, self._started, self._gained = to, time.monotonic(), self._gained + gain
        if speed is not None:
            self.speed = speed


def in_range(moment: datetime) -> datetime:
    """Return the time, or raise `ValueError` if it is outside the years that the sandbox knows."""
    if not FIRST <= moment <= LAST:
        raise ValueError(f"The time {moment.isoformat()} is out of range. Use a year from {FIRST.year} to {LAST.year}.")
    return moment


def read_moment(value: object, zone: tzinfo = UTC) -> datetime:
    """Read a time in ISO 8601. A time without an offset is in the time zone `zone`."""
    moment = datetime.fromisoformat(str(value))
    return in_range(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def floor(moment: datetime, step: timedelta = MINUTE) -> datetime:
    """Round a time down to whole steps, counted from midnight UTC."""
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step


def http_date(moment: datetime) -> str:
    """Return a time as HTTP headers have it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
