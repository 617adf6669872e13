"""Find the room that a task means among the rooms of an account: pure functions of ClickMeeting's data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from airflow_clickmeeting.api import compare, times, urls
from airflow_clickmeeting.api.room_form import start_of
from airflow_clickmeeting.api.types import Room

FoundBy = Literal["task_state", "custom_room_url_name", "marker", "name_and_start"]

MARKER_DIGITS = 8


def marker(name: str, identity: Sequence[str | int | None]) -> str:
    """Return the URL name of a room without one of its own: a slug of the room's name, and a hash of its identity.

    It serves as the room's marker, since ClickMeeting has no field for one. URL names are unique in an account, as far
    as is known. So of two requests to create a room of the same identity, ClickMeeting refuses the second one.

    :param name: the room's name.
    :param identity: what distinguishes the room from all others.
    """
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return f"{urls.slug(name)}-{digest[:MARKER_DIGITS]}"


@dataclass(frozen=True)
class Found:
    """A room that a query found, how the query found it, and other rooms that match equally well."""

    room: Room
    by: FoundBy
    others: tuple[Room, ...] = ()


@dataclass(frozen=True)
class RoomQuery:
    """How to identify a room; a query is false if it can find none.

    :param address: the room's `custom_room_url_name`; None does not search by it.
    :param marker: the URL name from `marker`, of which only the hash counts, so that the room's name may change; None
        does not search by it.
    :param name: the room's name, which identifies a room only together with `starts_at` or `permanent`.
    :param starts_at: when the room starts.
    :param permanent: whether the room is permanent, so that it has no start.
    :param marker_is_own: whether no other task gives a room this marker.
    """

    address: str | None = None
    marker: str | None = None
    name: str | None = None
    starts_at: datetime | None = None
    permanent: bool = False
    marker_is_own: bool = False

    @classmethod
    def for_form(
        cls, form: Mapping[str, Any], task: Sequence[str | int | None] | None, *, another: bool = False
    ) -> Self:
        """Return the query for a room with these form fields: by its own URL name, else by marker, name and start.

        The marker of a room is the same for all tasks that want a room of this name and start. Only if the room is to
        be another one than those, or has no start yet, each task of each run has a marker of its own.

        :param form: the form fields of `create_conference`.
        :param task: what distinguishes the task from all others: its DAG, its id, its run, and its map index; None
            outside of a task.
        :param another: whether other rooms of the same name and start do not matter.
        """
        if form["custom_room_url_name"]:
            return cls(address=form["custom_room_url_name"])
        name, start, permanent = form["name"], start_of(form), bool(form["permanent_room"])
        if another or (start is None and not permanent):
            own = None if task is None else marker(name, task)
            return cls(marker=own, name=None if another else name, marker_is_own=True)
        at = None if start is None else start.astimezone(UTC).isoformat(timespec="minutes")
        return cls(None, marker(name, (name.strip(), at)), name, start, permanent)

    def __bool__(self) -> bool:
        return bool(self.address or self.marker or self._has_name)

    @property
    def _has_name(self) -> bool:
        return self.name is not None and (self.permanent or self.starts_at is not None)

    def find_in(self, rooms: Iterable[Room]) -> Found | None:
        """Return the first room with the URL name or the marker, else the one with the name and start, else None.

        If several rooms have the same name and start, return the oldest, with the others.

        :param rooms: the rooms; once one with the URL name or the marker is found, no further room is read.
        """
        matches: dict[int, Room] = {}
        for room in rooms:
            if (by := self._match_url(room)) is not None:
                return Found(room, by)
            if self._has_name and _is_same(room, self.name, self.starts_at, self.permanent):
                matches[room["id"]] = room
        if not matches:
            return None
        oldest, *others = (matches[room_id] for room_id in sorted(matches))
        return Found(oldest, "name_and_start", tuple(others))

    def _match_url(self, room: Room) -> FoundBy | None:
        address = urls.address_of(room)
        if compare.same_address(address, self.address):
            return "custom_room_url_name"
        if self.marker and compare.ends_alike(address, self.marker[-MARKER_DIGITS:]):
            return "marker"
        return None


def fits(room: Room, form: Mapping[str, Any]) -> bool:
    """Return whether a room has the name, the kind and the start of a form, as the room that this form created has."""
    return _is_same(room, form["name"], start_of(form), bool(form["permanent_room"]))


def _is_same(room: Room, name: str | None, starts_at: datetime | None, permanent: bool) -> bool:
    if not compare.same_text(room.get("name"), name) or bool(room.get("permanent_room")) is not permanent:
        return False
    if starts_at is None:
        return True
    if not (found := room.get("starts_at")):
        return False
    return compare.same_minute(times.parse(found), starts_at)
