"""Add the sessions of scheduled rooms, and their recordings, when the clock reaches their start, and list them."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.model import HOST_COMES_EARLY, LONG_AGO, Person, Recording, Room, Session
from airflow_clickmeeting.sandbox.world import World

BYTES_PER_SECOND = 1000


def add_started_sessions(world: World) -> None:
    """Add the session of each scheduled room whose start has passed, unless it was added before."""
    if not world.switches["auto_sessions"]:
        return
    now = world.clock.now
    # every request comes here, and an account may have thousands of rooms
    horizon = now + HOST_COMES_EARLY
    for room in world.account.rooms.values():
        starts_at = room.starts_at
        if starts_at and starts_at <= horizon and starts_at != room.held_start and room.set_status != "inactive":
            opened = max(starts_at - HOST_COMES_EARLY, floor(room.created_at))
            if now >= opened:
                _add_session(world, room, opened, starts_at + room.duration)


def _add_session(world: World, room: Room, opened: datetime, end: datetime) -> None:
    new_id = world.account.new_id
    host = Person(new_id("person"), "Hanna Host", "hanna.host@example.com", role="host")
    session = Session(new_id("session"), opened, end, host, first_uid=new_id("person"))
    room.held_start = room.starts_at
    room.sessions.append(session)
    if room.settings["recorder_autostart_enabled"]:
        length = int(room.duration.total_seconds())
        ready_at = end + timedelta(seconds=world.switches["recordings_delay"])
        size = length * BYTES_PER_SECOND
        record(world, room, size=size, duration=length, ready_at=ready_at, session=session)


def record(
    world: World,
    room: Room,
    *,
    size: int,
    duration: int,
    ready_at: datetime,
    name: str | None = None,
    session: Session | None = None,
) -> Recording:
    """Add a recording that is ready from `ready_at` on. A recording without a session needs no processing."""
    started, ended = ready_at - timedelta(seconds=duration), ready_at
    if session:
        started, ended = session.start, session.end
    new_id, session_id = world.account.new_id("recording"), session.id if session else None
    recording = Recording(new_id, name or room.name, size, duration, started, ended, ready_at, session_id)
    room.recordings[new_id] = recording
    return recording


def end_running(room: Room, at: datetime, now: datetime) -> None:
    """Change the end of the running session, and move its recording by the same time."""
    for session in room.sessions:
        if session.automatic and session.start <= now < session.end:
            shift = max(at, floor(now)) - session.end
            session.end += shift
            for recording in room.recordings.values():
                if recording.session_id == session.id:
                    recording.ended += shift
                    recording.ready_at += shift
                    recording.duration += int(shift.total_seconds())


def drop_automatic(room: Room, since: datetime = LONG_AGO) -> None:
    """Remove the scheduled sessions that start at `since` or later, with their recordings."""
    removed = {session.id for session in room.sessions if session.automatic and session.start >= since}
    room.sessions = [session for session in room.sessions if session.id not in removed]
    room.recordings = {
        id_: recording for id_, recording in room.recordings.items() if recording.session_id not in removed
    }


def session_time(world: World) -> datetime:
    """Return the time that session lists show. It is earlier than now by the switch `sessions_delay`."""
    return world.clock.now - timedelta(seconds=world.switches["sessions_delay"])


def visible_sessions(world: World, room: Room) -> list[Session]:
    """Return the sessions that have started, the earliest first."""
    now = session_time(world)
    return sorted((one for one in room.sessions if one.start <= now), key=lambda one: (one.start, one.id))
