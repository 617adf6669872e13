"""Define the requests for each dataset, and how the responses become its items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_clickmeeting.api import calls, times
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.attendance.compute import NOTHING, Attendance, AttendanceTotals, attendance_of
from airflow_clickmeeting.datasets import definitions
from airflow_clickmeeting.datasets.columns import Item
from airflow_clickmeeting.datasets.fetch import Fetcher
from airflow_clickmeeting.datasets.scope import RoomOrSession, Scope
from airflow_clickmeeting.datasets.table import Dataset, Row
from airflow_clickmeeting.exceptions import UnexpectedAnswerError, error_for

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Attendee, Registration, Session
    from airflow_clickmeeting.hooks.clickmeeting import Unread

    Batch = tuple[RoomOrSession, Iterable[Item] | None]
    Asked = tuple[RoomOrSession, Future[Unread[Attendee]], Future[Unread[Registration]]]


class Source(ABC):
    """Base of sources of datasets: a source finds the places that have data, and then fetches their items.

    Each source has a `dataset`. If `of_sessions` is set, places are sessions, not rooms; if `in_time` is not set, the
    dataset cannot be limited to a period.
    """

    dataset: ClassVar[Dataset]
    of_sessions: ClassVar[bool] = False
    in_time: ClassVar[bool] = True

    @abstractmethod
    def find_places(
        self, fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Yield each room that can be read, with its places in the scope, sorted by id."""

    @abstractmethod
    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Yield each place, in the given order, with its items; None if the place failed."""

    def happened(self, row: Row) -> datetime | None:
        """Return the time by which a row belongs to a period; only for datasets that are filtered row by row."""
        raise NotImplementedError


class ConferenceSource(Source):
    """Rooms as they are now."""

    dataset = definitions.CONFERENCES
    in_time = False

    def find_places(
        self, fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Read each room that is not known from the list of rooms."""
        for room in rooms:
            if room.room:
                yield room, [room]
        requested = ((room, _as_list(calls.get_conference(room.room_id))) for room in rooms if not room.room)
        for place, found in fetcher.fetch(requested):
            for room in found or ():
                yield place, [place._replace(room=room)]

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Return the rooms that were already read."""
        return ((place, [cast("Item", place.room)]) for place in places)


class RoomListSource(Source):
    """Base of sources that list something of a room, independent of sessions."""

    @abstractmethod
    def call(self, room_id: int) -> Call[list[Any]]:
        """Return the call that lists a room's items."""

    def find_places(
        self, fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Return the rooms themselves as places, without a request."""
        return ((room, [room]) for room in (RoomOrSession(each.room_id) for each in rooms))

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Fetch each room's list."""
        for place, items in fetcher.fetch((place, self.call(place.room_id)) for place in places):
            yield place, None if items is None else _placed(place, items)


class RegistrationSource(RoomListSource):
    """Registrations, by the time of registration; a room with registration off has none."""

    dataset = definitions.REGISTRATIONS

    def call(self, room_id: int) -> Call[list[Any]]:
        """Return the call that lists the registrations of all sessions."""
        return cast("Call[list[Any]]", calls.list_registrations(room_id))

    def happened(self, row: Row) -> datetime | None:
        """Return when the person registered."""
        return _moment(row["registration_date_utc"])


class RecordingSource(RoomListSource):
    """Recordings, by the end of the recording."""

    dataset = definitions.RECORDINGS

    def call(self, room_id: int) -> Call[list[Any]]:
        """Return the call for one room, since not every account can list all recordings."""
        return cast("Call[list[Any]]", calls.list_recordings(room_id))

    def happened(self, row: Row) -> datetime | None:
        """Return when the recording ended."""
        start = _moment(row["recorder_start_date_utc"])
        return start and start + timedelta(seconds=row["recording_duration"] or 0)


class SessionSource(Source):
    """Sessions that have ended, by their end; a session that you request by its id may still run."""

    dataset = definitions.SESSIONS
    of_sessions = True

    def find_places(
        self, fetcher: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """List the sessions of each room."""
        requested = ((RoomOrSession(room.room_id), calls.list_sessions(room.room_id)) for room in rooms)
        for room, sessions in fetcher.fetch(requested):
            if sessions is None:
                continue
            before = fetcher.failures.count
            wanted = sorted(_wanted(fetcher, scope, room, sessions), key=lambda place: _session(place)["id"])
            if wanted or fetcher.failures.count == before:
                yield room, wanted

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Return the sessions that were already listed."""
        return ((place, [{**_session(place), "room_id": place.room_id}]) for place in places)


class AttendeeSource(SessionSource):
    """Attendees, by the end of their session."""

    dataset = definitions.ATTENDEES

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Fetch the attendees of each session."""
        for place, items in fetcher.fetch((place, _entries(place)) for place in places):
            yield place, None if items is None else _placed(place, items)


class AttendanceSource(SessionSource):
    """Attendance: who was in each session and for how long, compared with the room's registrations.

    :param rejoin_gap: absences up to this long count as presence.
    """

    dataset = definitions.ATTENDANCE

    def __init__(self, rejoin_gap: timedelta = NOTHING) -> None:
        self._rejoin_gap = rejoin_gap
        self.totals = AttendanceTotals()
        self.summaries: list[Item] = []

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Fetch the attendees of each session, and the registrations of each room."""
        for place, entries, registrations in fetcher.ordered(_with_registrations(fetcher, places)):
            found = self._attendance(fetcher, place, entries, registrations)
            if found:
                self.totals.add(found)
                self.summaries.append(_summed_up(place, found))
            yield place, self._items(place, found) if found else None

    def _items(self, place: RoomOrSession, found: Attendance) -> Iterable[Item]:
        return _placed(place, found.rows)

    def _attendance(
        self,
        fetcher: Fetcher,
        place: RoomOrSession,
        entries: Future[Unread[Attendee]],
        registrations: Future[Unread[Registration]],
    ) -> Attendance | None:
        registered, entered = fetcher.read(place, registrations), fetcher.read(place, entries)
        if registered is None or entered is None:
            return None
        try:
            found = attendance_of(
                _session(place), entered, registered, rejoin_gap=self._rejoin_gap, until=fetcher.hook.now()
            )
        except (UnexpectedAnswerError, ValueError) as error:
            fetcher.failures.add(error, **place.ids)
            return None
        for why in found.skipped:
            fetcher.failures.add(why, **place.ids)
        return found


class AttendanceSummarySource(AttendanceSource):
    """Attendance as one row of numbers per session."""

    dataset = definitions.ATTENDANCE_SUMMARIES

    def _items(self, place: RoomOrSession, found: Attendance) -> Iterable[Item]:
        return [_summed_up(place, found)]


SOURCES: dict[str, type[Source]] = {
    source.dataset.name: source
    for source in (
        ConferenceSource,
        SessionSource,
        AttendeeSource,
        RegistrationSource,
        RecordingSource,
        AttendanceSource,
        AttendanceSummarySource,
    )
}


def _wanted(
    fetcher: Fetcher, scope: Scope, room: RoomOrSession, sessions: Iterable[Session]
) -> Iterator[RoomOrSession]:
    """Yield the sessions of a room that are in the scope."""
    known = False
    for session in sessions:
        place = room._replace(session=session)
        known = known or place.session_id == scope.session_id
        try:
            if _in_scope(scope, session):
                yield place
        except (KeyError, TypeError, ValueError) as error:
            fetcher.failures.add(f"the session's times or id cannot be read: {error}", **place.ids)
    if scope.session_id and not known:
        nowhere = ApiError("not_found", f"session {scope.session_id} does not exist in room {room.room_id}")
        path = calls.list_sessions(room.room_id).path
        fetcher.failures.add(error_for(nowhere, "list_sessions", fetcher.hook.clickmeeting_conn_id, path), **room.ids)


def _in_scope(scope: Scope, session: Session) -> bool:
    if scope.session_id:
        return session.get("id") == scope.session_id
    if not session.get("end_date"):
        return False
    if not session.get("id"):
        raise ValueError("the id is missing")
    times.parse(session["start_date"])
    return scope.period.holds(times.parse(cast("str", session["end_date"])))


def _with_registrations(fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Asked]:
    """Start the calls for attendance; consecutive sessions of a room share one call for the registrations."""
    for room_id, sessions in groupby(places, key=lambda place: place.room_id):
        registrations = fetcher.start_fetch(calls.list_registrations(room_id))
        for place in sessions:
            yield place, fetcher.start_fetch(_entries(place)), registrations


def _entries(place: RoomOrSession) -> Call[list[Attendee]]:
    return calls.list_session_attendees(place.room_id, _session(place)["id"])


def _summed_up(place: RoomOrSession, found: Attendance) -> Item:
    session = _session(place)
    span = {"start_date": session["start_date"], "end_date": session.get("end_date")}
    return {"room_id": place.room_id, "session_id": session["id"], **span, **found.summary}


def _session(place: RoomOrSession) -> Session:
    return cast("Session", place.session)


def _placed(place: RoomOrSession, items: Iterable[Any]) -> Iterator[Item]:
    """Yield items with the ids of their room and session."""
    ids = {"room_id": place.room_id} | ({"session_id": place.session_id} if place.session else {})
    return ({**item, **ids} for item in items)


def _as_list(call: Call[Any]) -> Call[list[Any]]:
    """Return the call with its result in a list of one item."""
    return replace(call, read=lambda data: [call.read(data)])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
