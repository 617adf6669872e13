"""Implement the operations on recordings."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.model import Recording, Room
from airflow_clickmeeting.sandbox.operations.shapes import instant, naive_utc, ready_recordings, recording_url
from airflow_clickmeeting.sandbox.world import World


def list_recordings(call: Call) -> Any:
    """List the recordings of a room. For a room without recordings, ClickMeeting sends an error with status 200."""
    listed = [_item(call.world, recording) for recording in _listed(call.world, call.room)]
    none = call.world.switches["no_recordings"]
    if listed or none == "empty":
        return listed
    error = not_found()
    error.status = 200 if none == "error200" else 404
    raise error


def list_all_recordings(call: Call) -> Any:
    """List all recordings of the account. The switch `all_recordings` sets the key of the room's id."""
    key = call.world.switches["all_recordings"]
    if key == "404":
        raise not_found("Resource")
    return [
        {**_item(call.world, recording), **({} if key == "bare" else {key: room.id})}
        for room in call.world.account.rooms.values()
        for recording in _listed(call.world, room)
    ]


def _listed(world: World, room: Room) -> list[Recording]:
    """Return the recordings that lists show now: the ready ones and, depending on a switch, the unready ones."""
    now = world.clock.now
    if world.switches["unready_recordings"] == "hidden":
        return ready_recordings(room, now)
    return [recording for recording in room.recordings.values() if min(recording.ended, recording.ready_at) <= now]


def _item(world: World, recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.id,
        "recording_url": recording_url(world, recording),
        "recording_duration": recording.duration,
        "recorder_started": naive_utc(recording.started),
        "recorder_start_date": instant(recording.started, UTC),
        "recording_file_size": _size(world, recording),
        "recording_name": recording.name,
    }


def _size(world: World, recording: Recording) -> int | str | None:
    """Return the current size. The size of an unready recording is null or grows from one byte."""
    size, now = recording.size, world.clock.now
    if now < recording.ready_at:
        if world.switches["unready_recordings"] == "sizeless":
            return None
        share = (now - recording.ended) / (recording.ready_at - recording.ended)
        size = 1 + int((recording.size - 1) * share)
    return size if world.switches["sizes"] == "int" else str(size)


def delete_recording(call: Call) -> Any:
    """Delete one recording of a room."""
    if not call.room.recordings.pop(call.id("recording_id"), None):
        raise not_found("Recording")
    return {"STATUS": "OK"}


def delete_all_recordings(call: Call) -> Any:
    """Delete the recordings that the list of a room shows. Hidden recordings stay."""
    room = call.room
    for recording in _listed(call.world, room):
        del room.recordings[recording.id]
    return {"STATUS": "OK"}
