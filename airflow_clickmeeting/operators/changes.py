"""Changes a room, and tells whether people have to be told its new address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_clickmeeting.api.shapes import Room
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


def changed_room(
    hook: ClickMeetingHook, room_id: int | str, parameters: Mapping[str, Any], before: Room, log: Logger
) -> tuple[Room, bool]:
    """Change a room, and return it, and whether it has another address than before.

    :param before: a reading of the room.
    :param parameters: those of `update_conference`.
    """
    room = hook.update_conference(room_id, **parameters)
    if "id" not in room:  # the answer may say no more than that it is done
        room = hook.get_conference(room_id)
    old, new = before.get("room_url"), room.get("room_url")
    moved = old is not None and old != new
    if moved:
        log.warning("Room %s has a new address, %s; it was %s, and links to that may lead nowhere", room_id, new, old)
    return room, moved
