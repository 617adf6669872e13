"""What of a feed has been told already: pure functions, and small enough for Airflow's asset state store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Happening:
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
    """Which happenings have been told: those before the horizon, and of the others those in `told`.

    The horizon follows the newest happening at a distance, so that what ClickMeeting shows late is not missed, and does
    not depend on any clock. What has no date is told as long as it is listed.

    :param horizon: nothing that happened before is told any more.
    :param told: when what was told happened.
    """

    horizon: datetime
    told: Mapping[str, datetime | None]

    @classmethod
    def starting(cls, happened: Iterable[Happening], now: datetime, lookback: timedelta) -> Cursor:
        """Return the cursor of somebody who begins to watch: nothing that has happened by now is news."""
        return cls(now.replace(microsecond=0) - lookback, {}).after([*happened], lookback)

    def news(self, happened: Iterable[Happening]) -> list[Happening]:
        """Return what has not been told, the oldest first."""
        fresh = [
            each for each in happened if each.key not in self.told and (each.at is None or each.at >= self.horizon)
        ]
        return sorted(fresh, key=lambda each: (each.at is not None, each.at, each.key))

    def after(self, told: Sequence[Happening], lookback: timedelta) -> Cursor:
        """Return the cursor once these have been told, too."""
        all_told = {**self.told, **{each.key: each.at for each in told}}
        newest = max((at for at in all_told.values() if at), default=self.horizon + lookback)
        horizon = max(self.horizon, newest - lookback)
        return Cursor(horizon, {key: at for key, at in all_told.items() if at is None or at >= horizon})

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON; dates are seconds since 1970."""
        told = {key: at and int(at.timestamp()) for key, at in self.told.items()}
        return {"horizon": self.horizon.isoformat(), "told": told}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cursor:
        """Make it of its JSON again."""
        told = {key: at and datetime.fromtimestamp(at, UTC) for key, at in data["told"].items()}
        return cls(datetime.fromisoformat(data["horizon"]), told)
