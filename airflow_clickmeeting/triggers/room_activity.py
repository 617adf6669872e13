"""Which rooms of an account can have changed since they were last asked: pure, so that it can be proved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import Room

# people enter a scheduled room so long before its start at most; who is earlier is noticed within an hour
EARLY = timedelta(hours=1)
RARELY = timedelta(hours=1)
# so long after a room became inactive its last session, or its last recording, is complete
CLOSING = timedelta(hours=1)
RECORDED = timedelta(days=1)
# of rooms that were inactive when the watching began, those that became so since then are asked
LOOKBACK = timedelta(days=7)


@dataclass
class KnownRoom:
    """A room, and what is known of its past.

    :param room: as it was last listed.
    :param left: since when it has not been active; None while it is.
    :param asked: when it was last asked for its sessions, recordings or registrations.
    :param running: whether a session went on then.
    """

    room: Room
    left: datetime | None = None
    asked: datetime | None = None
    running: bool = False

    def can_have_met(self, now: datetime) -> bool:
        """Tell whether a session may have begun or ended."""
        return self._can_have_changed(now, CLOSING)

    def can_have_been_recorded(self, now: datetime) -> bool:
        """Tell whether a recording may have been added, or finished."""
        return self._can_have_changed(now, RECORDED)

    def can_have_been_registered_for(self, now: datetime) -> bool:
        """Tell whether somebody may have registered."""
        if not self.room.get("registration_enabled", True):
            return False
        return self._left_lately(self.left, now, timedelta(0)) if self.left else True

    def _can_have_changed(self, now: datetime, closing: timedelta) -> bool:
        if self.left:
            return self._left_lately(self.left, now, closing) or (self.running and now < self.left + LOOKBACK)
        if self.running or self.asked is None or not self.room.get("starts_at"):
            return True
        near = now >= parse(self.room["starts_at"]) - EARLY
        return near or not self.asked <= now < self.asked + RARELY

    def _left_lately(self, left: datetime, now: datetime, closing: timedelta) -> bool:
        return left >= now - LOOKBACK if self.asked is None else self.asked < left + closing


def update(known: dict[int, KnownRoom], listed: Iterable[Room], now: datetime) -> None:
    """Take the rooms that ClickMeeting lists now: the active ones, and perhaps inactive ones."""
    active = set()
    for room in listed:
        before = known.get(room["id"])
        if room.get("status", "active") == "active":
            active.add(room["id"])
            left = None
        elif before is None:
            left = parse(room["updated_at"]) if room.get("updated_at") else now
        else:
            left = before.left or now
        if before is None:
            known[room["id"]] = KnownRoom(room, left)
        else:
            before.room, before.left = room, left
    for room_id, each in known.items():
        if room_id not in active and each.left is None:
            each.left = now
