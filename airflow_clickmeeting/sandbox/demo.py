"""Fill an account with realistic data for a first visit."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.model import Room, StoredFile
from airflow_clickmeeting.sandbox.operations.conferences import new_room
from airflow_clickmeeting.sandbox.operations.registrations import register_participant, send_invitation
from airflow_clickmeeting.sandbox.operations.tokens import generate_tokens
from airflow_clickmeeting.sandbox.schedule import add_started_sessions
from airflow_clickmeeting.sandbox.scripts import add_field, play

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World

PEOPLE = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "linus": "Linus Example", "marie": "Marie Curie"}


def demo(world: World) -> None:
    """Add two weeks of data. The function sets the clock back and calls the operations of the API, step by step."""
    now, day = world.clock.now, timedelta(days=1)
    hour = floor(now, timedelta(hours=1))
    world.clock.set(now - 14 * day)
    _room(world, "Team room", room_type="meeting", permanent_room=1)
    quarterly = _webinar(world, "Quarterly review", hour - 9 * day)
    _register(world, quarterly, "ada", "grace", "linus", "marie")
    workshop = _webinar(world, "Airflow workshop", hour - 2 * day, settings={"recorder_autostart_enabled": 1})
    _register(world, workshop, "ada", "linus", "grace")
    slides = b"Slides of the workshop.\n" * 200
    _file(world, "workshop.pdf", slides, workshop)
    _file(world, "logo.png", slides[:512], None)

    world.clock.set(now - 1 * day)
    add_started_sessions(world.account, world.switches, world.clock.now)
    play(world, quarterly, _REVIEW)
    launch = _webinar(world, "Product launch", hour + 1 * day)
    add_field(launch, "Company", required=False)
    _register(world, launch, "ada", "grace", "marie")
    board = _room(world, "Board meeting", access_type=3, starts_at=(hour + 3 * day).isoformat(), duration=2)
    generate_tokens(world, Call("generate_tokens", {"room_id": str(board.id)}, {"how_many": 5}))
    invited = {str(index): {"email": f"{person}@example.com"} for index, person in enumerate(("grace", "linus"))}
    ids = {"room_id": str(board.id), "lang": "en"}
    send_invitation(world, Call("send_invitation", ids, {"attendees": invited}))
    world.clock.set(now)


_REVIEW: Mapping[str, Any] = {
    "attendees": [
        {"email": "hanna.host@example.com", "nickname": "Hanna Host", "role": "host", "visits": [(0, None)]},
        {
            "email": "ada@example.com",
            "nickname": "Ada Lovelace",
            "visits": [(0, 20), (24, 60)],
            "rating": 5,
            "rating_comment": "Thanks",
        },
        {"email": "grace@example.com", "nickname": "Grace Hopper", "visits": [(12, 60)], "rating": 4},
        {"email": "linus@example.com", "nickname": "Linus Example", "visits": [(1, 31)]},
        {"nickname": "Guest", "visits": [(3, 45)], "country_iso3": None, "device": None},
    ],
    "recordings": [{"size": 3_600_000}],
    "chat": [
        {"at": 1, "email": "hanna.host@example.com", "nickname": "Hanna Host", "message": "Welcome"},
        {"at": 26, "email": "ada@example.com", "nickname": "Ada Lovelace", "message": "I am back"},
    ],
}


def _room(world: World, name: str, **wanted: Any) -> Room:
    form = {"name": name, "room_type": "webinar", "permanent_room": 0, "access_type": 1, **wanted}
    return new_room(world, form)


def _webinar(world: World, name: str, start: Any, **wanted: Any) -> Room:
    form = {"registration": {"enabled": 1}, **wanted}
    return _room(world, name, starts_at=start.isoformat(), duration=1, **form)


def _register(world: World, room: Room, *people: str) -> None:
    for person in people:
        first, _, last = PEOPLE[person].partition(" ")
        answers = {"1": first, "2": last, "3": f"{person}@example.com"}
        call = Call("register_participant", {"room_id": str(room.id)}, {"registration": answers})
        register_participant(world, call)


def _file(world: World, name: str, content: bytes, room: Room | None) -> None:
    stored = StoredFile(
        id=world.account.new_id("file"),
        name=name,
        size=len(content),
        content=io.BytesIO(content),
        uploaded_at=world.clock.now,
        room_id=room.id if room else None,
    )
    world.account.files[stored.id] = stored


SEEDS: dict[str, Callable[[World], None] | None] = {"empty": None, "demo": demo}
