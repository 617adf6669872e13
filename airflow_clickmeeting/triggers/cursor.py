"""What of a feed has been told already: pure functions, and small enough for Airflow's asset state store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened on ClickMeeting.

    :param room_id: the room.
    :param key: what tells it from all others of its kind.
    :param at: when it happened, None where ClickMeeting does not say.
    :param facts: what is told of it.
    """

    room_id: int
    key: str
    at: datetime | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Cursor:
    """Which happenings have been told: those before the horizon, and of the others those in `reported`.

    The horizon follows the newest happening at a distance, so that what ClickMeeting shows late is not missed, and does
    not depend on any clock. What has no date is told as long as it is listed.

    :param horizon: nothing that happened before is told any more.
    :param told: when what was told happened.
    """

    watermark: datetime
    reported: Mapping[str, datetime | None]

    @classmethod
    def starting(cls, events_in: Iterable[Event], now: datetime, lookback: timedelta) -> Cursor:
        """Return the cursor of somebody who begins to watch: nothing that has happened by now is news."""
        return cls(now.replace(microsecond=0) - lookback, {}).after([*events_in], lookback)

    def new_events(self, events_in: Iterable[Event]) -> list[Event]:
        """Return what has not been told, the oldest first."""
        fresh = [
            each
            for each in events_in
            if each.key not in self.reported and (each.at is None or each.at >= self.watermark)
        ]
        return sorted(fresh, key=lambda each: (each.at is not None, each.at, each.key))

    def after(self, reported: Sequence[Event], lookback: timedelta) -> Cursor:
        """Return the cursor once these have been told, too."""
        all_told = {**self.reported, **{each.key: each.at for each in reported}}
        newest = max((at for at in all_told.values() if at), default=self.watermark + lookback)
        watermark = max(self.watermark, newest - lookback)
        return Cursor(watermark, {key: at for key, at in all_told.items() if at is None or at >= watermark})

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON; dates are seconds since 1970."""
        reported = {key: at and int(at.timestamp()) for key, at in self.reported.items()}
        return {"watermark": self.watermark.isoformat(), "reported": reported}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cursor:
        """Make it of its JSON again."""
        reported = {key: at and datetime.fromtimestamp(at, UTC) for key, at in data["reported"].items()}
        return cls(datetime.fromisoformat(data["watermark"]), reported)
