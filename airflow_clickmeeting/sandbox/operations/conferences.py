"""Implement the operations on rooms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_clickmeeting.sandbox.answers import json_response
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.errors import invalid_dates, not_found, plain, require
from airflow_clickmeeting.sandbox.forms import Form, flag, integer
from airflow_clickmeeting.sandbox.model import Room
from airflow_clickmeeting.sandbox.operations.room_form import apply_changes, duration, free_slug, moment, read_changes
from airflow_clickmeeting.sandbox.operations.shapes import room_object
from airflow_clickmeeting.sandbox.schedule import drop_automatic, end_running
from airflow_clickmeeting.sandbox.world import World

PAGE = 250
MANDATORY = ("name", "room_type", "permanent_room", "access_type")


def list_conferences(call: Call) -> Any:
    """List the rooms of one status in pages of 250. Without a status, list all rooms, grouped by status."""
    world = call.world
    if "status" not in call.ids:
        return {f"{status}_conferences": _shown(world, _rooms(world, status)) for status in ("active", "inactive")}
    # the published component for elastic.io asks for "Active"; whether ClickMeeting accepts that is unproven
    status = call.ids["status"].lower()
    rooms = _rooms(world, status)
    page = max(integer(call.form.get("page")) or 1, 1)
    if status == "active" and world.switches["active_pages"] == "ignored":
        page = 1
    if page > 1 and (page - 1) * PAGE >= len(rooms):
        past_last = world.switches["past_last_page"]
        if past_last == "404":
            raise not_found("Page")
        if past_last == "repeat":
            page = max((len(rooms) - 1) // PAGE + 1, 1)
    return _shown(world, rooms[(page - 1) * PAGE : page * PAGE])


def _rooms(world: World, status: str) -> list[Room]:
    now = world.clock.now
    rooms = world.account.rooms.values()
    return [room for room in rooms if room.status(now) == status and not room.archived(now)]


def _shown(world: World, rooms: list[Room]) -> list[dict[str, Any]]:
    return [room_object(world, room) for room in rooms]


def get_conference(call: Call) -> Any:
    """Return one room in the shape that the switch `room_answer` sets."""
    shown = room_object(call.world, call.room)
    return shown if call.world.switches["room_answer"] == "flat" else {"conference": shown}


def create_conference(call: Call) -> Any:
    """Create a room, unless a mandatory parameter is missing or the limit of rooms is reached."""
    limit = call.world.switches["max_rooms"]
    if limit and len(_rooms(call.world, "active")) >= limit:
        raise plain(403, "The limit of rooms is reached.", "LIMIT_REACHED")
    require(call.form, *MANDATORY)
    room = new_room(call.world, call.form)
    return json_response({"room": room_object(call.world, room)}, int(call.world.switches["created_status"]))


def new_room(world: World, form: Form, *, past_allowed: bool = False) -> Room:
    """Create a room from a form that has the mandatory parameters."""
    now = floor(world.clock.now, timedelta(seconds=1))
    changes = read_changes(world, form)
    room = Room(0, created_at=now, updated_at=now)
    apply_changes(room, changes)
    if room.access_type == 2:
        require({"password": room.password}, "password")
    room.name_url = room.name_url or free_slug(world, room.name)
    room.duration = duration(form, room.duration)
    if not room.permanent_room:
        room.starts_at = moment(form, "starts_at", room.zone, now)
        if room.starts_at < floor(now) and not past_allowed:
            raise invalid_dates("Start date is in the past.")
    room.id = world.account.new_id("room")
    world.account.rooms[room.id] = room
    return room


def update_conference(call: Call) -> Any:
    """Change the sent parameters of a room, and nothing else."""
    room, form = call.room, call.form
    if "starts_at" in form or "duration" in form:
        require(form, "permanent_room")
    now = floor(call.world.clock.now, timedelta(seconds=1))
    changes = read_changes(call.world, form, room)
    permanent = flag(form["permanent_room"]) if "permanent_room" in form else room.permanent_room
    new_duration = duration(form, room.duration)
    start = moment(form, "starts_at", ZoneInfo(changes.get("timezone", room.timezone)), room.starts_at or now)
    starts_at = None if permanent else start
    if starts_at and starts_at != room.starts_at and starts_at < floor(now):
        raise invalid_dates("Start date is in the past.")
    if changes.get("access_type", room.access_type) == 2:
        require({"password": changes.get("password") or room.password}, "password")
    _reschedule(room, starts_at, new_duration, call.world)
    renamed = changes.get("name", room.name) != room.name
    apply_changes(room, changes)
    if renamed and "name_url" not in changes and call.world.switches["renamed_room"] == "new":
        room.name_url = free_slug(call.world, room.name)
    if room.set_status == "inactive":
        end_running(room, now, now)
    room.updated_at = now
    return get_conference(call)


def _reschedule(room: Room, starts_at: datetime | None, new_duration: timedelta, world: World) -> None:
    if (starts_at, new_duration) == (room.starts_at, room.duration):
        return
    now = world.clock.now
    stays = starts_at if starts_at == room.starts_at else None
    end_running(room, stays + new_duration if stays else now, now)
    drop_automatic(room, since=now)  # future sessions exist if a test has set the clock back
    room.starts_at, room.duration, room.set_status = starts_at, new_duration, None


def delete_conference(call: Call) -> Any:
    """Delete a room with its sessions, recordings, tokens and registrations."""
    answer = call.world.switches["delete_answer"]
    as_string = answer == "string" or (answer == "by_extension" and not call.has_extension)
    if as_string and call.id() not in call.world.account.rooms:
        return json_response("404 Not Found", 404)
    del call.world.account.rooms[call.room.id]
    return "200 OK" if as_string else {"result": "OK"}


def check_availability(call: Call) -> Any:
    """Return OK if no other scheduled room overlaps this time, and an error if one does."""
    require(call.form, "start_time", "duration")
    start, length = moment(call.form, "start_time", UTC, call.world.clock.now), duration(call.form, timedelta())
    ignored = integer(call.form.get("id"))
    for room in _rooms(call.world, "active"):
        taken = room.starts_at and room.ends_at and room.starts_at < start + length and start < room.ends_at
        if taken and room.id != ignored:
            raise plain(422, "This time is already booked.", "NOT_AVAILABLE")
    return {"status": "OK"}
