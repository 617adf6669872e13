"""Add rooms, sessions and recordings to the account directly, without the API. Wrong values raise `ValueError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.sandbox import schedule
from airflow_clickmeeting.sandbox.clock import MINUTE, floor, in_range, read_moment
from airflow_clickmeeting.sandbox.forms import number
from airflow_clickmeeting.sandbox.model import ChatLine, Field, Person, Recording, Room, Session, Visit
from airflow_clickmeeting.sandbox.operations.conferences import new_room
from airflow_clickmeeting.sandbox.world import World

Body = Mapping[str, Any]
DETAILS = ("role", "rating", "rating_comment", "device", "user_ip", "city", "country_iso3")
MAX_CROWD = 10_000_000
MAX_ROOMS = 20_000
MAX_SESSIONS = 1000
MAX_SIZE = 1 << 50
MAX_SECONDS = 10**9
MAX_LENGTH = timedelta(days=31)


def add_room(world: World, wanted: Body) -> Room:
    """Create a room, also in the past. By default it is a webinar that starts in an hour and lasts an hour."""
    created_at = read_moment(wanted["created_at"]) if wanted.get("created_at") else None
    in_an_hour = (floor(world.clock.now) + timedelta(hours=1)).isoformat()
    defaults = {
        "name": "Sandbox room",
        "room_type": "webinar",
        "permanent_room": 0,
        "access_type": 1,
        "starts_at": in_an_hour,
        "duration": 1,
    }
    room = new_room(world, {**defaults, **wanted}, past_allowed=True)
    if room.starts_at and room.starts_at < room.created_at:
        created_at = created_at or room.starts_at - timedelta(days=7)
    room.created_at = room.updated_at = created_at or room.created_at
    return room


def add_field(room: Room, label: str, *, required: bool) -> int:
    """Add a question to the registration form and return its id. The first added question has the id 10."""
    field = Field(max(9, *(field.id for field in room.fields)) + 1, label, required)
    room.fields.append(field)
    return field.id


def add_recording(world: World, room: Room, wanted: Body) -> Recording:
    """Add a recording to a room. Lists show it from `ready_at` on, by default at once."""
    return schedule.record(
        world,
        room,
        size=_number(wanted, "size", MAX_SIZE),
        duration=_number(wanted, "duration", MAX_SECONDS, 3600),
        ready_at=read_moment(wanted["ready_at"]) if wanted.get("ready_at") else world.clock.now,
        name=_word(wanted.get("name")),
    )


def play(world: World, room: Room, script: Body) -> Session:
    """Add a session that follows the script. It replaces the session that the schedule would hold."""
    start = floor(read_moment(script["start"]) if script.get("start") else room.starts_at or world.clock.now)
    if script.get("end"):
        end = floor(read_moment(script["end"]))
    elif script.get("start") or not room.ends_at:
        end = start + timedelta(hours=1)
    else:
        end = floor(room.ends_at)
    if end < start:
        raise ValueError(
            f"A session cannot end before it starts: `end` is {end.isoformat()} and `start` is {start.isoformat()}."
            " Set `end` to the start or later."
        )
    if end - start > MAX_LENGTH:
        raise ValueError(f"A session of {(end - start).days} days is too long. It may have {MAX_LENGTH.days} days.")
    session = Session(world.account.new_id("session"), start, end)
    for attendee in _objects(script, "attendees"):
        session.visits.extend(_visits(world, attendee, start, end))
    session.crowd = _number(script, "count", MAX_CROWD, 0)
    session.first_uid = world.account.new_id("person", session.crowd)
    session.chat = [_chat_line(line, start) for line in _objects(script, "chat", text="message")]
    recordings = [_recording(world, session, wanted) for wanted in _objects(script, "recordings")]
    schedule.drop_automatic(room)
    room.held_start = room.starts_at
    room.sessions.append(session)
    room.created_at = min(room.created_at, start)
    for recording in recordings:
        schedule.record(world, room, **recording)
    return session


def _visits(world: World, attendee: Body, start: datetime, end: datetime) -> Iterator[Visit]:
    email = _word(attendee.get("email"))
    nickname = _word(attendee.get("nickname")) or (email.partition("@")[0] if email else "Guest")
    details: dict[str, Any] = {name: _word(attendee[name]) for name in DETAILS if name in attendee}
    polls = list(_objects(attendee, "polls"))
    person = Person(world.account.new_id("person"), nickname, email, **details, polls=polls)
    for index, (join, leave) in enumerate(attendee.get("visits") or [(None, None)]):
        yield Visit(person, _session_time(join, start, start), _session_time(leave, start, end), first=not index)


def _session_time(value: Any, start: datetime, default: datetime) -> datetime:
    """Return a time of a session. A number means minutes after the start of the session."""
    if value is None:
        return default
    if isinstance(value, int | float):
        return in_range(start + value * MINUTE)
    return floor(read_moment(value))


def _chat_line(line: Body, start: datetime) -> ChatLine:
    email, nickname, message = (_word(line.get(name)) for name in ("email", "nickname", "message"))
    return ChatLine(_session_time(line.get("at"), start, start), email, nickname or "Guest", message or "")


def _recording(world: World, session: Session, wanted: Body) -> dict[str, Any]:
    length = int((session.end - session.start).total_seconds())
    wait = _number(wanted, "ready_after", MAX_SECONDS, world.switches["recordings_delay"])
    return {
        "size": _number(wanted, "size", MAX_SIZE, length * schedule.BYTES_PER_SECOND),
        "duration": _number(wanted, "duration", MAX_SECONDS, length),
        "ready_at": session.end + timedelta(seconds=wait),
        "name": _word(wanted.get("name")),
        "session": session,
    }


def bulk(world: World, wanted: Body) -> None:
    """Add ended webinars of the last two months."""
    rooms, repeats = _number(wanted, "rooms", MAX_ROOMS), _number(wanted, "sessions_per_room", MAX_SESSIONS)
    crowd = _number(wanted, "attendees_per_session", MAX_CROWD)
    now = floor(world.clock.now)
    for index in range(rooms):
        start = now - timedelta(days=index % 60 + 2)
        room = add_room(world, {"name": f"Webinar {index + 1:04d}", "starts_at": start.isoformat()})
        for repeat in range(repeats):
            begin = start + repeat * timedelta(hours=2)
            play(world, room, {"start": begin.isoformat(), "count": crowd})
        room.held_start = room.starts_at


def _number(wanted: Body, name: str, most: int, default: float = -1) -> int:
    """Return a whole number from 0 to `most`. A missing one is the default, or an error if there is no default."""
    value = wanted.get(name)
    try:
        return int(number(0, most)(default if value is None else value))
    except ValueError as error:
        raise ValueError(f"`{name}` cannot be {str(value)[:50]!r}. {error}") from None


def _word(value: Any) -> str | None:
    """Return a text; a number becomes one."""
    if isinstance(value, dict | list):
        raise TypeError(f"{str(value)[:50]} must be a text.")
    return None if value is None else str(value)


def _objects(wanted: Body, name: str, text: str | None = None) -> Iterator[Body]:
    """Yield the objects of a list; an item that is only a text becomes an object with the key `text`."""
    for item in wanted.get(name) or ():
        each = {text: item} if text and isinstance(item, str) else item
        if not isinstance(each, dict):
            raise TypeError(f"`{name}` must be a list of objects; {str(item)[:50]!r} is not an object.")
        yield each
