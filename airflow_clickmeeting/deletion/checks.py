"""What blocks the deletion of a room or of its recordings, judged from what ClickMeeting says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.facts import over_for, recorded
from airflow_clickmeeting.api.types import Recording, Room, Session
from airflow_clickmeeting.exceptions import first_few

# a session that runs may have the present, in whole minutes, as its end
SETTLED = timedelta(minutes=5)


class RoomSnapshot(NamedTuple):
    """What there is of a room: itself, its sessions, and the recordings that would go."""

    room: Room
    sessions: Sequence[Session]
    recordings: Sequence[Recording]


def meeting_blockers(found: RoomSnapshot, grace: timedelta, now: datetime) -> list[str]:
    """Return in words which sessions block a deletion: the coming, the running, and the latest within grace.

    What a room is scheduled for is a session, even if the list of sessions does not show it. A permanent room is
    scheduled for nothing.

    :param found: the room.
    :param grace: how long the end of the last session must lie back.
    :param now: by ClickMeeting's clock.
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
        reasons.append(f"{last} ended at {recent[last].isoformat()}, within the grace of {_told(grace)}")
    return reasons


def recording_blockers(recordings: Iterable[Recording], covered: Callable[[Recording], bool]) -> list[str]:
    """Return in words which recordings block their deletion: those that no archive has.

    :param recordings: those that would go.
    :param covered: tells whether an archive has a recording.
    """
    pending, missing = [], []
    for recording in recordings:
        if not recorded(recording):
            pending.append(recording["id"])
        elif not covered(recording):
            missing.append(recording["id"])
    reasons = [f"no archive manifest covers {_named(missing)}"] * bool(missing)
    return reasons + [f"ClickMeeting still processes {_named(pending)}"] * bool(pending)


def last_end(found: RoomSnapshot) -> datetime | None:
    """Return when a room was last met in, by schedule or by session; of one that never was, when it was made.

    None is for a room that is being met in, or of which nothing is known.
    """
    ends = [times.parse(str(session["end_date"])) for session in found.sessions if session.get("end_date")]
    if len(ends) < len(found.sessions):
        return None
    ends += [scheduled] if (scheduled := _scheduled(found.room)) else []
    if not ends and (created := found.room.get("created_at")):
        return times.parse(created)
    return max(ends, default=None)


def refusal(operation: str, room: Room, blockers: Iterable[str]) -> str:
    """Return what a refused deletion says: of which room, each reason, and what to do."""
    return (
        f"{operation}: room {room['id']} ({room.get('name')!r}): {'; '.join(blockers)}. Nothing was deleted. Archive "
        "recordings with ClickMeetingArchiveRecordingsOperator and name its folder in `archive`, wait until the grace "
        "is over, or set force=True to delete all the same."
    )


def _scheduled(room: Room) -> datetime | None:
    written = room.get("ends_at") or room.get("starts_at")
    return None if room.get("permanent_room") or not written else times.parse(written)


def _named(recordings: Sequence[int]) -> str:
    return f"recording{'s' * (len(recordings) > 1)} {first_few([*map(str, recordings)], ', ')}"


def _told(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    return str(length) if rest else f"{days} day{'s' * (days != 1)}"
