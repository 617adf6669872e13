"""Which events of a feed a watcher has reported: pure functions, and a JSON that suits Airflow's asset state store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened on ClickMeeting.

    :param room_id: the room.
    :param key: identifies the event among all events of its kind.
    :param at: when it happened; None if ClickMeeting does not say.
    :param facts: what the asset event's payload says about it.
    """

    room_id: int
    key: str
    at: datetime | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Cursor:
    """Which events have been reported: all before the watermark, and after it those in `reported`.

    The watermark stays a lookback behind the newest event, so that an event which ClickMeeting shows late is not
    missed. It depends on events only and on no clock. An event without a date stays in `reported` for ever.

    :param watermark: events before this moment are not reported any more.
    :param reported: the keys of reported events, with the moment of each.
    """

    watermark: datetime
    reported: Mapping[str, datetime | None]

    @classmethod
    def starting(cls, events: Iterable[Event], now: datetime, lookback: timedelta) -> Cursor:
        """Return the first cursor of a watcher, which does not report what happened before."""
        return cls(now.replace(microsecond=0) - lookback, {}).after([*events], lookback)

    def new_events(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that have not been reported, the oldest first."""
        new = [
            each for each in events if each.key not in self.reported and (each.at is None or each.at >= self.watermark)
        ]
        return sorted(new, key=lambda each: (each.at is not None, each.at, each.key))

    def after(self, events: Sequence[Event], lookback: timedelta) -> Cursor:
        """Return the cursor after these events were reported, too."""
        reported = {**self.reported, **{each.key: each.at for each in events}}
        newest = max((at for at in reported.values() if at), default=self.watermark + lookback)
        watermark = max(self.watermark, newest - lookback)
        return Cursor(watermark, {key: at for key, at in reported.items() if at is None or at >= watermark})

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as plain JSON; moments in `reported` are seconds since 1970 to keep it small."""
        reported = {key: at and int(at.timestamp()) for key, at in self.reported.items()}
        return {"watermark": self.watermark.isoformat(), "reported": reported}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cursor:
        """Return the cursor that `to_json` wrote."""
        reported = {key: at and datetime.fromtimestamp(at, UTC) for key, at in data["reported"].items()}
        return cls(datetime.fromisoformat(data["watermark"]), reported)
