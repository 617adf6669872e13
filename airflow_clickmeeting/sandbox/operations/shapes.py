"""Convert times, rooms and links to the JSON that ClickMeeting sends."""

from __future__ import annotations

import html
from datetime import UTC, datetime, tzinfo
from typing import Any

from airflow_clickmeeting.sandbox import links
from airflow_clickmeeting.sandbox.model import Recording, Room
from airflow_clickmeeting.sandbox.world import World


def instant(moment: datetime, zone: tzinfo) -> str:
    """Return a time as ISO 8601 in a time zone, with its offset."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def naive_utc(moment: datetime) -> str:
    """Return a time in UTC without an offset."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def room_object(world: World, room: Room) -> dict[str, Any]:
    """Return a room as the API shows it. Its login hashes differ in every response."""
    now, zone = world.clock.now, room.zone
    status = room.status(now)
    lobby: bool | str = room.lobby_enabled
    if world.switches["lobby_enabled"] == "string":
        lobby = "1" if room.lobby_enabled else "0"
    login = links.autologin_hash()
    shown: dict[str, Any] = {
        "id": room.id,
        "room_type": room.room_type,
        "room_pin": room.pin,
        "name": html.escape(room.name) if world.switches["escape_names"] else room.name,
        "name_url": room.name_url,
        **_schedule(room),
        "access_type": room.access_type,
        "lobby_enabled": lobby,
        "lobby_description": room.lobby_description,
        "registration_enabled": int(room.registration_enabled),
        "status": status,
        "timezone": room.timezone,
        "timezone_offset": _offset(room, now),
        "paid_enabled": 0,
        "automated_enabled": 0,
        "created_at": instant(room.created_at, zone),
        "updated_at": instant(_updated_at(room, now), zone),
        "type": 0,
        "permanent_room": room.permanent_room,
        "access_role_hashes": {role: links.role_hash(now) for role in ("listener", "presenter", "host")},
        "room_url": room.url,
        "phone_presenter_pin": 700_000_000 + room.id,
        "phone_listener_pin": 800_000_000 + room.id,
        "embed_room_url": f"https://embed.clickmeeting.example/embed_conference.html?r=1{room.pin}{room.id}",
        "widgets_hash": f"w{room.id % 100_000:05d}",
        "recorder_list": [recording_url(world, recording) for recording in ready_recordings(room, now)],
        "settings": dict(room.settings),
        "autologin_hashes": {"host": login},
        "autologin_hash": login,
    }
    if room.registration_enabled:
        shown["registration"] = {
            "enabled": True,
            "template": room.registration_template,
            "fields": [{"id": field.id, "label": field.label} for field in room.fields],
        }
    if room.access_type == 2:
        shown["password"] = room.password
    return shown


def _schedule(room: Room) -> dict[str, str]:
    if not room.starts_at or not room.ends_at:
        return {}
    return {
        "starts_at": instant(room.starts_at, room.zone),
        "ends_at": instant(room.ends_at, room.zone),
        "ccc": naive_utc(room.starts_at),
    }


def _offset(room: Room, now: datetime) -> int:
    offset = (room.starts_at or now).astimezone(room.zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _updated_at(room: Room, now: datetime) -> datetime:
    retired = room.retired_at
    return max(room.updated_at, retired) if retired and retired <= now else room.updated_at


def ready_recordings(room: Room, now: datetime) -> list[Recording]:
    """Return the recordings of a room that are ready."""
    return [recording for recording in room.recordings.values() if recording.ready_at <= now]


def recording_url(world: World, recording: Recording) -> str:
    """Return a download link that works for the next five minutes."""
    return signed_url(world, links.recording_path(recording.id, recording.started))


def signed_url(world: World, path: str) -> str:
    """Return a signed link to a path of the file host."""
    return f"{world.media_url.rstrip('/')}{path}?{world.signer.query(path, world.clock.unhurried)}"
