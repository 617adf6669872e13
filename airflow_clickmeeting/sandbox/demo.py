"""Fill an account with realistic data for a first visit."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.files import store
from airflow_clickmeeting.sandbox.operations.registrations import register_participant, send_invitation
from airflow_clickmeeting.sandbox.operations.tokens import generate_tokens
from airflow_clickmeeting.sandbox.schedule import add_started_sessions
from airflow_clickmeeting.sandbox.scripts import add_field, add_room, play
from airflow_clickmeeting.sandbox.world import World

PEOPLE = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "linus": "Linus Example", "marie": "Marie Curie"}


def demo(world: World) -> None:
    """Add two weeks of data. The function sets the clock back and calls the operations of the API, step by step."""
    now, day = world.clock.now, timedelta(days=1)
    hour = floor(now, timedelta(hours=1))
    world.clock.set(now - 14 * day)
    add_room(world, {"name": "Team room", "room_type": "meeting", "permanent_room": 1})
    quarterly = _webinar(world, "Quarterly review", hour - 9 * day)
    _register(world, quarterly, "ada", "grace", "linus", "marie")
    workshop = _webinar(world, "Airflow workshop", hour - 2 * day, settings={"recorder_autostart_enabled": 1})
    _register(world, workshop, "ada", "linus", "grace")
    slides = b"Slides of the workshop.\n" * 200
    store(world, "workshop.pdf", len(slides), io.BytesIO(slides), workshop.id)
    store(world, "logo.png", 512, io.BytesIO(slides[:512]), None)

    world.clock.set(now - 1 * day)
    add_started_sessions(world)
    play(world, quarterly, _REVIEW)
    launch = _webinar(world, "Product launch", hour + 1 * day)
    add_field(launch, "Company", required=False)
    _register(world, launch, "ada", "grace", "marie")
    board = _webinar(world, "Board meeting", hour + 3 * day, access_type=3, duration=2, registration={})
    generate_tokens(world, Call({"room_id": str(board.id)}, {"how_many": 5}))
    invited = [{"email": f"{person}@example.com"} for person in ("grace", "linus")]
    send_invitation(world, Call({"room_id": str(board.id), "lang": "en"}, {"attendees": invited}))
    world.clock.set(now)


_ANSWERS = [{"points": 1, "value": "Good"}]
_REVIEW: Mapping[str, Any] = {
    "attendees": [
        {"email": "hanna.host@example.com", "nickname": "Hanna Host", "role": "host", "visits": [(0, None)]},
        {
            "email": "ada@example.com",
            "nickname": "Ada Lovelace",
            "visits": [(0, 20), (24, 60)],
            "rating": 5,
            "rating_comment": "Thanks",
            "polls": [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": _ANSWERS}]}],
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


def _webinar(world: World, name: str, start: datetime, **wanted: Any) -> Room:
    return add_room(world, {"name": name, "starts_at": start.isoformat(), "registration": {"enabled": 1}, **wanted})


def _register(world: World, room: Room, *people: str) -> None:
    for person in people:
        first, _, last = PEOPLE[person].partition(" ")
        answers = {"1": first, "2": last, "3": f"{person}@example.com"}
        register_participant(world, Call({"room_id": str(room.id)}, {"registration": answers}))


SEEDS: dict[str, Callable[[World], None] | None] = {"empty": None, "demo": demo}
