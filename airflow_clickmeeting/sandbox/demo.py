"""Fill an account with realistic data for a first visit: rooms in every state, whose ids are always the same."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
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

#: The ids that the example DAGs have as defaults of their params. New rooms come after these.
ROOMS = {
    "Team room": 10000101,
    "Quarterly review": 10000102,
    "Airflow workshop": 10000103,
    "Product launch": 10000104,
    "Board meeting": 10000105,
    "Kick-off": 10000106,
    "Customer training": 10000107,
    "Ask the experts": 10000108,
    "Live demo": 10000109,
    "Onboarding": 10000110,
    "Investor call": 10000111,
    "Customer academy": 10000112,
    "Cancelled webinar": 10000113,
}
#: The sessions that there were, that of the room which is live, and the first of the next ones in the team room.
SESSIONS = {
    "Airflow workshop": 7000002,
    "Quarterly review": 7000003,
    "Kick-off": 7000004,
    "Customer training": 7000005,
    "Ask the experts": 7000006,
    "Live demo": 7000007,
    "Team room": 7000008,
}

PEOPLE = ("ada", "grace", "linus", "marie")
CUSTOMERS = {
    name.split()[0].lower(): name
    for name in (
        *("Ada Lovelace", "Grace Hopper", "Linus Example", "Marie Curie"),
        *("Alan Turing", "Hedy Lamarr", "Katherine Johnson", "Margaret Hamilton", "Barbara Liskov", "Donald Knuth"),
        *("Edsger Dijkstra", "Frances Allen", "Tim Lee", "Radia Perlman", "Dennis Ritchie", "Ken Thompson"),
        *("Joan Clarke", "Niklaus Wirth", "Sophie Wilson", "Vint Cerf", "Leslie Lamport", "Shafi Goldwasser"),
        *("Adele Goldberg", "Karen Jones"),
    )
}
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MEETINGS = 39


def demo(world: World) -> None:
    """Add an account's data. The function sets the clock back and calls the operations of the API, step by step."""
    now = world.clock.now
    hour = floor(now, HOUR)
    world.clock.set(now - 14 * DAY)
    team = add_room(world, {"name": "Team room", "room_type": "meeting", "permanent_room": 1})
    quarterly = _webinar(world, "Quarterly review", hour - 9 * DAY)
    _register(world, quarterly, PEOPLE)
    workshop = _webinar(world, "Airflow workshop", hour - 2 * DAY, settings={"recorder_autostart_enabled": 1})
    _register(world, workshop, ("ada", "linus", "grace"))
    slides = b"Slides of the workshop.\n" * 200
    store(world, "workshop.pdf", len(slides), io.BytesIO(slides), workshop.id)
    store(world, "logo.png", 512, io.BytesIO(slides[:512]), None)

    world.clock.set(now - DAY)
    add_started_sessions(world)
    play(world, quarterly, _REVIEW)
    launch = _webinar(world, "Product launch", hour + DAY)
    add_field(launch, "Company", required=False)
    _register(world, launch, ("ada", "grace", "marie"))
    board = _webinar(world, "Board meeting", hour + 3 * DAY, access_type=3, duration=2, registration={})
    generate_tokens(Call(world, {"room_id": str(board.id)}, {"how_many": 5}))
    _invite(world, board, "grace", "linus")
    _add_other_states(world, now, team)


def _add_other_states(world: World, now: datetime, team: Room) -> None:
    """Add rooms in all states that are left, and the meetings of the next years in the permanent room."""
    today = floor(now, 5 * MINUTE)
    ended = today - 10 * MINUTE - HOUR
    # wherever a day begins, one of the last two met in the last whole day: nightly exports find something
    for name, start in (
        ("Kick-off", today - 120 * DAY),
        ("Customer training", ended - DAY),
        ("Ask the experts", ended),
    ):
        world.clock.set(start - DAY)
        room = _webinar(world, name, start)
        _register(world, room, PEOPLE)
        play(world, room, _REVIEW)
    world.clock.set(now - DAY)
    for name, start in (("Live demo", today - 20 * MINUTE), ("Onboarding", today + 25 * MINUTE)):
        _register(world, _webinar(world, name, start, settings={"recorder_autostart_enabled": 1}), PEOPLE)
    abroad = {"timezone": "America/New_York", "access_type": 2, "password": "sandbox", "registration": {}}
    _webinar(world, "Investor call", today + 10 * DAY, **abroad)
    academy = add_room(world, {"name": "Customer academy", "permanent_room": 1, "registration": {"enabled": 1}})
    _register(world, academy, CUSTOMERS)
    _webinar(world, "Cancelled webinar", today + 5 * DAY, status="inactive")
    _invite(world, team, *PEOPLE)

    world.clock.set(now)
    add_started_sessions(world)
    for number in range(MEETINGS):
        start = today + HOUR + number * 28 * DAY
        play(world, team, {"start": start.isoformat(), "end": (start + 45 * MINUTE).isoformat(), **_MEETING})


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


_MEETING: Mapping[str, Any] = {
    "attendees": [
        {"email": "hanna.host@example.com", "nickname": "Hanna Host", "role": "host"},
        {"email": "ada@example.com", "nickname": "Ada Lovelace", "visits": [(0, 45)]},
        {"email": "grace@example.com", "nickname": "Grace Hopper", "visits": [(2, 20), (22, 45)]},
    ],
    "recordings": [{"size": 500_000}],
}


def _webinar(world: World, name: str, start: datetime, **wanted: Any) -> Room:
    return add_room(world, {"name": name, "starts_at": start.isoformat(), "registration": {"enabled": 1}, **wanted})


def _register(world: World, room: Room, people: Iterable[str]) -> None:
    for person in people:
        first, _, last = CUSTOMERS[person].partition(" ")
        answers = {"1": first, "2": last, "3": f"{person}@example.com"}
        register_participant(Call(world, {"room_id": str(room.id)}, {"registration": answers}))


def _invite(world: World, room: Room, *people: str) -> None:
    invited = [{"email": f"{person}@example.com"} for person in people]
    send_invitation(Call(world, {"room_id": str(room.id), "lang": "en"}, {"attendees": invited}))


SEEDS: dict[str, Callable[[World], None] | None] = {"empty": None, "demo": demo}
