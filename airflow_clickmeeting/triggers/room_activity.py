"""Which rooms of an account may have changed since they were last polled: pure functions, so that tests cover them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.triggers.cursor import EVERYTHING, NOTHING

# people enter a scheduled room at most this long before its start; earlier ones are noticed within RECHECK_AFTER
MAX_EARLY_ENTRY = timedelta(hours=1)
RECHECK_AFTER = timedelta(hours=1)
# this long after a room became inactive, its last session or its last recording is complete
SESSION_DELAY = timedelta(hours=1)
RECORDING_DELAY = timedelta(days=1)
# a room that was inactive when the watcher started is polled only if it became inactive within this time
LOOKBACK = timedelta(days=7)
# The pause that a room should have between two polls, while there are more rooms than a poll can read: a sixtieth of
# the time to the last event in the room or to its start, within these limits.
QUIET_SHARE = 60
MIN_PAUSE = timedelta(minutes=1)
MAX_PAUSE = timedelta(minutes=10)
# the longest pause of rooms whose start is far ahead, where sessions are rare, but registrations are not
FAR_AHEAD_PAUSE = timedelta(hours=2)
# A room that was never polled counts as polled so many pauses before it was listed. So the first polls of all rooms
# come soon, and those of rooms where something happens still come between them.
HEAD_START = 5


@dataclass
class KnownRoom:
    """A room, and what a feed knows about its past.

    :param room: as ClickMeeting listed it last.
    :param inactive_since: when it became inactive; None while it is active.
    :param last_polled_at: when its sessions, recordings or registrations were read last.
    :param running: whether a session was running then.
    :param last_event_at: the newest date among what was read then.
    :param tried_at: when the last poll ended, also one that failed.
    :param listed_at: when the room was listed first.
    """

    room: Room
    inactive_since: datetime | None = None
    last_polled_at: datetime | None = None
    running: bool = False
    last_event_at: datetime | None = None
    tried_at: datetime | None = None
    listed_at: datetime | None = field(default=None, compare=False)

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

    def urgency(self, now: datetime, max_pause: timedelta = MAX_PAUSE) -> float:
        """Return how long ago the room was polled, in pauses: rooms with the greatest urgency are polled first.

        :param now: by ClickMeeting's clock.
        :param max_pause: the longest pause if the room's start is far ahead.
        """
        if self.tried_at is None:
            return abs(now - (self.listed_at or now) + HEAD_START * MAX_PAUSE) / self._pause(now, MAX_PAUSE)
        return abs(now - self.tried_at) / self._pause(now, max_pause)

    def _pause(self, now: datetime, max_pause: timedelta) -> timedelta:
        starts_at, ends_at = self._scheduled("starts_at"), self._scheduled("ends_at")
        if self.running or (starts_at and ends_at and starts_at <= now <= ends_at):
            return MIN_PAUSE
        moments = filter(None, (self.last_event_at, self.inactive_since, starts_at, ends_at))
        pauses = [abs(now - moment) / QUIET_SHARE for moment in moments]
        longest = max_pause if starts_at and now < starts_at else MAX_PAUSE
        return max(min([*pauses, longest]), MIN_PAUSE)

    def _scheduled(self, key: Literal["starts_at", "ends_at"]) -> datetime | None:
        return _moment(self.room.get(key))  # a room without a known time may have sessions at any time

    def _may_have_changed(self, now: datetime, delay: timedelta) -> bool:
        if self.inactive_since:
            return self._became_inactive_recently(self.inactive_since, now, delay) or (
                self.running and now < self.inactive_since + LOOKBACK
            )
        starts_at = self._scheduled("starts_at")
        if self.running or self.last_polled_at is None or not starts_at:
            return True
        near = now >= starts_at - MAX_EARLY_ENTRY
        return near or not self.last_polled_at <= now < self.last_polled_at + RECHECK_AFTER

    def _became_inactive_recently(self, inactive_since: datetime, now: datetime, delay: timedelta) -> bool:
        return (
            inactive_since >= now - LOOKBACK
            if self.last_polled_at is None
            else self.last_polled_at < inactive_since + delay
        )


def most_urgent(
    due: list[KnownRoom], limit: int, now: datetime, max_pause: timedelta = MAX_PAUSE
) -> tuple[list[KnownRoom], datetime]:
    """Return the rooms to poll, and until when everything in the other ones is known.

    :param due: the rooms that may have changed.
    :param limit: how many rooms a poll may read.
    :param now: by ClickMeeting's clock.
    :param max_pause: the longest pause of rooms whose start is far ahead.
    :return: the rooms, and `EVERYTHING` if those are all, or `NOTHING` if another room was never polled.
    """
    if len(due) <= limit:
        return due, EVERYTHING
    ordered = sorted(due, key=lambda known: known.urgency(now, max_pause), reverse=True)
    return ordered[:limit], min(known.tried_at or NOTHING for known in ordered[limit:])


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
            inactive_since = _moment(room.get("updated_at")) or now
        else:
            inactive_since = before.inactive_since or now
        if before is None:
            known[room["id"]] = KnownRoom(room, inactive_since, listed_at=now)
        else:
            before.room, before.inactive_since = room, inactive_since
    for room_id, each in known.items():
        if room_id not in active and each.inactive_since is None:
            each.inactive_since = now
            each.room = {**each.room, "status": "inactive"}


def _moment(written: str | None) -> datetime | None:
    with suppress(ParseError):
        return parse(written) if written else None
    return None
