"""What the page keeps of ClickMeeting's responses: numbers and times, and nobody's name; pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.facts import recorded, recorded_at
from airflow_clickmeeting.api.types import Attendee, Recording, Registration, Session
from airflow_clickmeeting.attendance.compute import Summary, attendance_of
from airflow_clickmeeting.attendance.intervals import Interval

#: a session that ended this lately may still run, since ClickMeeting may return the present time as its end
JUST_ENDED = timedelta(minutes=1)


@dataclass(frozen=True)
class SessionTimes:
    """A session: its start, its end or None while it runs, and the highest number of people at the same time."""

    id: int
    start: datetime
    end: datetime | None
    peak: int | None


@dataclass(frozen=True)
class Audience:
    """Who was in a session, in numbers.

    :param present: how many are in the room now; None if the session is over.
    """

    session: SessionTimes
    summary: Summary
    curve: list[tuple[datetime, int]]
    spans: list[Interval]
    present: int | None


@dataclass(frozen=True)
class RecordingFacts:
    """A recording without its link; its size is in bytes and its duration in seconds."""

    id: int
    name: str
    room_id: int | None
    started_at: datetime | None
    duration: int | None
    size: int | None
    is_ready: bool


@dataclass
class RoomDetails:
    """What was read of a room; None is what was not read.

    :param registered: when each person registered, sorted; without those whose date cannot be read.
    :param registrations: the number of registrations.
    :param sessions: the latest first.
    :param audience: that of one of the sessions.
    :param errors: why something is missing.
    """

    registered: list[datetime] = field(default_factory=list)
    registrations: int | None = None
    sessions: list[SessionTimes] | None = None
    audience: Audience | None = None
    recordings: list[RecordingFacts] | None = None
    errors: list[str] = field(default_factory=list)


def time_of(item: Mapping[str, Any], key: str) -> datetime | None:
    """Return a time of a response, or None if it is missing or cannot be read."""
    try:
        return times.parse(item[key]) if item.get(key) else None
    except ParseError:
        return None


def sessions_of(listed: list[Session], now: datetime) -> list[SessionTimes]:
    """Return the sessions whose times can be read, the latest first."""
    found = []
    for each in listed:
        start, is_readable = time_of(each, "start_date"), not each.get("end_date") or time_of(each, "end_date")
        if start and is_readable:
            found.append(SessionTimes(each["id"], start, _end_of(each, now), each.get("max_visitors")))
    return sorted(found, key=lambda each: (each.start, each.id), reverse=True)


def _end_of(item: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return the end of a session or of somebody's stay, or None if it goes on."""
    end = time_of(item, "end_date")
    return None if end is None or end > now - JUST_ENDED else end


def audience_of(
    session: SessionTimes, entries: list[Attendee], registrations: list[Registration], now: datetime
) -> Audience:
    """Return who was in a session, or is in it now; this takes a second for ten thousand people.

    :raises ValueError: if the session's times cannot be used.
    """
    times_of: Session = {"id": session.id, "start_date": session.start.isoformat()}
    if session.end:
        times_of["end_date"] = session.end.isoformat()
        found = attendance_of(times_of, entries, registrations)
        return Audience(session, found.summary, found.curve, found.spans, None)
    stays: list[Attendee] = [{**each, "end_date": None} if _end_of(each, now) is None else each for each in entries]
    found = attendance_of(times_of, stays, registrations, until=now)
    # the curve ends now, as if everybody left
    present = next((number for moment, number in reversed(found.curve) if moment < found.spans[-1][1]), 0)
    return Audience(session, found.summary, found.curve, found.spans, present)


def recordings_of(listed: list[Recording]) -> list[RecordingFacts]:
    """Return recordings without their links, the latest first."""
    found = [
        RecordingFacts(
            id=each["id"],
            name=each.get("recording_name") or "",
            room_id=each.get("conference_id"),
            started_at=_started_at(each),
            duration=each.get("recording_duration"),
            size=each.get("recording_file_size"),
            is_ready=recorded(each),
        )
        for each in listed
    ]
    return sorted(
        found, key=lambda each: (each.started_at.timestamp() if each.started_at else 0, each.id), reverse=True
    )


def _started_at(recording: Recording) -> datetime | None:
    try:
        return recorded_at(recording)
    except ParseError:
        return None
