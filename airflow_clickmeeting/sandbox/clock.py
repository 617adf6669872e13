"""Keep the sandbox's time. It starts at the real time; a test can set it, move it and change its speed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)


class Clock:
    """Provide the only source of time in the sandbox."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = 0.0
        self.set(datetime.now(UTC))
        self.set_speed(speed)

    @property
    def now(self) -> datetime:
        """Return the sandbox's current time in UTC."""
        return self._at_start + timedelta(seconds=(time.monotonic() - self._started) * self._speed)

    @property
    def speed(self) -> float:
        """Return how many seconds the clock moves in one real second."""
        return self._speed

    def set(self, to: datetime) -> None:
        """Set the clock to a time in the future or in the past; it continues from there."""
        self._at_start, self._started = to.astimezone(UTC), time.monotonic()

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self.set(self.now + by)

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on. Speed 0 stops the clock."""
        if speed < 0:
            raise ValueError(f"The speed of the clock must be 0 or more, not {speed}.")
        self.set(self.now)
        self._speed = speed


def floor(moment: datetime, step: timedelta = MINUTE) -> datetime:
    """Round a time down to whole steps, counted from midnight UTC."""
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step
