"""The sandbox's clock: it starts at the real time and can be moved, set and made faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)


class Clock:
    """All time in the sandbox comes from here."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = 0.0
        self.set(datetime.now(UTC))
        self.set_speed(speed)

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self._at_start + timedelta(seconds=(time.monotonic() - self._started) * self._speed)

    @property
    def speed(self) -> float:
        """Seconds of the sandbox in one real second."""
        return self._speed

    def set(self, to: datetime) -> None:
        """Continue from this moment, be it ahead or back."""
        self._at_start, self._started = to.astimezone(UTC), time.monotonic()

    def advance(self, by: timedelta) -> None:
        """Move ahead by this much."""
        self.set(self.now + by)

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on; 0 stands still."""
        if speed < 0:
            raise ValueError("The speed cannot be negative.")
        self.set(self.now)
        self._speed = speed


def floor(moment: datetime, step: timedelta = MINUTE) -> datetime:
    """Round down to whole steps, counted from midnight UTC."""
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step
