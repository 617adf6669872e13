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
    inactive_since: datetime | None = None
    last_polled_at: datetime | None = None
    running: bool = False

    def may_have_new_sessions(self, now: datetime) -> bool:
        """Tell whether a session may have begun or ended."""
        return self._can_have_changed(now, CLOSING)

    def may_have_new_recordings(self, now: datetime) -> bool:
        """Tell whether a recording may have been added, or finished."""
        return self._can_have_changed(now, RECORDED)

    def may_have_new_registrations(self, now: datetime) -> bool:
        """Tell whether somebody may have registered."""
        if not self.room.get("registration_enabled", True):
            return False
        return self._became_inactive_lately(self.inactive_since, now, timedelta(0)) if self.inactive_since else True

    def _can_have_changed(self, now: datetime, closing: timedelta) -> bool:
        if self.inactive_since:
            return self._became_inactive_lately(self.inactive_since, now, closing) or (
                self.running and now < self.inactive_since + LOOKBACK
            )
        if self.running or self.last_polled_at is None or not self.room.get("starts_at"):
            return True
        near = now >= parse(self.room["starts_at"]) - EARLY
        return near or not self.last_polled_at <= now < self.last_polled_at + RARELY

    def _became_inactive_lately(self, inactive_since: datetime, now: datetime, closing: timedelta) -> bool:
        return (
            inactive_since >= now - LOOKBACK
            if self.last_polled_at is None
            else self.last_polled_at < inactive_since + closing
        )


def update(known: dict[int, KnownRoom], listed: Iterable[Room], now: datetime) -> None:
    """Take the rooms that ClickMeeting lists now: the active ones, and perhaps inactive ones."""
    active = set()
    for room in listed:
        before = known.get(room["id"])
        if room.get("status", "active") == "active":
            active.add(room["id"])
            inactive_since = None
        elif before is None:
            inactive_since = parse(room["updated_at"]) if room.get("updated_at") else now
        else:
            inactive_since = before.inactive_since or now
        if before is None:
            known[room["id"]] = KnownRoom(room, inactive_since)
        else:
            before.room, before.inactive_since = room, inactive_since
    for room_id, each in known.items():
        if room_id not in active and each.inactive_since is None:
            each.inactive_since = now
