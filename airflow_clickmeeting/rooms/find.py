"""Which of an account's rooms is the one that is meant: pure functions of their readings."""

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

MARK = 8


def marker(name: str, *task: str | int | None) -> str:
    """Return an address that only one task of one run gives to a room: a slug of the name, and a hash.

    ClickMeeting has no field for it, and its addresses are unique in an account as far as is known (reference 3.3).

    :param name: the room's.
    :param task: what tells the task from all others: its DAG, its id, its run, its index in a mapping.
    """
    digest = hashlib.sha256(json.dumps(task).encode()).hexdigest()
    return f"{urls.slug(name)}-{digest[:MARK]}"


@dataclass(frozen=True)
class Found:
    """A room that is meant: how it was told, and the ids of others that might be meant as well."""

    room: Room
    by: FoundBy
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class RoomQuery:
    """What tells a room; what is None tells nothing.

    :param address: the `custom_room_url_name` that it has.
    :param marker: the address that a task gave it; of this the hash alone counts, so that the name may change.
    :param name: its name, which tells a room only together with `starts_at` or `permanent`.
    :param starts_at: when it starts.
    :param permanent: whether it has no start.
    """

    address: str | None = None
    marker: str | None = None
    name: str | None = None
    starts_at: datetime | None = None
    permanent: bool = False

    @classmethod
    def for_form(cls, form: Mapping[str, Any], marker: str | None) -> Self:
        """Return how a room of this form is told: by the address given, else by marker, else by name and start."""
        if form["custom_room_url_name"]:
            return cls(address=form["custom_room_url_name"])
        return cls(None, marker, form["name"], start_of(form), bool(form["permanent_room"]))

    def __bool__(self) -> bool:
        return bool(self.address or self.marker or self._has_name)

    @property
    def _has_name(self) -> bool:
        return self.name is not None and (self.permanent or self.starts_at is not None)

    def find_in(self, rooms: Iterable[Room]) -> Found | None:
        """Return the room, or None; rooms are taken only as long as something better may come.

        Of several with the same name and start it is the oldest, and the others are named.
        """
        namesakes: dict[int, Room] = {}
        for room in rooms:
            if (by := self._surely(room)) is not None:
                return Found(room, by)
            if self._is_namesake(room):
                namesakes[room["id"]] = room
        if not namesakes:
            return None
        oldest, *others = sorted(namesakes)
        return Found(namesakes[oldest], "name_and_start", tuple(others))

    def _surely(self, room: Room) -> FoundBy | None:
        address = urls.address_of(room)
        if compare.same_address(address, self.address):
            return "custom_room_url_name"
        if self.marker and compare.ends_alike(address, self.marker[-MARK:]):
            return "marker"
        return None

    def _is_namesake(self, room: Room) -> bool:
        if not self._has_name or not compare.same_text(room.get("name"), self.name):
            return False
        if self.permanent or self.starts_at is None:
            return self.permanent and bool(room.get("permanent_room"))
        starts_at = room.get("starts_at")
        return bool(starts_at) and compare.same_minute(times.parse(str(starts_at)), self.starts_at)
