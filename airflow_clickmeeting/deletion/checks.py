"""Check whether it is safe to delete a room or its recordings.

The functions are pure: they judge what ClickMeeting lists, and send no request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.facts import over_for, recorded
from airflow_clickmeeting.api.types import Recording, Room, Session
from airflow_clickmeeting.failures import format_first

# While a session runs, ClickMeeting may give the present time, in whole minutes, as its end. So a session counts as
# ended only some minutes after its end.
SETTLED = timedelta(minutes=5)


class RoomSnapshot(NamedTuple):
    """A room as read at one time: the room, its sessions, and the recordings that would be deleted."""

    room: Room
    sessions: Sequence[Session]
    recordings: Sequence[Recording]


def meeting_blockers(found: RoomSnapshot, grace: timedelta, now: datetime) -> list[str]:
    """Return the reasons why sessions block a deletion, as text; an empty list if none does.

    A session blocks if it is in the future, if it is running, or if it ended within the grace period. Of those that
    ended within the grace period only the latest is named. The scheduled time of a room counts as a session, even if
    the list of sessions does not show it. A permanent room has no scheduled time.

    :param found: the room.
    :param grace: how long ago the last session must have ended.
    :param now: the time by ClickMeeting's clock.
    """
    scheduled = _scheduled(found.room)
    ends = {} if scheduled is None else {"its scheduled time": scheduled}
    reasons = [f"it is scheduled until {scheduled.isoformat()}"] if scheduled and scheduled > now else []
    for session in found.sessions:
        if over_for(session, SETTLED.total_seconds(), now):
            ends[f"session {session['id']}"] = times.parse(str(session["end_date"]))
        else:
            reasons.append(f"session {session['id']} is running, or ended just now")
    recent = {what: end for what, end in ends.items() if now - grace < end <= now}
    if recent:
        last = max(recent, key=lambda what: recent[what])
        reasons.append(f"{last} ended at {recent[last].isoformat()}, within the grace of {_format_length(grace)}")
    return reasons


def recording_blockers(recordings: Iterable[Recording], covered: Callable[[Recording], bool]) -> list[str]:
    """Return the reasons why recordings block their deletion, as text; an empty list if none does.

    A recording blocks if it is not archived, or if ClickMeeting still processes it.

    :param recordings: the recordings that would be deleted.
    :param covered: a function that returns whether a recording is archived.
    """
    pending, missing = [], []
    for recording in recordings:
        if not recorded(recording):
            pending.append(recording["id"])
        elif not covered(recording):
            missing.append(recording["id"])
    reasons = [f"no archive manifest covers {_format_recordings(missing)}"] * bool(missing)
    return reasons + [f"ClickMeeting still processes {_format_recordings(pending)}"] * bool(pending)


def last_end(found: RoomSnapshot) -> datetime | None:
    """Return the time when the last session of a room ended, or was scheduled to end if that is later.

    A room without sessions and without a schedule counts from its creation. The result is None if a session is running,
    or if ClickMeeting gives none of these times.
    """
    ends = [times.parse(str(session["end_date"])) for session in found.sessions if session.get("end_date")]
    if len(ends) < len(found.sessions):
        return None
    ends += [scheduled] if (scheduled := _scheduled(found.room)) else []
    if not ends and (created := found.room.get("created_at")):
        return times.parse(created)
    return max(ends, default=None)


def refusal(operation: str, room: Room, blockers: Iterable[str]) -> str:
    """Return the message for a blocked deletion: the room, each reason, and what to do."""
    return (
        f"{operation}: room {room['id']} ({room.get('name')!r}): {'; '.join(blockers)}. Nothing was deleted. Archive "
        "recordings with ClickMeetingArchiveRecordingsOperator and name its folder in `archive`, wait until the grace "
        "period is over, or set force=True to delete it although a safety check blocks it."
    )


def _scheduled(room: Room) -> datetime | None:
    end = room.get("ends_at") or room.get("starts_at")
    return None if room.get("permanent_room") or not end else times.parse(end)


def _format_recordings(recordings: Sequence[int]) -> str:
    return f"recording{'s' * (len(recordings) > 1)} {format_first([*map(str, recordings)], ', ')}"


def _format_length(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    return str(length) if rest else f"{days} day{'s' * (days != 1)}"
