"""Find the room, session or file that a path names, or respond with 404."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.model import Room, Session, StoredFile
from airflow_clickmeeting.sandbox.world import World


def room_of(world: World, call: Call) -> Room:
    """Return the room that the path names."""
    room = world.account.rooms.get(call.id())
    if not room or (world.switches.word("archived") == "gone" and room.archived(world.clock.now)):
        raise not_found()
    return room


def session_of(world: World, call: Call) -> tuple[Room, Session]:
    """Return the session that the path names, with its room."""
    room = room_of(world, call)
    for session in visible_sessions(world, room):
        if session.id == call.id("session_id"):
            return room, session
    raise not_found("Session")


def file_of(world: World, call: Call) -> StoredFile:
    """Return the file that the path names."""
    stored = world.account.files.get(call.id("file_id"))
    if not stored:
        raise not_found("File")
    return stored


def session_time(world: World) -> datetime:
    """Return the time that session lists show. It is earlier than now by the switch `sessions_delay`."""
    return world.clock.now - timedelta(seconds=world.switches.number("sessions_delay"))


def visible_sessions(world: World, room: Room) -> list[Session]:
    """Return the sessions that have started, the earliest first."""
    now = session_time(world)
    return sorted((one for one in room.sessions if one.start <= now), key=lambda one: (one.start, one.id))
