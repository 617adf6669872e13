"""Check whether it is safe to delete a room or its recordings.

The functions are pure: they judge what ClickMeeting lists, and send no request. What is missing or contradictory blocks
a deletion, since it may hide a session that is still to come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.facts import recorded
from airflow_clickmeeting.api.types import Recording, Room, Session
from airflow_clickmeeting.failures import format_first

# While a session runs, ClickMeeting may give the present time, in whole minutes, as its end. So a session counts as
# ended only some minutes after its end.
SETTLED = timedelta(minutes=5)
# Databases write an unknown time as a day long before ClickMeeting existed.
FIRST_YEAR = 2003


class RoomSnapshot(NamedTuple):
    """A room as read at one time: the room, its sessions, and the recordings that would be deleted."""

    room: Room
    sessions: Sequence[Session]
    recordings: Sequence[Recording]


def meeting_blockers(found: RoomSnapshot, grace: timedelta, now: datetime) -> list[str]:
    """Return the reasons why sessions block a deletion, as text; an empty list if none does.

    A session blocks if it is in the future, if it is running, if it ended within the grace period, or if its times make
    no sense. Of those that ended within the grace period only the latest is named. The scheduled time of a room counts
    as a session, even if the list of sessions does not show it.

    :param found: the room.
    :param grace: how long ago the last session must have ended.
    :param now: the present time.
    """
    reasons, ends = [], {}
    try:
        scheduled = _scheduled_end(found.room)
    except ValueError as error:
        reasons.append(f"its times make no sense: {error}")
    else:
        if scheduled:
            ends["its scheduled time"] = scheduled
            if scheduled > now:
                reasons.append(f"it is scheduled until {scheduled.isoformat()}, {times.in_words(scheduled, now)}")
    for session in found.sessions:
        name = f"session {session.get('id')}"
        try:
            end = _session_end(session)
        except ValueError as error:
            reasons.append(f"the times of {name} make no sense: {error}")
        else:
            if end and end <= now - SETTLED:
                ends[name] = end
            else:
                reasons.append(f"{name} is running, or ended just now")
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

    :raises ValueError: for times that make no sense.
    """
    ends = [_session_end(session) for session in found.sessions]
    ends += [scheduled] if (scheduled := _scheduled_end(found.room)) else []
    if not ends and (created := found.room.get("created_at")):
        return _read_time(created)
    known = [end for end in ends if end]
    return max(known, default=None) if len(known) == len(ends) else None


def refusal(operation: str, room: Room, blockers: Iterable[str]) -> str:
    """Return the message for a blocked deletion: the room, each reason, and what to do."""
    return (
        f"{operation}: room {room['id']} ({room.get('name')!r}): {'; '.join(blockers)}. Nothing was deleted. Archive "
        "recordings with ClickMeetingArchiveRecordingsOperator and name its folder in `archive`, wait until the grace "
        "period is over, or set force=True to delete it although a safety check blocks it, then clear this task."
    )


def _scheduled_end(room: Room) -> datetime | None:
    """Return the end of a room's schedule; None if it is permanent and has none.

    :raises ValueError: for a room that is not permanent and has no readable end, or that ends before it starts.
    """
    start, end = room.get("starts_at"), room.get("ends_at")
    if room.get("permanent_room") is True and not end:
        return None
    ends_at = _read_time(end)
    if start and _read_time(start) > ends_at:
        raise ValueError(f"it ends at {end}, before it starts at {start}")
    return ends_at


def _session_end(session: Session) -> datetime | None:
    """Return the end of a session; None while it runs.

    :raises ValueError: for times that cannot be read, and for an end before the start.
    """
    start, end = _read_time(session.get("start_date")), session.get("end_date")
    if end is None or end == "":
        return None
    ended = _read_time(end)
    if ended < start:
        raise ValueError(f"it ends at {end}, before it starts at {session.get('start_date')}")
    return ended


def _read_time(value: object) -> datetime:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value):
        raise ValueError(f"{value!r} is not a date with a time of day")
    moment = times.parse(value)
    if moment.year < FIRST_YEAR:
        raise ValueError(f"{value!r} is before ClickMeeting existed")
    return moment


def _format_recordings(recordings: Sequence[int]) -> str:
    return f"recording{'s' * (len(recordings) > 1)} {format_first([*map(str, recordings)], ', ')}"


def _format_length(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    return str(length) if rest else f"{days} day{'s' * (days != 1)}"
