"""Implement registrations and invitations."""

from __future__ import annotations

from typing import Any

from airflow_clickmeeting.sandbox import attendance, links
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import REQUIRED, invalid, plain, require, require_address
from airflow_clickmeeting.sandbox.forms import flag, group, items, text
from airflow_clickmeeting.sandbox.model import ACCOUNT_HOST, EMAIL, FIRST_NAME, LAST_NAME, Registration, Room
from airflow_clickmeeting.sandbox.operations.shapes import instant
from airflow_clickmeeting.sandbox.operations.tokens import bind_token
from airflow_clickmeeting.sandbox.schedule import visible_sessions
from airflow_clickmeeting.sandbox.world import World


def _open_room(call: Call) -> Room:
    room = call.room
    if not room.registration_enabled:
        raise plain(422, "Registration is disabled.", "REGISTRATION_DISABLED")
    return room


def register_participant(call: Call) -> Any:
    """Register a person and return a join link. A second registration returns the same link."""
    room = _open_room(call)
    answers = group(call.form, "registration")
    require(answers, *(field.id for field in room.fields if field.required))
    email = text(answers, str(EMAIL))
    require_address(email)
    confirmation = group(call.form, "confirmation_email")
    mailed = flag(confirmation.get("enabled"))
    known = room.registrations.get(email.lower())
    limit = call.world.switches["max_registrations"]
    if limit and not known and len(room.registrations) >= limit:
        raise plain(403, "The limit of registrations is reached.", "LIMIT_REACHED")
    registration = known or _register(call.world, room, email, answers, confirmed=not mailed)
    if mailed:
        _mail(call.world, room, email, "confirmation", lang=text(confirmation, "lang") or "en")
    return {"status": "OK", "exist": int(known is not None), "url": _url(room, registration), "r": registration.r}


def _mail(world: World, room: Room, recipient: str, kind: str, **details: str) -> None:
    """Add a mail to the outbox."""
    mail = {"recipient": recipient, "kind": kind, "room_id": room.id, "time": world.clock.now.isoformat(), **details}
    world.account.outbox.append(mail)


def _register(world: World, room: Room, email: str, answers: dict[str, Any], *, confirmed: bool) -> Registration:
    now, new_id = world.clock.now, world.account.new_id("registration")
    nickname = f"{text(answers, str(FIRST_NAME))} {text(answers, str(LAST_NAME))}".strip()
    fields = {field.label: text(answers, str(field.id)) or None for field in room.fields}
    secret = links.registration_hash(room.pin, new_id, email, nickname)
    registration = Registration(new_id, email, nickname, now, fields, secret, now if confirmed else None)
    room.registrations[email.lower()] = registration
    attendance.get_or_add_guest(world, room, email, nickname)
    bind_token(world, room, email)
    return registration


def _url(room: Room, registration: Registration) -> str:
    return f"https://{ACCOUNT_HOST}/{room.pin}?r={registration.r}"


def list_registrations(call: Call) -> Any:
    """List the registrations. With the status `active`, list only people who have not attended a session."""
    room = _open_room(call)
    attended: dict[str, int] = {}
    for session in visible_sessions(call.world, room):
        for email in attendance.first_entries(room, session, call.world.clock.now):
            attended.setdefault(email, session.id)
    listed = [_item(call.world, room, one, attended.get(email)) for email, one in room.registrations.items()]
    if call.ids.get("status") == "active":
        return [item for item in listed if item["session_id"] is None]
    return listed


def list_session_registrations(call: Call) -> Any:
    """List the registrations of the people who attended a session."""
    room, session = call.room, call.session
    attended = attendance.first_entries(room, session, call.world.clock.now)
    return [_item(call.world, room, one, session.id) for email, one in room.registrations.items() if email in attended]


def _item(world: World, room: Room, registration: Registration, session_id: int | None) -> dict[str, Any]:
    confirmed = registration.confirmed or (registration.at if session_id else None)
    unconfirmed = "null" if world.switches["unconfirmed"] == "string" else None
    return {
        "id": registration.id,
        "visitor_nickname": registration.nickname,
        "email": registration.email,
        "registration_date": instant(registration.at, room.zone),
        "registration_confirmed": instant(confirmed, room.zone) if confirmed else unconfirmed,
        "session_id": session_id,
        "fields": registration.fields,
        "url": _url(room, registration),
        "r": registration.r,
        "http_referer": None,
        "geo": {"country": None, "city": None},
    }


def send_invitation(call: Call) -> Any:
    """Add invitations to the outbox. In a room with tokens, each e-mail address gets a token."""
    room, form = call.room, call.form
    people = [one if isinstance(one, dict) else {} for one in items(form.get("attendees"))]
    if not people or not all(text(one, "email") for one in people):
        raise invalid(REQUIRED, "attendees")
    template, role = text(form, "template") or "advanced", text(form, "role") or "listener"
    if template not in {"basic", "advanced"}:
        raise invalid("This template is unknown.", "template")
    roles = [text(one, "role") or role for one in people]
    if not {role, *roles} <= {"listener", "presenter"}:
        raise invalid("This role is unknown.", "role")
    for one in people:
        require_address(text(one, "email"))
    for one, own_role in zip(people, roles, strict=True):
        email = text(one, "email")
        name = f"{text(one, 'firstname')} {text(one, 'lastname')}".strip() or email.partition("@")[0]
        attendance.get_or_add_guest(call.world, room, email, name).role = own_role
        bind_token(call.world, room, email)
        _mail(call.world, room, email, "invitation", lang=call.ids["lang"], role=own_role, template=template)
    return {"status": "OK"}
