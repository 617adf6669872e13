"""Implement access tokens and auto-login links."""

from __future__ import annotations

import secrets
from typing import Any

from airflow_clickmeeting.sandbox import attendance, links
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import REQUIRED, invalid, not_found, require, require_address
from airflow_clickmeeting.sandbox.forms import integer, items, text
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.shapes import instant
from airflow_clickmeeting.sandbox.schedule import visible_sessions
from airflow_clickmeeting.sandbox.world import World

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
MAX_TOKENS_PER_CALL = 1000
ROLES = {"listener", "presenter", "host", "moderator", "guest_speaker"}


def _token_room(call: Call) -> Room:
    room = call.room
    if room.access_type != 3:
        raise invalid("This room is not protected by tokens.")
    return room


def generate_tokens(call: Call) -> Any:
    """Add tokens to a room, and return only the new tokens."""
    room = _token_room(call)
    how_many = integer(call.form.get("how_many", 1))
    if how_many is None or not 1 <= how_many <= MAX_TOKENS_PER_CALL:
        raise invalid(f"This value should be from 1 to {MAX_TOKENS_PER_CALL}.", "how_many")
    added = [_add_token(call.world, room, None) for _ in range(how_many)]
    return {"access_tokens": [_token(code, None, None) for code in added]}


def _add_token(world: World, room: Room, email: str | None) -> str:
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(6))
        if not any(code in other.tokens for other in world.account.rooms.values()):
            room.tokens[code] = email
            return code


def list_tokens(call: Call) -> Any:
    """List the tokens of a room, with the time of their first use."""
    room = _token_room(call)
    used: dict[str, str] = {}
    for session in visible_sessions(call.world, room):
        for email, joined in attendance.first_entries(room, session, call.world.clock.now).items():
            used.setdefault(email, instant(joined, room.zone))
    shown = [_token(code, email, used.get((email or "").lower())) for code, email in room.tokens.items()]
    return {"access_tokens": shown}


def _token(code: str, email: str | None, first_use: str | None) -> dict[str, Any]:
    return {"token": code, "sent_to_email": email, "first_use_date": first_use}


def bound_tokens(room: Room, email: str) -> list[str]:
    """Return the tokens that are bound to an e-mail address."""
    return [code for code, bound in room.tokens.items() if (bound or "").lower() == email.lower()]


def bind_token(world: World, room: Room, email: str) -> None:
    """Bind a token of the room to an e-mail address, unless the address has one; `guest_token` decides which."""
    if room.access_type != 3 or bound_tokens(room, email):
        return
    which = world.switches["guest_token"]
    free = next((code for code, bound in room.tokens.items() if bound is None), None)
    if free and which != "new":
        room.tokens[free] = email
    elif which != "free":
        _add_token(world, room, email)


def get_token_by_email(call: Call) -> Any:
    """Return the token of an e-mail address, in the shape that the switch `token_answer` sets."""
    room, email = _token_room(call), text(call.form, "email")
    require(call.form, "email")
    found = bound_tokens(room, email)
    if not found:
        raise not_found("Token")
    return {"array": found, "object": {"token": found[0]}, "string": found[0]}[call.world.switches["token_answer"]]


def deactivate_tokens(call: Call) -> Any:
    """Delete the named tokens. With the switch `empty_deactivate`, an empty list can delete all tokens."""
    room = _token_room(call)
    named = [str(token) for token in items(call.form.get("tokens"))]
    if not named and call.world.switches["empty_deactivate"] == "wipe":
        named = list(room.tokens)
    if not named:
        raise invalid(REQUIRED, "tokens")
    for token in named:
        room.tokens.pop(token, None)
    return {"status": "deleted", "message": "The tokens is not accessible anymore"}


def generate_autologin_url(call: Call) -> Any:
    """Return an auto-login hash for one person with one role."""
    room, form = call.room, call.form
    needed = ["email", "nickname", "role", *{2: ["password"], 3: ["token"]}.get(room.access_type, [])]
    require(form, *needed)
    require_address(text(form, "email"))
    if text(form, "role") not in ROLES:
        raise invalid("This role is unknown.", "role")
    if room.access_type == 2 and text(form, "password") != room.password:
        raise invalid("This password is wrong.", "password")
    if room.access_type == 3 and text(form, "token") not in room.tokens:
        raise invalid("This token is wrong.", "token")
    return {"autologin_hash": links.autologin_hash()}
