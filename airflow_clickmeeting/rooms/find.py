"""Find the room that a task means among the rooms of an account: pure functions of ClickMeeting's data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from airflow_clickmeeting.api import compare, times, urls
from airflow_clickmeeting.api.room_form import start_of
from airflow_clickmeeting.api.types import Room

FoundBy = Literal["task_state", "custom_room_url_name", "marker", "name_and_start"]

MARKER_DIGITS = 8


def marker(name: str, *task: str | int | None) -> str:
    """Return a URL name that only one task of one run gives to a room: a slug of the room's name, and a hash.

    It serves as the room's marker, since ClickMeeting has no field for one, and URL names are unique in an account, as
    far as is known.

    :param name: the room's name.
    :param task: what distinguishes the task from all others: its DAG, its id, its run, and its map index.
    """
    digest = hashlib.sha256(json.dumps(task).encode()).hexdigest()
    return f"{urls.slug(name)}-{digest[:MARKER_DIGITS]}"


@dataclass(frozen=True)
class Found:
    """A room that a query found, how the query found it, and the ids of other rooms that match equally well."""

    room: Room
    by: FoundBy
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class RoomQuery:
    """How to identify a room; a query is false if it can find none.

    :param address: the room's `custom_room_url_name`; None does not search by it.
    :param marker: the URL name from `marker`, of which only the hash counts, so that the room's name may change; None
        does not search by it.
    :param name: the room's name, which identifies a room only together with `starts_at` or `permanent`.
    :param starts_at: when the room starts.
    :param permanent: whether the room is permanent, so that it has no start.
    """

    address: str | None = None
    marker: str | None = None
    name: str | None = None
    starts_at: datetime | None = None
    permanent: bool = False

    @classmethod
    def for_form(cls, form: Mapping[str, Any], marker: str | None) -> Self:
        """Return the query for a room with these form fields: by its own URL name, else by marker, name and start.

        :param form: the form fields of `create_conference`.
        :param marker: the marker of the task; None outside of a task.
        """
        if form["custom_room_url_name"]:
            return cls(address=form["custom_room_url_name"])
        return cls(None, marker, form["name"], start_of(form), bool(form["permanent_room"]))

    def __bool__(self) -> bool:
        return bool(self.address or self.marker or self._has_name)

    @property
    def _has_name(self) -> bool:
        return self.name is not None and (self.permanent or self.starts_at is not None)

    def find_in(self, rooms: Iterable[Room]) -> Found | None:
        """Return the first room with the URL name or the marker, else the one with the name and start, else None.

        If several rooms have the same name and start, return the oldest, with the ids of the others.

        :param rooms: the rooms; once one with the URL name or the marker is found, no further room is read.
        """
        matches: dict[int, Room] = {}
        for room in rooms:
            if (by := self._match_url(room)) is not None:
                return Found(room, by)
            if self._has_same_name_and_start(room):
                matches[room["id"]] = room
        if not matches:
            return None
        oldest, *others = sorted(matches)
        return Found(matches[oldest], "name_and_start", tuple(others))

    def _match_url(self, room: Room) -> FoundBy | None:
        address = urls.address_of(room)
        if compare.same_address(address, self.address):
            return "custom_room_url_name"
        if self.marker and compare.ends_alike(address, self.marker[-MARKER_DIGITS:]):
            return "marker"
        return None

    def _has_same_name_and_start(self, room: Room) -> bool:
        if not self._has_name or not compare.same_text(room.get("name"), self.name):
            return False
        if self.permanent or self.starts_at is None:
            return self.permanent and bool(room.get("permanent_room"))
        starts_at = room.get("starts_at")
        return bool(starts_at) and compare.same_minute(times.parse(str(starts_at)), self.starts_at)
