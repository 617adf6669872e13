"""Collect what the sandbox's page shows: the clock, the rooms, the mails and the requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from airflow_clickmeeting.sandbox import attendance, schedule
from airflow_clickmeeting.sandbox.model import ACCOUNT_ZONE, Room, Session
from airflow_clickmeeting.sandbox.world import World

MAX_ROOMS, MAX_MAILS, MAX_REQUESTS = 500, 100, 100

#: the subject and the text of the mails that ClickMeeting would send; its own wording is not known
WORDING = {
    "invitation": ("Invitation: {name}", "You are invited to the webinar {name}.\n\nWhen: {starts}\nJoin: {url}\n"),
    "confirmation": (
        "Please confirm: {name}",
        "Please confirm your registration for the webinar {name}.\n\nWhen: {starts}\nJoin: {url}\n",
    ),
}


def overview(world: World) -> dict[str, Any]:
    """Return the newest rooms, mails and requests, each with the number of all."""
    coming = next_event(world)
    now, account = world.clock.now, world.account
    rooms = sorted(account.rooms.values(), key=lambda room: _last_time(room, now), reverse=True)
    entries = islice(reversed(world.requests.entries), MAX_REQUESTS)
    keys = ("time", "method", "path", "operation", "status")
    return {
        "clock": {"now": now.isoformat(), "speed": world.clock.speed, "zone": ACCOUNT_ZONE},
        "next_event": coming and {"at": coming[0].isoformat(), "what": coming[1]},
        "counts": {
            "rooms": len(rooms),
            "mails": len(account.outbox),
            "requests": sum(world.requests.counts.values()),
        },
        "rooms": [_room(room, now) for room in rooms[:MAX_ROOMS]],
        "mails": [_mail(world, mail) for mail in account.outbox[: -MAX_MAILS - 1 : -1]],
        "requests": [{key: entry[key] for key in keys} for entry in entries],
    }


def next_event(world: World) -> tuple[datetime, str] | None:
    """Return when something happens by itself the next time, and what; None if nothing is planned."""
    schedule.add_started_sessions(world)
    now = world.clock.now
    events = (event for room in world.account.rooms.values() for event in _events(room) if event[0] > now)
    return min(events, default=None)


def _events(room: Room) -> Iterator[tuple[datetime, str]]:
    if room.starts_at and room.starts_at != room.held_start and room.set_status != "inactive":
        yield room.starts_at, f"{room.name} starts"
    for session in room.sessions:
        yield session.start, f"a session of {room.name} starts"
        yield session.end, f"the session of {room.name} ends"
    for recording in room.recordings.values():
        yield recording.ready_at, f"the recording of {room.name} is ready"


def _last_time(room: Room, now: datetime) -> datetime:
    started = (session.start for session in room.sessions if session.start <= now)
    return max([room.starts_at or room.created_at, *started])


def _room(room: Room, now: datetime) -> dict[str, Any]:
    running = next((session for session in room.sessions if session.start <= now < session.end), None)
    recorded = [recording for recording in room.recordings.values() if recording.started <= now]
    ready = sum(recording.ready_at <= now for recording in recorded)
    return {
        "id": room.id,
        "name": room.name,
        "url": room.url,
        "state": _state(room, running, now),
        "starts_at": room.starts_at and room.starts_at.isoformat(),
        "ends_at": room.ends_at and room.ends_at.isoformat(),
        "present": running and sum(visit.join <= now < visit.leave for visit in attendance.visits(room, running)),
        "registrations": len(room.registrations),
        "sessions": [session.id for session in room.sessions if session.start <= now],
        "recordings_ready": ready,
        "recordings_processing": len(recorded) - ready,
    }


def _state(room: Room, running: Session | None, now: datetime) -> str:
    if running:
        return "live"
    if room.status(now) == "inactive":
        return "inactive"
    if room.permanent_room:
        return "permanent"
    return "ended" if room.ends_at and room.ends_at <= now else "planned"


def _mail(world: World, mail: dict[str, Any]) -> dict[str, Any]:
    """Return a mail with a subject and a text."""
    room, wording = world.account.rooms.get(mail.get("room_id", 0)), WORDING.get(mail["kind"])
    if wording is None:
        return mail
    when = f"{room.starts_at.astimezone(room.zone):%d %B %Y, %H:%M} {room.timezone}" if room and room.starts_at else "-"
    facts = {"name": room.name if room else "(deleted)", "starts": when, "url": room.url if room else "-"}
    subject, text = (part.format(**facts) for part in wording)
    return {**mail, "sender": "ClickMeeting", "subject": subject, "text": text}
