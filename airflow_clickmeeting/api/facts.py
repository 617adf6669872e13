"""Find out whether a room met, a session is over or a recording is processed, and select the values to report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.types import Recording, Room, Session
from airflow_clickmeeting.api.validate import Id

#: how long the last session of a room may go on after the room became inactive; a room's own times may be as wrong
MAX_OVERTIME = timedelta(days=1)


def may_have_met(room: Room, since: datetime | None, until: datetime | None) -> bool:
    """Return whether a session of a room can have taken place in a period, by what the list of rooms says.

    A room is left out only if it was created after the period, or is inactive, and its last update and its planned end
    were before the period. An active room may always have met, since people can enter it long before its start.

    :param room: an item of the list of rooms; a time that is missing or cannot be read excludes nothing.
    :param since: the start of the period; None is no bound.
    :param until: the end of the period; None is no bound.
    """
    created = _readable(room.get("created_at"))
    if until and created and created - MAX_OVERTIME >= until:
        return False
    if since is None or str(room.get("status")).lower() != "inactive":
        return True
    # ClickMeeting updates a room when it becomes inactive; the planned times count in case it does not always do so
    written = [room.get("updated_at")]
    if room.get("permanent_room") is not True:
        written += [room.get("starts_at"), room.get("ends_at")]
    moments = [moment for moment in map(_readable, written) if moment]
    return len(moments) < len(written) or max(moments) + MAX_OVERTIME >= since


def took_place(session: Session, since: datetime | None, until: datetime | None) -> bool:
    """Return whether a session took place in a period, at least in part; a time that cannot be read excludes nothing.

    :param session: an item of the list of sessions; without an `end_date` it is still running.
    :param since: the start of the period; None is no bound.
    :param until: the end of the period, which is not included; None is no bound.
    """
    start, end = _readable(session.get("start_date")), _readable(session.get("end_date"))
    moments = [moment for moment in (start, end) if moment]
    is_before = since and end and max(moments) < since
    is_after = until and start and min(moments) >= until
    return not (is_before or is_after)


def _readable(text: str | None) -> datetime | None:
    try:
        return times.parse(text) if text else None
    except ParseError:
        return None


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
