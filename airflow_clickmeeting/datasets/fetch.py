"""Find what has data of a dataset, and fetch its items: several requests at a time, with results in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_clickmeeting.api import calls, parse, times
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError, ParseError
from airflow_clickmeeting.api.facts import ended_at
from airflow_clickmeeting.attendance.events import join_sessions
from airflow_clickmeeting.attendance.intervals import NOTHING
from airflow_clickmeeting.datasets.scope import RoomOrSession, Scope
from airflow_clickmeeting.datasets.table import Dataset, Item, Row
from airflow_clickmeeting.exceptions import OF_ONE_ROOM, ClickMeetingError
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.parallel import OrderedExecutor

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Session
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook, Unread

    Batch = tuple[RoomOrSession, Iterable[Item] | None]


T = TypeVar("T")
P = TypeVar("P", RoomOrSession, None)

NO_REGISTRATION = "REGISTRATION_DISABLED"


class Fetcher:
    """Requests lists from ClickMeeting.

    :param hook: the account.
    :param max_parallel: how many requests to send at a time; with 1, this thread sends them.
    :param failures: gets the errors that concern one room only.
    """

    def __init__(self, hook: ClickMeetingHook, max_parallel: int, failures: FailureLog) -> None:
        hook.get_conn()  # reads the connection from Airflow, which only this thread can do
        self.hook = hook
        self.failures = failures
        self._executor = OrderedExecutor(max_parallel) if max_parallel > 1 else None

    def close(self) -> None:
        """Send no more requests, and wait for those in progress."""
        if self._executor:
            self._executor.close()

    def start_fetch(self, place: RoomOrSession | None, call: Call[list[T]]) -> Callable[[], Unread[T]]:
        """Start a call in a thread, and return the function that waits for its response.

        The place is None for a list of the whole account.

        An item that cannot be read becomes one failure of the place, however often the response is read.
        """
        if isinstance(call.read, parse.listed):
            ids = {"room_id": place.room_id, "session_id": place.session_id} if place else {}
            skip = cache(partial(self.failures.add, **ids))
            call = replace(call, read=replace(call.read, skip=skip))
        if self._executor:
            return self._executor.submit(self.hook.fetched, call).result
        return partial(self.hook.fetched, call)

    def ordered(self, started: Iterable[T]) -> Iterator[T]:
        """Yield what an iterable starts, in its order, and start a few more meanwhile."""
        return self._executor.ordered(started) if self._executor else iter(started)

    def fetch(self, requests: Iterable[tuple[P, Call[list[T]]]]) -> Iterator[tuple[P, Any]]:
        """Make a call for each place, and yield the items in the same order; None if the call failed."""
        for place, response in self.ordered((place, self.start_fetch(place, call)) for place, call in requests):
            yield place, self.read(place, response)

    def read(self, place: RoomOrSession | None, response: Callable[[], Unread[T]]) -> Iterable[T] | None:
        """Wait for a response and return its items; if it is an error of one room, log a failure and return None."""
        try:
            return response()()
        except OF_ONE_ROOM as error:
            if registration_is_off(error):
                return []
            self.failures.add(error, **(place.ids if place else {}))
            return None


def registration_is_off(error: ClickMeetingError) -> bool:
    """Return whether an error only says that registration is off, so that the room has no registrations."""
    return NO_REGISTRATION in {error.name, *error.fields}


@dataclass
class Source:
    """Where a dataset comes from: which places have data, and which calls list their items.

    :param dataset: the dataset.
    :param list_items: returns the call that lists the items of a place, from the ids of the room and the session; None
        if the places themselves are the items.
    :param of_sessions: whether places are sessions, not rooms.
    :param in_time: whether the dataset can be limited to a period.
    :param happened: returns the time by which a row belongs to a period, if the dataset is filtered row by row.
    :param join_within: sessions of a room that are at most this far apart are one place; None joins none.
    """

    dataset: Dataset
    list_items: Callable[..., Call[list[Any]]] | None = None
    of_sessions: bool = False
    in_time: bool = True
    happened: Callable[[Row], datetime | None] | None = None
    join_within: timedelta | None = None

    def find_places(
        self, fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Yield each room that can be read, with its places in the scope, sorted by id."""
        if self.of_sessions:
            return _find_sessions(fetcher, scope, rooms, self.join_within)
        if self.list_items is None:
            return _read_rooms(fetcher, rooms)
        return ((room, [room]) for room in (RoomOrSession(each.room_id) for each in rooms))

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Yield each place, in the given order, with its items; None if the place failed."""
        if (list_items := self.list_items) is None:
            return ((place, [cast("Item", place.session or place.room)]) for place in places)
        return fetcher.fetch(
            (place, list_items(place.room_id, place.session_id) if place.session else list_items(place.room_id))
            for place in places
        )


def _read_rooms(
    fetcher: Fetcher, rooms: Iterable[RoomOrSession]
) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
    """Yield the rooms of the list of rooms, and read those that are not from it."""
    for room in rooms:
        if room.room:
            yield room, [room]
    requests = ((room, _as_list(calls.get_conference(room.room_id))) for room in rooms if not room.room)
    for place, found in fetcher.fetch(requests):
        for room in found or ():
            yield place, [place._replace(room=room)]


def _find_sessions(
    fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession], join_within: timedelta | None
) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
    requests = ((RoomOrSession(room.room_id), calls.list_sessions(room.room_id)) for room in rooms)
    for room, sessions in fetcher.fetch(requests):
        if sessions is None:
            continue
        before = fetcher.failures.count
        selected = _select_sessions(fetcher, scope, room, sessions, join_within)
        found = sorted(selected, key=lambda place: place.session_id or 0)
        if found or fetcher.failures.count == before:
            yield room, found


def _select_sessions(
    fetcher: Fetcher, scope: Scope, room: RoomOrSession, sessions: Iterable[Session], join_within: timedelta | None
) -> Iterator[RoomOrSession]:
    """Yield the sessions, or the events, of a room that are in the scope."""

    def skip(session: Session, error: ParseError) -> None:
        reason = f"the session's times cannot be read: {error}"
        fetcher.failures.add(reason, room_id=room.room_id, session_id=session["id"])

    sessions = list(sessions)
    events = [[each] for each in sessions] if join_within is None else join_sessions(sessions, join_within, skip)
    for first, *joined in events:
        place = room._replace(session=first, session_id=first["id"], joined=tuple(joined))
        try:
            if _in_scope(scope, [first, *joined], join_within or NOTHING):
                yield place
        except ParseError as error:
            skip(first, error)
    if scope.session_id and all(session["id"] != scope.session_id for session in sessions):
        missing = ApiError("not_found", f"session {scope.session_id} does not exist in room {room.room_id}")
        fetcher.failures.add(fetcher.hook.error(missing, calls.list_sessions(room.room_id)), **room.ids)


def _in_scope(scope: Scope, event: list[Session], join_within: timedelta) -> bool:
    if scope.session_id:
        return any(session["id"] == scope.session_id for session in event)
    ends = [end for end in map(ended_at, event) if end]
    if len(ends) < len(event):
        return False
    times.parse(event[0].get("start_date", ""))
    # The event could go on for so long. If it belonged to the period of its end, a run soon after the end of that
    # period would read half of it, and the next run all of it.
    return scope.period.holds(max(ends) + join_within)


def _as_list(call: Call[Any]) -> Call[list[Any]]:
    """Return the call with its result in a list of one item."""
    return replace(call, read=lambda data: [call.read(data)])
