"""What the page knows about rooms, and which of them to read closer: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Literal, NamedTuple

from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.ui.facts import time_of

State = Literal["now", "coming", "open", "over"]

#: people enter a room before its start, and stay after its end
EARLY, LATE = timedelta(minutes=15), timedelta(minutes=30)


@dataclass(frozen=True)
class WebinarRoom:
    """A room, without its secrets. Times are None if the room has none, or if they cannot be read."""

    id: int
    name: str
    is_active: bool
    starts_at: datetime | None
    ends_at: datetime | None
    changed_at: datetime | None
    timezone: str
    has_registration: bool
    address: str

    @classmethod
    def of(cls, room: Room) -> WebinarRoom:
        """Return the room for an item of ClickMeeting's list of rooms."""
        address = str(room.get("room_url") or "")
        return cls(
            id=room["id"],
            name=str(room.get("name") or f"Room {room['id']}"),
            is_active=room.get("status", "active") == "active",
            starts_at=time_of(room, "starts_at"),
            ends_at=time_of(room, "ends_at"),
            changed_at=time_of(room, "updated_at" if room.get("updated_at") else "created_at"),
            timezone=str(room.get("timezone") or ""),
            has_registration=bool(room.get("registration_enabled")),
            # it becomes a link, and a link may hold a script
            address=address if address.startswith(("https://", "http://")) else "",
        )

    def state(self, now: datetime) -> State:
        """Return whether the room's event is now, coming, or over; a permanent room is `open` while it is active.

        An inactive room with a start in the future was cancelled, and counts as `coming`.
        """
        if self.starts_at is not None and now < self.starts_at - EARLY:
            return "coming"
        if not self.is_active:
            return "over"
        if self.starts_at is None:
            return "open"
        return "now" if self.ends_at is None or now <= self.ends_at + LATE else "over"


def by_state(rooms: Iterable[WebinarRoom], now: datetime) -> dict[State, list[WebinarRoom]]:
    """Return the rooms of each state: coming ones by their start, and the others with the latest first."""
    found: dict[State, list[WebinarRoom]] = {"now": [], "coming": [], "open": [], "over": []}
    for room in rooms:
        found[room.state(now)].append(room)
    found["coming"].sort(key=attrgetter("starts_at"))
    for state, key in (("now", "starts_at"), ("open", "changed_at"), ("over", "ends_at")):
        found[state].sort(key=partial(_latest_first, key))  # type: ignore[index]
    return found


def _latest_first(name: str, room: WebinarRoom) -> tuple[float, int]:
    moment = getattr(room, name) or room.changed_at
    return -(moment.timestamp() if moment else 0), -room.id


class Wanted(NamedTuple):
    """A room to read closer: its registrations, and its sessions or not."""

    room: WebinarRoom
    sessions: bool

    @property
    def cost(self) -> int:
        """The number of requests at most: the sessions, the entries of one, and the registrations."""
        return 2 * self.sessions + self.room.has_registration


def rooms_to_read(rooms: Iterable[WebinarRoom], now: datetime, requests: int) -> Iterator[Wanted]:
    """Yield the rooms to read for a number of requests, the most interesting first.

    These are rooms whose event is now, the last one that is over, the next ones that come, a permanent one, and then
    others that are over.
    """
    found = by_state(rooms, now)
    over = found["over"]
    registered = [room for room in found["coming"] if room.has_registration and room.is_active]
    wanted = [
        *(Wanted(room, sessions=True) for room in (*found["now"][:1], *over[:1])),
        *(Wanted(room, sessions=False) for room in registered[:2]),
        *(Wanted(room, sessions=True) for room in (*found["now"][1:3], *found["open"][:1])),
        *(Wanted(room, sessions=False) for room in registered[2:4]),
        *(Wanted(room, sessions=True) for room in over[1:3]),
    ]
    for each in wanted:
        if each.cost <= requests:
            requests -= each.cost
            yield each
