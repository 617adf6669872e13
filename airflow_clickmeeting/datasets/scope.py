"""Define what to read: which rooms, which of their sessions, and which period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.types import Room, Session
from airflow_clickmeeting.api.validate import Id

Interval = tuple[datetime | None, datetime | None]
NO_INTERVAL: Interval = (None, None)


class RoomOrSession(NamedTuple):
    """The place that data belongs to: a room, with its item of the list of rooms if known, or one of its sessions."""

    room_id: int
    session: Session | None = None
    room: Room | None = None

    @property
    def ids(self) -> dict[str, int | None]:
        """The ids of the room and the session, for a failure."""
        return {"room_id": self.room_id, "session_id": self.session_id}

    @property
    def session_id(self) -> int | None:
        """The session's id; None if the place is a room."""
        return self.session["id"] if self.session else None


@dataclass(frozen=True)
class Period:
    """A period from `since` on and before `until`; None means no bound."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def bounded(self) -> bool:
        """Whether the period has at least one bound."""
        return bool(self.since or self.until)

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment is in the period."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def __str__(self) -> str:
        parts = [f"from {self.since}"] * bool(self.since) + [f"before {self.until}"] * bool(self.until)
        return " and ".join(parts) or "of any time"


@dataclass(frozen=True)
class Scope:
    """The rooms, the session and the period to read.

    :param rooms: ids, ascending; None means the whole account.
    :param session_id: the only session to read, at whatever time it was.
    :param period: the period to read.
    """

    rooms: tuple[int, ...] | None = None
    session_id: int | None = None
    period: Period = Period()

    def __str__(self) -> str:
        if self.session_id:
            return f"session {self.session_id}"
        rooms = "all rooms" if self.rooms is None else f"{len(self.rooms)} rooms"
        return f"{rooms}, {self.period}"


def scope_of(
    room_id: Id | Sequence[Id] | None,
    session_id: Id | None = None,
    since: When | None = None,
    until: When | None = None,
    interval: Interval = NO_INTERVAL,
) -> Scope:
    """Validate an operator's arguments and return their scope.

    :param interval: the run's data interval, used if neither `since` nor `until` is given; an empty interval means
        no bounds.
    :raises ValueError: naming the argument and its valid values.
    """
    rooms = _rooms(room_id)
    period = _period(since, until, interval)
    if session_id is None:
        return Scope(rooms, period=period)
    if rooms is None or len(rooms) != 1:
        validate.bad_argument("room_id", room_id, "the session's room where session_id is given")
    return Scope(rooms, validate.identifier("session_id", session_id))


def _rooms(room_id: Id | Sequence[Id] | None) -> tuple[int, ...] | None:
    if room_id is None:
        return None
    ids = [room_id] if isinstance(room_id, int | str) else validate.rows("room_id", room_id, "ids of rooms")
    return tuple(sorted({validate.identifier("room_id", each) for each in ids}))


def _period(since: When | None, until: When | None, interval: Interval) -> Period:
    if since is None and until is None:
        start, end = interval
        return Period(start, end) if start and end and start < end else Period()
    found = Period(
        None if since is None else times.instant("since", since),
        None if until is None else times.instant("until", until),
    )
    if found.since and found.until and found.until < found.since:
        validate.bad_argument("until", until, f"no earlier than since, which is {since}")
    return found
