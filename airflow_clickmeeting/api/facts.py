"""What an item of a list says: whether a session is over, or a recording ready, and what is told of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.types import (
    Recording,
    Session,
)
from airflow_clickmeeting.api.validate import Id


def over_since(session: Session, since: str) -> bool:
    """Tell whether a session was not over yet at a moment."""
    return not session.get("end_date") or times.parse(str(session["end_date"])) >= minute_of(since)


def over_for(session: Session, settle: float, now: datetime) -> bool:
    """Tell whether a session ended, and so many seconds ago; one that runs may have the present as its end."""
    return bool(session.get("end_date")) and times.parse(str(session["end_date"])) <= now - timedelta(seconds=settle)


def recorded(recording: Recording) -> bool:
    """Tell whether a recording's size is known, as it is when it was processed."""
    return bool(recording.get("recording_file_size"))


def session_facts(room_id: Id, session: Session) -> dict[str, Any]:
    """Return what is told of a session."""
    return {
        "room_id": int(room_id),
        "session_id": session["id"],
        "started_at": session.get("start_date"),
        "ended_at": session.get("end_date"),
        "total_visitors": session.get("total_visitors"),
        "max_visitors": session.get("max_visitors"),
    }


def recording_facts(recording: Recording) -> dict[str, Any]:
    """Return what is told of a recording: not its link, which lives for minutes."""
    return {
        "recording_id": recording["id"],
        "name": recording.get("recording_name"),
        "started_at": began.isoformat() if (began := recorded_at(recording)) else None,
        "duration": recording.get("recording_duration"),
        "size": recording.get("recording_file_size"),
    }


def recorded_at(recording: Recording) -> datetime | None:
    """Return when a recording began."""
    written = recording.get("recorder_start_date") or recording.get("recorder_started")
    return times.parse(written) if written else None


def recorded_until(recording: Recording) -> datetime | None:
    """Return when a recording ended."""
    began = recorded_at(recording)
    return began and began + timedelta(seconds=recording.get("recording_duration") or 0)


def minute_of(since: str) -> datetime:
    """Return a moment without its seconds: ClickMeeting rounds the times of sessions to the minute."""
    return times.instant("since", since).replace(second=0, microsecond=0)
