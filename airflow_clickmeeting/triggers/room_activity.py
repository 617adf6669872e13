"""Which rooms of an account may have changed since they were last polled: pure functions, so that tests cover them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import Room

# people enter a scheduled room at most this long before its start; earlier ones are noticed within RECHECK_AFTER
MAX_EARLY_ENTRY = timedelta(hours=1)
RECHECK_AFTER = timedelta(hours=1)
# this long after a room became inactive, its last session or its last recording is complete
SESSION_DELAY = timedelta(hours=1)
RECORDING_DELAY = timedelta(days=1)
# a room that was inactive when the watcher started is polled only if it became inactive within this time
LOOKBACK = timedelta(days=7)


@dataclass
class KnownRoom:
    """A room, and what a feed knows about its past.

    :param room: as ClickMeeting listed it last.
    :param inactive_since: when it became inactive; None while it is active.
    :param last_polled_at: when its sessions, recordings or registrations were read last.
    :param running: whether a session was running then.
    """

    room: Room
    inactive_since: datetime | None = None
    last_polled_at: datetime | None = None
    running: bool = False

    def may_have_new_sessions(self, now: datetime) -> bool:
        """Return whether a session may have started or ended since the last poll."""
        return self._may_have_changed(now, SESSION_DELAY)

    def may_have_new_recordings(self, now: datetime) -> bool:
        """Return whether a recording may have been added or processed since the last poll."""
        return self._may_have_changed(now, RECORDING_DELAY)

    def may_have_new_registrations(self, now: datetime) -> bool:
        """Return whether somebody may have registered since the last poll."""
        if not self.room.get("registration_enabled", True):
            return False
        return self._became_inactive_recently(self.inactive_since, now, timedelta(0)) if self.inactive_since else True

    def _may_have_changed(self, now: datetime, delay: timedelta) -> bool:
        if self.inactive_since:
            return self._became_inactive_recently(self.inactive_since, now, delay) or (
                self.running and now < self.inactive_since + LOOKBACK
            )
        if self.running or self.last_polled_at is None or not self.room.get("starts_at"):
            return True
        near = now >= parse(self.room["starts_at"]) - MAX_EARLY_ENTRY
        return near or not self.last_polled_at <= now < self.last_polled_at + RECHECK_AFTER

    def _became_inactive_recently(self, inactive_since: datetime, now: datetime, delay: timedelta) -> bool:
        return (
            inactive_since >= now - LOOKBACK
            if self.last_polled_at is None
            else self.last_polled_at < inactive_since + delay
        )


def update_rooms(known: dict[int, KnownRoom], listed: Iterable[Room], now: datetime) -> None:
    """Update what is known of rooms with a new list.

    :param known: the rooms by id, which this function changes.
    :param listed: all active rooms, and inactive ones or not; a room that is missing has become inactive.
    :param now: by ClickMeeting's clock.
    """
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
