"""Recordings."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox.answers import json_answer
from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.model import Recording
from airflow_clickmeeting.sandbox.operations.lookup import room_of
from airflow_clickmeeting.sandbox.operations.shapes import (
    instant,
    naive_utc,
    ready_recordings,
    recording_url,
)

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.calls import Call
    from airflow_clickmeeting.sandbox.world import World


def list_recordings(world: World, call: Call) -> Any:
    """List the recordings of a room; that there are none is an error in the disguise of a success."""
    room = room_of(world, call)
    listed = [_item(world, recording) for recording in ready_recordings(room, world.clock.now)]
    none = world.switches.word("no_recordings")
    if listed or none == "empty":
        return listed
    error = not_found()
    if none == "404":
        raise error
    return json_answer(error.body(code_as_string=world.switches.word("error_code") == "string"))


def list_all_recordings(world: World, call: Call) -> Any:
    """List the recordings of the whole account."""
    return [
        {**_item(world, recording), "conference_id": room.id}
        for room in world.account.rooms.values()
        for recording in ready_recordings(room, world.clock.now)
    ]


def _item(world: World, recording: Recording) -> dict[str, Any]:
    size: int | str = recording.size if world.switches.word("sizes") == "int" else str(recording.size)
    return {
        "id": recording.id,
        "recording_url": recording_url(world, recording),
        "recording_duration": recording.duration,
        "recorder_started": naive_utc(recording.started),
        "recorder_start_date": instant(recording.started, UTC),
        "recording_file_size": size,
        "recording_name": recording.name,
    }


def delete_recording(world: World, call: Call) -> Any:
    """Delete one recording."""
    room = room_of(world, call)
    if not room.recordings.pop(call.id("recording_id"), None):
        raise not_found("Recording")
    return {"STATUS": "OK"}


def delete_all_recordings(world: World, call: Call) -> Any:
    """Delete the recordings of a room that are there by now."""
    room = room_of(world, call)
    for recording in ready_recordings(room, world.clock.now):
        del room.recordings[recording.id]
    return {"STATUS": "OK"}
