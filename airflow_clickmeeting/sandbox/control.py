"""Serve the control endpoints under /_sandbox/. They return JSON; those that change anything need JSON and a token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from airflow_clickmeeting.sandbox import api, schedule, scripts
from airflow_clickmeeting.sandbox.access import write_refusal
from airflow_clickmeeting.sandbox.clock import read_moment
from airflow_clickmeeting.sandbox.errors import ApiError
from airflow_clickmeeting.sandbox.forms import flag, read_object
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.shapes import room_object
from airflow_clickmeeting.sandbox.overview import next_event, overview
from airflow_clickmeeting.sandbox.scripts import Body
from airflow_clickmeeting.sandbox.world import World

Endpoint = Callable[[World, Body], Any]


def _clock(world: World, body: Body) -> Any:
    return {"now": world.clock.now.isoformat(), "speed": world.clock.speed}


def _set_clock(world: World, body: Body) -> Any:
    to = read_moment(body["set"]) if "set" in body else world.clock.now
    if body.get("to") == "next event" and (event := next_event(world)):
        to = event[0]
    to += timedelta(seconds=float(body.get("advance", 0)))
    world.clock.set(to, float(body.get("speed", world.clock.speed)))
    return _clock(world, body)


def _faults(world: World, body: Body) -> Any:
    return [dataclasses.asdict(fault) for fault in world.faults.ordered]


def _order_fault(world: World, body: Body) -> Any:
    world.faults.order(body, api.NAMES)
    return _faults(world, body)


def _requests(world: World, body: Body) -> Any:
    return {"counts": world.requests.counts, "log": world.requests.entries_for(body.get("operation"))}


def _room(world: World, body: Body) -> Room:
    room = world.account.rooms.get(int(body["room_id"]))
    if not room:
        raise ValueError(f"Room {body['room_id']} does not exist. GET /_sandbox/state lists the rooms.")
    return room


def _add_field(world: World, body: Body) -> Any:
    required = flag(body.get("required", False))
    return {"id": scripts.add_field(_room(world, body), str(body["label"]), required=required)}


def _add_mail(world: World, body: Body) -> Any:
    texts = {key: body[key] for key in ("sender", "recipient", "subject")}
    texts |= {key: body.get(key, "") for key in ("text", "html")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{', '.join(texts)} must be texts.")
    world.account.outbox.append({"kind": "other", "time": world.clock.now.isoformat(), **texts})


def _state(world: World, body: Body) -> Any:
    account, now = world.account, world.clock.now
    schedule.add_started_sessions(world)
    rooms = [_room_state(room, now) for room in account.rooms.values()]
    files = [{name: getattr(one, name) for name in ("id", "name", "size", "room_id")} for one in account.files.values()]
    state = {"rooms": rooms, "contacts": list(account.contacts.values()), "files": files}
    counted = ("tokens", "registrations", "sessions", "recordings")
    counts = {
        **{name: len(listed) for name, listed in state.items()},
        **{name: sum(len(room[name]) for room in rooms) for name in counted},
        "mails": len(account.outbox),
    }
    return {"now": now.isoformat(), "counts": counts, **state}


def _room_state(room: Room, now: datetime) -> dict[str, Any]:
    return {
        "id": room.id,
        "name": room.name,
        "status": room.status(now),
        "starts_at": room.starts_at and room.starts_at.isoformat(),
        "ends_at": room.ends_at and room.ends_at.isoformat(),
        "tokens": [{"token": token, "sent_to_email": email} for token, email in room.tokens.items()],
        "registrations": [registration.email for registration in room.registrations.values()],
        "sessions": [session.id for session in room.sessions],
        "recordings": list(room.recordings),
    }


# GET changes nothing; all other methods need the token. An endpoint without a result returns an empty object.
ENDPOINTS: dict[tuple[str, str], tuple[Endpoint, str]] = {
    ("GET", "clock"): (_clock, "return the sandbox's time and speed"),
    ("POST", "clock"): (
        _set_clock,
        'move the clock: {"advance": seconds}, {"set": "2026-01-31T10:00"}, {"to": "next event"} or {"speed": 60}',
    ),
    ("GET", "switches"): (lambda world, body: world.switches.as_dict(), "return the value of each switch"),
    ("POST", "switches"): (lambda world, body: world.switches.set(body), 'set switches: {"sizes": "int", ...}'),
    ("GET", "faults"): (_faults, "return the ordered faults that are not delivered yet"),
    ("POST", "faults"): (
        _order_fault,
        'order a fault: {"operation": "list_sessions", "kind": "429", "times": 2, "retry_after": 1}',
    ),
    ("DELETE", "faults"): (lambda world, body: world.faults.ordered.clear(), "remove all ordered faults"),
    ("GET", "requests"): (_requests, "return counts and log of the requests; ?operation=NAME limits the log to one"),
    ("GET", "requests/counts"): (lambda world, body: world.requests.counts, "return how often each operation was sent"),
    ("DELETE", "requests"): (lambda world, body: world.requests.clear(), "clear counts and log"),
    ("POST", "rooms"): (
        lambda world, body: room_object(world, scripts.add_room(world, body)),
        'create a room, also in the past: {"name": ..., "starts_at": ...}',
    ),
    ("POST", "fields"): (
        _add_field,
        'add a question to a form: {"room_id": ..., "label": "Age", "required": true}',
    ),
    ("POST", "sessions"): (
        lambda world, body: {"id": scripts.play(world, _room(world, body), body).id},
        'add a scripted session: {"room_id": ..., "start", "end", "attendees", "count", "recordings", "chat"}',
    ),
    ("POST", "recordings"): (
        lambda world, body: {"id": scripts.add_recording(world, _room(world, body), body).id},
        'add a recording: {"room_id": ..., "size": bytes, "duration", "ready_at", "name"}',
    ),
    ("POST", "bulk"): (
        scripts.bulk,
        'add many ended webinars: {"rooms": 200, "sessions_per_room": 5, "attendees_per_session": 100}',
    ),
    ("POST", "mails"): (
        _add_mail,
        'show a mail of another sender: {"sender", "recipient", "subject", "text", "html"}',
    ),
    ("GET", "outbox"): (lambda world, body: world.account.outbox, "return the mails that ClickMeeting would send"),
    ("GET", "overview"): (lambda world, body: overview(world), "return what the sandbox's page shows"),
    ("GET", "state"): (_state, "return everything in the account"),
    ("POST", "reset"): (lambda world, body: world.reset(), "reset data, clock, switches, faults and log to the start"),
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
    is_write = request.method != "GET"
    if is_write and (refusal := write_refusal(scope, world.token)):
        await JSONResponse({"error": refusal}, 403)(scope, receive, send)
        return
    try:
        body = read_object(await request.body()) if is_write else dict(request.query_params)
        result = endpoint(world, body)
        response = JSONResponse({} if result is None else result)
    except KeyError as error:
        response = JSONResponse({"error": f"The key {error} is missing. Add {error} to the JSON body."}, 400)
    except (ApiError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        response = JSONResponse({"error": str(error)}, 400)
    await response(scope, receive, send)
