"""Implement registrations and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox import attendance, links
from airflow_clickmeeting.sandbox.errors import REQUIRED, ApiError, invalid, invalid_fields, plain
from airflow_clickmeeting.sandbox.forms import flag, group, items, text
from airflow_clickmeeting.sandbox.model import ACCOUNT_HOST, EMAIL, FIRST_NAME, LAST_NAME, Mail, Registration, Room
from airflow_clickmeeting.sandbox.operations.account import EMAIL as ADDRESS
from airflow_clickmeeting.sandbox.operations.lookup import room_of, session_of, visible_sessions
from airflow_clickmeeting.sandbox.operations.shapes import instant
from airflow_clickmeeting.sandbox.operations.tokens import bind_token

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.calls import Call
    from airflow_clickmeeting.sandbox.world import World


def _disabled() -> ApiError:
    return plain(422, "Registration is disabled.", "REGISTRATION_DISABLED")


def register_participant(world: World, call: Call) -> Any:
    """Register a person and return a join link. A second registration returns the same link."""
    room = room_of(world, call)
    if not room.registration_enabled:
        raise _disabled()
    answers = group(call.form, "registration")
    missing = [(field.id, REQUIRED) for field in room.fields if field.required and not text(answers, str(field.id))]
    if missing:
        raise invalid_fields(missing)
    email = text(answers, str(EMAIL))
    if not ADDRESS.fullmatch(email):
        raise invalid("E-mail address is not valid.")
    confirmation = group(call.form, "confirmation_email")
    mailed = flag(confirmation.get("enabled"))
    known = room.registrations.get(email.lower())
    limit = world.switches.number("max_registrations")
    if limit and not known and len(room.registrations) >= limit:
        raise plain(403, "The limit of registrations is reached.", "LIMIT_REACHED")
    registration = known or _register(world, room, email, answers, confirmed=not mailed)
    if mailed:
        lang = text(confirmation, "lang") or "en"
        world.account.outbox.append(Mail(email, "confirmation", room.id, world.clock.now, lang))
    return {"status": "OK", "exist": int(known is not None), "url": _url(room, registration), "r": registration.r}


def _register(world: World, room: Room, email: str, answers: dict[str, Any], *, confirmed: bool) -> Registration:
    now = world.clock.now
    nickname = f"{text(answers, str(FIRST_NAME))} {text(answers, str(LAST_NAME))}".strip()
    registration_id = world.account.new_id("registration")
    registration = Registration(
        id=registration_id,
        email=email,
        nickname=nickname,
        at=now,
        fields={field.label: text(answers, str(field.id)) or None for field in room.fields},
        r=links.registration_hash(room.pin, registration_id, email, nickname),
        confirmed=now if confirmed else None,
    )
    room.registrations[email.lower()] = registration
    attendance.get_or_add_guest(world.account, room, email, nickname, now)
    bind_token(room, email)
    return registration


def _url(room: Room, registration: Registration) -> str:
    return f"https://{ACCOUNT_HOST}/{room.pin}?r={registration.r}"


def list_registrations(world: World, call: Call) -> Any:
    """List the registrations. With the status `active`, list only people who have not attended a session."""
    room = room_of(world, call)
    if not room.registration_enabled:
        raise _disabled()
    attended: dict[str, int] = {}
    for session in visible_sessions(world, room):
        for email in attendance.first_entries(room, session, world.clock.now):
            attended.setdefault(email, session.id)
    listed = [_item(world, room, one, attended.get(email)) for email, one in room.registrations.items()]
    if call.ids.get("status") == "active":
        return [item for item in listed if item["session_id"] is None]
    return listed


def list_session_registrations(world: World, call: Call) -> Any:
    """List the registrations of the people who attended a session."""
    room, session = session_of(world, call)
    attended = attendance.first_entries(room, session, world.clock.now)
    return [
        _item(world, room, registration, session.id)
        for email, registration in room.registrations.items()
        if email in attended
    ]


def _item(world: World, room: Room, registration: Registration, session_id: int | None) -> dict[str, Any]:
    confirmed = registration.confirmed or (registration.at if session_id else None)
    unconfirmed = "null" if world.switches.word("unconfirmed") == "string" else None
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


def send_invitation(world: World, call: Call) -> Any:
    """Add invitations to the outbox. In a room with tokens, bind a token to each e-mail address."""
    room, form = room_of(world, call), call.form
    emails = [text(one, "email") for one in items(form.get("attendees")) if isinstance(one, dict)]
    if not emails or not all(emails):
        raise invalid_fields([("attendees", REQUIRED)])
    if not all(ADDRESS.fullmatch(email) for email in emails):
        raise invalid("E-mail address is not valid.")
    role, template = text(form, "role") or "listener", text(form, "template") or "advanced"
    if role not in {"listener", "presenter"}:
        raise invalid_fields([("role", "This role is unknown.")])
    if template not in {"basic", "advanced"}:
        raise invalid_fields([("template", "This template is unknown.")])
    now = world.clock.now
    for one, email in zip(items(form["attendees"]), emails, strict=True):
        name = f"{text(one, 'firstname')} {text(one, 'lastname')}".strip()
        attendance.get_or_add_guest(world.account, room, email, name or email.partition("@")[0], now).role = role
        bind_token(room, email)
        details = {"role": role, "template": template}
        world.account.outbox.append(Mail(email, "invitation", room.id, now, call.ids["lang"], details))
    return {"status": "OK"}
