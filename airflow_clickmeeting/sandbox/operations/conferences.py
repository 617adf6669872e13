"""Implement the operations on rooms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow_clickmeeting.sandbox.answers import json_response
from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.errors import REQUIRED, invalid_dates, invalid_fields, not_found, plain
from airflow_clickmeeting.sandbox.forms import Form, flag, integer, text
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.lookup import room_of
from airflow_clickmeeting.sandbox.operations.room_form import apply_changes, duration, free_slug, moment, read_changes
from airflow_clickmeeting.sandbox.operations.shapes import room_object
from airflow_clickmeeting.sandbox.schedule import drop_automatic, end_running

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.calls import Call
    from airflow_clickmeeting.sandbox.world import World

PAGE = 250
MANDATORY = ("name", "room_type", "permanent_room", "access_type")


def list_conferences(world: World, call: Call) -> Any:
    """List the rooms of one status in pages of 250. Without a status, list all rooms, grouped by status."""
    if "status" not in call.ids:
        return {
            f"{status}_conferences": _room_objects(world, _rooms(world, status)) for status in ("active", "inactive")
        }
    status = call.ids["status"]
    rooms = _rooms(world, status)
    page = max(integer(call.form.get("page")) or 1, 1)
    if status == "active" and world.switches.word("active_pages") == "ignored":
        page = 1
    if page > 1 and (page - 1) * PAGE >= len(rooms):
        past_last = world.switches.word("past_last_page")
        if past_last == "404":
            raise not_found("Page")
        if past_last == "repeat":
            page = max((len(rooms) - 1) // PAGE + 1, 1)
    return _room_objects(world, rooms[(page - 1) * PAGE : page * PAGE])


def _rooms(world: World, status: str) -> list[Room]:
    now = world.clock.now
    rooms = world.account.rooms.values()
    return [room for room in rooms if room.status(now) == status and not room.archived(now)]


def _room_objects(world: World, rooms: list[Room]) -> list[dict[str, Any]]:
    return [room_object(world, room) for room in rooms]


def get_conference(world: World, call: Call) -> Any:
    """Return one room in the shape that the switch `room_answer` sets."""
    return _room_response(world, room_of(world, call))


def _room_response(world: World, room: Room) -> Any:
    shown = room_object(world, room)
    return shown if world.switches.word("room_answer") == "flat" else {"conference": shown}


def create_conference(world: World, call: Call) -> Any:
    """Create a room, unless a mandatory parameter is missing or the limit of rooms is reached."""
    limit = world.switches.number("max_rooms")
    if limit and len(_rooms(world, "active")) >= limit:
        raise plain(403, "The limit of rooms is reached.", "LIMIT_REACHED")
    missing = [(name, REQUIRED) for name in MANDATORY if not text(call.form, name)]
    if missing:
        raise invalid_fields(missing)
    room = new_room(world, call.form)
    return json_response({"room": room_object(world, room)}, int(world.switches.word("created_status")))


def new_room(world: World, form: Form, *, past_allowed: bool = False) -> Room:
    """Create a room from a form that has the mandatory parameters."""
    now = floor(world.clock.now, timedelta(seconds=1))
    changes = read_changes(world, form)
    room = Room(0, created_at=now, updated_at=now)
    apply_changes(room, changes)
    if room.access_type == 2 and not room.password:
        raise invalid_fields([("password", REQUIRED)])
    room.name_url = room.name_url or free_slug(world, room.name)
    room.duration = duration(form) or room.duration
    if not room.permanent_room:
        room.starts_at = moment(text(form, "starts_at"), room.zone) or floor(now)
        if room.starts_at < floor(now) and not past_allowed:
            raise invalid_dates("Start date is in the past.")
    room.id = world.account.new_id("room")
    world.account.rooms[room.id] = room
    return room


def update_conference(world: World, call: Call) -> Any:
    """Change the sent parameters of a room, and nothing else."""
    room, form = room_of(world, call), call.form
    rescheduled = "starts_at" in form or "duration" in form
    if rescheduled and not text(form, "permanent_room"):
        raise invalid_fields([("permanent_room", REQUIRED)])
    now = floor(world.clock.now, timedelta(seconds=1))
    changes = read_changes(world, form, room)
    permanent = flag(form["permanent_room"]) if "permanent_room" in form else room.permanent_room
    new_duration = duration(form) or room.duration
    sent = moment(text(form, "starts_at"), ZoneInfo(changes.get("timezone", room.timezone)))
    starts_at = None if permanent else sent or room.starts_at or floor(now)
    if starts_at and starts_at != room.starts_at and starts_at < floor(now):
        raise invalid_dates("Start date is in the past.")
    if changes.get("access_type", room.access_type) == 2 and not (changes.get("password") or room.password):
        raise invalid_fields([("password", REQUIRED)])
    _reschedule(room, starts_at, new_duration, world)
    renamed = changes.get("name", room.name) != room.name
    apply_changes(room, changes)
    if renamed and "name_url" not in changes and world.switches.word("renamed_room") == "new":
        room.name_url = free_slug(world, room.name)
    if room.set_status == "inactive":
        end_running(room, now, now)
    room.updated_at = now
    return _room_response(world, room)


def _reschedule(room: Room, starts_at: datetime | None, new_duration: timedelta, world: World) -> None:
    if (starts_at, new_duration) == (room.starts_at, room.duration):
        return
    now = world.clock.now
    stays = starts_at if starts_at == room.starts_at else None
    end_running(room, stays + new_duration if stays else now, now)
    drop_automatic(room, since=now)  # future sessions exist if a test has set the clock back
    room.starts_at, room.duration, room.set_status = starts_at, new_duration, None


def delete_conference(world: World, call: Call) -> Any:
    """Delete a room with its sessions, recordings, tokens and registrations."""
    as_string = world.switches.word("delete_answer") == "string"
    if as_string and call.id() not in world.account.rooms:
        return json_response("404 Not Found", 404)
    del world.account.rooms[room_of(world, call).id]
    return "200 OK" if as_string else {"result": "OK"}


def check_availability(world: World, call: Call) -> Any:
    """Return OK if no other scheduled room overlaps this time, and an error if one does."""
    start = moment(text(call.form, "start_time"), ZoneInfo("UTC"))
    length = duration(call.form)
    missing = [(name, REQUIRED) for name, value in (("start_time", start), ("duration", length)) if not value]
    if not start or not length:
        raise invalid_fields(missing)
    ignored = integer(call.form.get("id"))
    for room in _rooms(world, "active"):
        taken = room.starts_at and room.ends_at and room.starts_at < start + length and start < room.ends_at
        if taken and room.id != ignored:
            raise plain(422, "This time is already booked.", "NOT_AVAILABLE")
    return {"status": "OK"}
