"""What ClickMeeting's lists say of a session or a recording: whether it is over or processed, and its main values."""

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
    """Return whether a session was still running at `since`, or started later."""
    return not session.get("end_date") or times.parse(str(session["end_date"])) >= minute_of(since)


def over_for(session: Session, settle: float, now: datetime) -> bool:
    """Return whether a session ended at least `settle` seconds ago.

    ClickMeeting may give the present time as the end of a running session: with a `settle` above zero, such a session
    does not count as over.
    """
    return bool(session.get("end_date")) and times.parse(str(session["end_date"])) <= now - timedelta(seconds=settle)


def recorded(recording: Recording) -> bool:
    """Return whether ClickMeeting has processed a recording; until then its size is missing or zero."""
    return bool(recording.get("recording_file_size"))


def session_facts(room_id: Id, session: Session) -> dict[str, Any]:
    """Return the values of a session that sensors return and events report, as plain JSON without a secret."""
    return {
        "room_id": int(room_id),
        "session_id": session["id"],
        "started_at": session.get("start_date"),
        "ended_at": session.get("end_date"),
        "total_visitors": session.get("total_visitors"),
        "max_visitors": session.get("max_visitors"),
    }


def recording_facts(recording: Recording) -> dict[str, Any]:
    """Return the values of a recording that sensors return and events report, without its link.

    The link is a secret, and expires after a few minutes.
    """
    return {
        "recording_id": recording["id"],
        "name": recording.get("recording_name"),
        "started_at": began.isoformat() if (began := recorded_at(recording)) else None,
        "duration": recording.get("recording_duration"),
        "size": recording.get("recording_file_size"),
    }


def recorded_at(recording: Recording) -> datetime | None:
    """Return the start of a recording, or None if ClickMeeting does not give it."""
    written = recording.get("recorder_start_date") or recording.get("recorder_started")
    return times.parse(written) if written else None


def recorded_until(recording: Recording) -> datetime | None:
    """Return the end of a recording, or None if its start is not known; without a duration it is the start."""
    began = recorded_at(recording)
    return began and began + timedelta(seconds=recording.get("recording_duration") or 0)


def minute_of(since: str) -> datetime:
    """Return a moment without its seconds: ClickMeeting rounds the times of sessions to the minute."""
    return times.instant("since", since).replace(second=0, microsecond=0)
