"""Serve the control endpoints under /_sandbox/. They take JSON, return JSON and need no API key."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_clickmeeting.sandbox import routes, schedule, scripts
from airflow_clickmeeting.sandbox.errors import ApiError
from airflow_clickmeeting.sandbox.forms import flag
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.shapes import room_object

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_clickmeeting.sandbox.world import World

Body = Mapping[str, Any]
Endpoint = Callable[["World", Body], Any]


def _clock(world: World, body: Body) -> Any:
    if "set" in body:
        to = datetime.fromisoformat(body["set"])
        world.clock.set(to if to.tzinfo else to.replace(tzinfo=UTC))
    if "advance" in body:
        world.clock.advance(timedelta(seconds=float(body["advance"])))
    if "speed" in body:
        world.clock.set_speed(float(body["speed"]))
    return {"now": world.clock.now.isoformat(), "speed": world.clock.speed}


def _switches(world: World, body: Body) -> Any:
    world.switches.set(body)
    return world.switches.as_dict()


def _faults(world: World, body: Body) -> Any:
    if body:
        world.faults.order(body, routes.NAMES)
    return [dataclasses.asdict(fault) for fault in world.faults.ordered]


def _clear_faults(world: World, body: Body) -> Any:
    world.faults.ordered.clear()
    return []


def _requests(world: World, body: Body) -> Any:
    return {"counts": world.requests.counts, "log": world.requests.entries_for(body.get("operation"))}


def _counts(world: World, body: Body) -> Any:
    return world.requests.counts


def _forget_requests(world: World, body: Body) -> Any:
    world.requests.clear()
    return {}


def _room(world: World, body: Body) -> Room:
    room = world.account.rooms.get(int(body["room_id"]))
    if not room:
        raise ValueError(f"Room {body['room_id']} does not exist. GET /_sandbox/state lists the rooms.")
    return room


def _play(world: World, body: Body) -> Any:
    return {"id": scripts.play(world, _room(world, body), body).id}


def _add_room(world: World, body: Body) -> Any:
    return room_object(world, scripts.add_room(world, body))


def _add_recording(world: World, body: Body) -> Any:
    return {"id": scripts.add_recording(world, _room(world, body), body).id}


def _add_field(world: World, body: Body) -> Any:
    required = flag(body.get("required", False))
    return {"id": scripts.add_field(_room(world, body), str(body["label"]), required=required)}


def _bulk(world: World, body: Body) -> Any:
    numbers = ("rooms", "sessions_per_room", "attendees_per_session")
    scripts.bulk(world, *(int(body[number]) for number in numbers))
    return {}


def _outbox(world: World, body: Body) -> Any:
    return [
        {
            "recipient": mail.recipient,
            "kind": mail.kind,
            "room_id": mail.room_id,
            "time": mail.at.isoformat(),
            "lang": mail.lang,
            **mail.details,
        }
        for mail in world.account.outbox
    ]


def _state(world: World, body: Body) -> Any:
    account, now = world.account, world.clock.now
    schedule.add_started_sessions(account, world.switches, now)
    rooms = [_room_state(room, now) for room in account.rooms.values()]
    counted = ("tokens", "registrations", "sessions", "recordings")
    return {
        "now": now.isoformat(),
        "counts": {
            "rooms": len(rooms),
            **{name: sum(len(room[name]) for room in rooms) for name in counted},
            "contacts": len(account.contacts),
            "files": len(account.files),
            "mails": len(account.outbox),
        },
        "rooms": rooms,
        "contacts": list(account.contacts.values()),
        "files": [
            {"id": one.id, "name": one.name, "size": one.size, "room_id": one.room_id} for one in account.files.values()
        ],
    }


def _room_state(room: Room, now: datetime) -> dict[str, Any]:
    return {
        "id": room.id,
        "name": room.name,
        "status": room.status(now),
        "starts_at": room.starts_at and room.starts_at.isoformat(),
        "ends_at": room.starts_at and (room.starts_at + room.duration).isoformat(),
        "tokens": [dataclasses.asdict(token) for token in room.tokens.values()],
        "registrations": [registration.email for registration in room.registrations.values()],
        "sessions": [session.id for session in room.sessions],
        "recordings": list(room.recordings),
    }


def _reset(world: World, body: Body) -> Any:
    world.reset()
    return {}


ENDPOINTS: dict[tuple[str, str], tuple[Endpoint, str]] = {
    ("GET", "clock"): (_clock, "return the sandbox's time and speed"),
    ("POST", "clock"): (
        _clock,
        'change the clock: {"advance": seconds}, {"set": "2026-01-31T10:00:00+01:00"} or {"speed": 60}',
    ),
    ("GET", "switches"): (_switches, "return the value of each switch"),
    ("POST", "switches"): (_switches, 'set switches: {"sizes": "int", ...}'),
    ("GET", "faults"): (_faults, "return the ordered faults that are not delivered yet"),
    ("POST", "faults"): (
        _faults,
        'order a fault: {"operation": "list_sessions", "kind": "429", "times": 2, "retry_after": 1}',
    ),
    ("DELETE", "faults"): (_clear_faults, "remove all ordered faults"),
    ("GET", "requests"): (
        _requests,
        "return counts and log of the requests; ?operation=NAME selects one operation in the log",
    ),
    ("GET", "requests/counts"): (_counts, "return the number of requests for each operation"),
    ("DELETE", "requests"): (_forget_requests, "clear counts and log"),
    ("POST", "rooms"): (_add_room, 'create a room, also in the past: {"name": ..., "starts_at": ...}'),
    ("POST", "fields"): (
        _add_field,
        'add a question to a registration form: {"room_id": ..., "label": "Company", "required": true}',
    ),
    ("POST", "sessions"): (
        _play,
        'add a scripted session: {"room_id": ..., "start", "end", "attendees", "count", "recordings", "chat"}',
    ),
    ("POST", "recordings"): (
        _add_recording,
        'add a recording: {"room_id": ..., "size": bytes, "duration", "ready_at", "name"}',
    ),
    ("POST", "bulk"): (
        _bulk,
        'add many ended webinars: {"rooms": 200, "sessions_per_room": 5, "attendees_per_session": 100}',
    ),
    ("GET", "outbox"): (_outbox, "return the mails that ClickMeeting would send"),
    ("GET", "state"): (_state, "return everything in the account"),
    ("POST", "reset"): (_reset, "reset data, clock, switches, faults and log to the start"),
}


def _index(world: World, body: Body) -> Any:
    return {f"{method} /_sandbox/{path}": about for (method, path), (_, about) in ENDPOINTS.items()}


def _unknown_endpoint(world: World, body: Body) -> Any:
    raise ValueError("This control endpoint does not exist. GET /_sandbox/ lists all control endpoints.")


async def control(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one control request. A wrong value gives HTTP 400 with an explanation under `error`."""
    request = Request(scope, receive)
    path = request.url.path.removeprefix("/_sandbox").strip("/")
    endpoint, _ = ENDPOINTS.get((request.method, path), (_unknown_endpoint if path else _index, ""))
    try:
        body = json.loads(await request.body() or "{}")
        response = JSONResponse(endpoint(world, {**request.query_params, **body}))
    except ApiError as error:
        explained = "; ".join(f"{name}: {message}" for name, message in error.errors)
        response = JSONResponse({"error": explained}, 400)
    except KeyError as error:
        response = JSONResponse({"error": f"The key {error} is missing. Add {error} to the JSON body."}, 400)
    except (ValueError, TypeError) as error:
        response = JSONResponse({"error": str(error)}, 400)
    await response(scope, receive, send)
