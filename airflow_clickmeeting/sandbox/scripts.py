"""Add rooms, sessions and recordings to the account directly, without the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox import schedule
from airflow_clickmeeting.sandbox.clock import MINUTE, floor
from airflow_clickmeeting.sandbox.model import ChatLine, Field, Person, Recording, Room, Session, Visit
from airflow_clickmeeting.sandbox.operations.conferences import new_room

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World

DETAILS = ("role", "rating", "rating_comment", "device", "user_ip", "city", "country_iso3")


def add_room(world: World, wanted: Mapping[str, Any]) -> Room:
    """Create a room, also in the past. By default it is a webinar that starts in an hour and lasts an hour."""
    in_an_hour = (floor(world.clock.now) + timedelta(hours=1)).isoformat()
    defaults = {
        "name": "Sandbox room",
        "room_type": "webinar",
        "permanent_room": 0,
        "access_type": 1,
        "starts_at": in_an_hour,
        "duration": 1,
    }
    form = {**defaults, **wanted}
    room = new_room(world, form, past_allowed=True)
    if room.starts_at and room.starts_at < room.created_at:
        room.created_at = room.updated_at = room.starts_at - timedelta(days=7)
    if wanted.get("created_at"):
        room.created_at = room.updated_at = _moment(wanted["created_at"])
    return room


def add_field(room: Room, label: str, *, required: bool) -> int:
    """Add a question to the registration form and return its id. The first added question has the id 10."""
    field = Field(max(9, *(field.id for field in room.fields)) + 1, label, required)
    room.fields.append(field)
    return field.id


def add_recording(world: World, room: Room, wanted: Mapping[str, Any]) -> Recording:
    """Add a recording to a room. Lists show it from `ready_at` on, by default at once."""
    return schedule.record(
        world.account,
        room,
        size=int(wanted["size"]),
        duration=int(wanted.get("duration", 3600)),
        ready_at=_moment(wanted["ready_at"]) if wanted.get("ready_at") else world.clock.now,
        name=wanted.get("name"),
    )


def play(world: World, room: Room, script: Mapping[str, Any]) -> Session:
    """Add a session that follows the script. It replaces the session that the schedule would hold."""
    start = floor(_moment(script["start"]) if script.get("start") else room.starts_at or world.clock.now)
    if script.get("end"):
        end = floor(_moment(script["end"]))
    elif script.get("start") or not room.ends_at:
        end = start + timedelta(hours=1)
    else:
        end = floor(room.ends_at)
    if end < start:
        raise ValueError(
            f"A session cannot end before it starts: `end` is {end.isoformat()} and `start` is {start.isoformat()}."
            " Set `end` to the start or later."
        )
    schedule.drop_automatic(room)
    room.held_start = room.starts_at
    session = Session(world.account.new_id("session"), start, end)
    for attendee in script.get("attendees", ()):
        session.visits.extend(_visits(world, attendee, start, end))
    session.crowd = int(script.get("count", 0))
    session.first_uid = world.account.new_id("person", session.crowd)
    session.chat = [_chat_line(line, start) for line in script.get("chat", ())]
    room.sessions.append(session)
    for recording in script.get("recordings", ()):
        _record(world, room, session, recording)
    return session


def _visits(world: World, attendee: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[Visit]:
    email = attendee.get("email")
    nickname = attendee.get("nickname") or (email.partition("@")[0] if email else "Guest")
    details = {name: attendee[name] for name in DETAILS if name in attendee}
    if details.get("rating") is not None:
        details["rating"] = str(details["rating"])
    person = Person(world.account.new_id("person"), nickname, email, **details)
    for number, (join, leave) in enumerate(attendee.get("visits") or [(None, None)]):
        yield Visit(person, _session_time(join, start, start), _session_time(leave, start, end), first=not number)


def _session_time(value: Any, start: datetime, default: datetime) -> datetime:
    """Return a time of a session. A number means minutes after the start of the session."""
    if value is None:
        return default
    if isinstance(value, int | float):
        return start + value * MINUTE
    return floor(_moment(value))


def _chat_line(line: str | Mapping[str, Any], start: datetime) -> ChatLine:
    if isinstance(line, str):
        line = {"message": line}
    return ChatLine(
        at=_session_time(line.get("at"), start, start),
        email=line.get("email"),
        nickname=line.get("nickname", "Guest"),
        message=line.get("message", ""),
    )


def _record(world: World, room: Room, session: Session, wanted: Mapping[str, Any]) -> None:
    ready_after = wanted.get("ready_after")
    wait = world.switches.number("recordings_delay") if ready_after is None else float(ready_after)
    length = int((session.end - session.start).total_seconds())
    schedule.record(
        world.account,
        room,
        size=int(wanted.get("size", length * schedule.BYTES_PER_SECOND)),
        duration=int(wanted.get("duration", length)),
        ready_at=session.end + timedelta(seconds=wait),
        name=wanted.get("name"),
        session=session,
    )


def bulk(world: World, rooms: int, sessions_per_room: int, attendees_per_session: int) -> None:
    """Add ended webinars of the last two months."""
    now = floor(world.clock.now)
    for number in range(rooms):
        start = now - timedelta(days=number % 60 + 2)
        room = add_room(world, {"name": f"Webinar {number + 1:04d}", "starts_at": start.isoformat()})
        for repeat in range(sessions_per_room):
            begin = start + repeat * timedelta(hours=2)
            play(world, room, {"start": begin.isoformat(), "count": attendees_per_session})
        room.held_start = room.starts_at


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
