"""Which events of a feed a watcher has reported: pure functions, and a JSON that suits Airflow's asset state store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_clickmeeting.triggers.packed_keys import can_pack, pack, unpack

# a snapshot that shows everything, and one of a feed that has not polled all rooms yet
EVERYTHING = datetime.max.replace(tzinfo=UTC)
NOTHING = datetime.fromtimestamp(0, UTC)
# with more reported events than this, the cursor is packed, which people cannot read
MAX_PLAIN = 1000
# packed moments are rounded to this share of the time since the watermark
PRECISION = 24
# a cursor that follows the clock moves in steps, so that Airflow's database gets few writes
CLOCK_STEP = timedelta(minutes=10)


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
    missed. It depends on events only and on no clock, except for events of the clock itself (`at_least`). While a feed
    has rooms that it could not poll yet, the watermark stays a lookback behind the last poll of those. An event without
    a date stays in `reported` for ever.

    :param watermark: events before this moment are not reported any more.
    :param reported: the keys of reported events, with the moment of each.
    :param started_at: when a watcher started whose feed has not read all rooms yet. What happened before and shows only
        now counts as reported.
    """

    watermark: datetime
    reported: Mapping[str, datetime | None]
    started_at: datetime | None = None

    @classmethod
    def starting(
        cls,
        events: Iterable[Event],
        now: datetime,
        lookback: timedelta,
        seen_until: datetime = EVERYTHING,
        *,
        unread: bool = False,
    ) -> Cursor:
        """Return the first cursor of a watcher, which does not report what happened before.

        :param seen_until: as in `after`.
        :param unread: as in `catch_up`.
        """
        now = now.replace(microsecond=0)
        started_at = now if unread else None
        return cls(now - lookback, {}, started_at).after([*events], lookback, seen_until)

    def catch_up(self, events: Iterable[Event], lookback: timedelta, *, unread: bool = False) -> Cursor:
        """Return the cursor that counts as reported what happened before the watcher started.

        :param events: all events that the snapshot shows, or those of rooms that no snapshot before showed.
        :param unread: whether the feed has rooms that it has not read yet, or failed to read.
        """
        if (started_at := self.started_at) is None:
            return self
        old = [each for each in self.new_events(events) if each.at is None or each.at < started_at]
        # the watermark must not pass events that the caller is about to report
        later = self.after(old, lookback, NOTHING)
        return later if unread else replace(later, started_at=None)

    def new_events(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that have not been reported, the oldest first."""
        new = [
            each for each in events if each.key not in self.reported and (each.at is None or each.at >= self.watermark)
        ]
        return sorted(new, key=lambda each: (each.at is not None, each.at, each.key))

    def after(self, events: Sequence[Event], lookback: timedelta, seen_until: datetime = EVERYTHING) -> Cursor:
        """Return the cursor after these events were reported, too.

        :param events: the reported events.
        :param lookback: how much later than a newer event ClickMeeting may show an older one.
        :param seen_until: the snapshot shows everything that ClickMeeting had until then; `NOTHING` while there are
            rooms that were never polled.
        """
        reported = {**self.reported, **{each.key: each.at for each in events}}
        newest = max((at for at in reported.values() if at), default=self.watermark + lookback)
        watermark = max(self.watermark, min(newest, seen_until) - lookback)
        return replace(self, watermark=watermark, reported=_since(watermark, reported))

    def at_least(self, watermark: datetime) -> Cursor:
        """Return the cursor with this watermark, if its own is earlier, and not by a few minutes only."""
        if watermark < self.watermark + CLOCK_STEP:
            return self
        return replace(self, watermark=watermark, reported=_since(watermark, self.reported))

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as plain JSON: `watermark` and `reported`, whose moments are seconds since 1970.

        Of more than a thousand events, those with a date are in `packed`, as bytes in text, with their moments rounded
        up: to an hour after a day, to 30 hours after 30 days. So the cursor keeps them a little longer than it must.
        """
        reported = {key: None if at is None else int(at.timestamp()) for key, at in self.reported.items()}
        data: dict[str, Any] = {"watermark": self.watermark.isoformat(), "reported": reported}
        if self.started_at:
            data["started_at"] = self.started_at.isoformat()
        if len(reported) > MAX_PLAIN:
            moments = {key: at for key, at in reported.items() if at is not None and can_pack(key)}
            newest = max(moments.values(), default=0)
            step = max(1, (newest - int(self.watermark.timestamp())) // PRECISION)
            data["reported"] = {key: at for key, at in reported.items() if key not in moments}
            data["packed"] = {
                "newest": newest,
                "step": step,
                "keys": pack({key: -(-at // step) for key, at in moments.items()}),
            }
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cursor:
        """Return the cursor that `to_json` wrote."""
        reported: dict[str, int | None] = dict(data["reported"])
        if packed := data.get("packed"):
            for key, number in unpack(packed["keys"]):
                reported[key] = min(number * packed["step"], packed["newest"])
        return cls(
            datetime.fromisoformat(data["watermark"]),
            {key: None if at is None else datetime.fromtimestamp(at, UTC) for key, at in reported.items()},
            datetime.fromisoformat(data["started_at"]) if data.get("started_at") else None,
        )


def _since(watermark: datetime, reported: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    return {key: at for key, at in reported.items() if at is None or at >= watermark}
