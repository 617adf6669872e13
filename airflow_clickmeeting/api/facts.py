"""Find out whether a session is over or a recording is processed, and select the values of both to report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.types import Recording, Session
from airflow_clickmeeting.api.validate import Id


def over_since(session: Session, since: str) -> bool:
    """Return whether a session was still running at `since`, or started later.

    :param session: an item of the list of sessions; without an `end_date` it is still running.
    :param since: ISO 8601 text with an offset; its seconds are ignored, see `minute_of`.
    """
    ended = ended_at(session)
    return ended is None or ended >= minute_of(since)


def over_for(session: Session, settle: float, now: datetime) -> bool:
    """Return whether a session ended at least `settle` seconds ago.

    ClickMeeting may return the present time as the end of a running session. With a `settle` above zero, such a session
    does not count as over.

    :param session: an item of the list of sessions.
    :param settle: seconds.
    :param now: the present time by ClickMeeting's clock.
    """
    ended = ended_at(session)
    return ended is not None and ended <= now - timedelta(seconds=settle)


def ended_at(session: Session) -> datetime | None:
    """Return the end of a session; None while it runs, which a missing, null or empty `end_date` says.

    :raises ParseError: if `end_date` is anything else.
    """
    end = session.get("end_date")
    return None if end is None or end == "" else times.parse(end)


def recorded(recording: Recording) -> bool:
    """Return whether ClickMeeting has processed a recording; before that, its size is missing or zero."""
    return bool(recording.get("recording_file_size"))


def session_facts(room_id: Id, session: Session) -> dict[str, Any]:
    """Return the values of a session that sensors return and events report, as plain JSON without secrets.

    :return: `room_id`, `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.
    """
    return {
        "room_id": int(room_id),
        "session_id": session["id"],
        "started_at": session.get("start_date"),
        "ended_at": session.get("end_date"),
        "total_visitors": session.get("total_visitors"),
        "max_visitors": session.get("max_visitors"),
    }


def recording_facts(recording: Recording) -> dict[str, Any]:
    """Return the values of a recording that sensors return and events report, as plain JSON.

    The link is left out, because it is a secret and expires after a few minutes.

    :return: `recording_id`, `name`, `started_at`, `duration` in seconds and `size` in bytes.
    """
    return {
        "recording_id": recording["id"],
        "name": recording.get("recording_name"),
        "started_at": began.isoformat() if (began := recorded_at(recording)) else None,
        "duration": recording.get("recording_duration"),
        "size": recording.get("recording_file_size"),
    }


def recorded_at(recording: Recording) -> datetime | None:
    """Return the start of a recording, or None if ClickMeeting did not return it."""
    written = recording.get("recorder_start_date") or recording.get("recorder_started")
    return times.parse(written) if written else None


def recorded_until(recording: Recording) -> datetime | None:
    """Return the end of a recording, or its start if the duration is unknown; None if the start is unknown."""
    began = recorded_at(recording)
    return began and began + timedelta(seconds=recording.get("recording_duration") or 0)


def minute_of(since: str) -> datetime:
    """Return a time without its seconds, to compare it with times of sessions, which ClickMeeting rounds to minutes."""
    return times.instant("since", since).replace(second=0, microsecond=0)
