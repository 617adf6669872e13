"""What is asked for each dataset, and how the answers become its items."""

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
    """Where a dataset comes from: it finds the places that have some of it, and then asks for their items.

    Each has a `dataset`; `of_sessions` says whether places are sessions, `in_time` whether a period makes sense.
    """

    dataset: ClassVar[Dataset]
    of_sessions: ClassVar[bool] = False
    in_time: ClassVar[bool] = True

    @abstractmethod
    def places(
        self, asker: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Yield each room that can be read, with its places in the scope, by id."""

    @abstractmethod
    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Yield each place, in the order that they come in, with its items; None where those could not be read."""

    def happened(self, row: Row) -> datetime | None:
        """Return when a row happened, where the scope's period decides about each row."""
        raise NotImplementedError


class ConferenceSource(Source):
    """Rooms as they are now."""

    dataset = definitions.CONFERENCES
    in_time = False

    def places(
        self, asker: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Read each room that no list told of."""
        for room in rooms:
            if room.room:
                yield room, [room]
        asked = ((room, _as_list(calls.get_conference(room.room_id))) for room in rooms if not room.room)
        for place, found in asker.answers(asked):
            for room in found or ():
                yield place, [place._replace(room=room)]

    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Give out what was read already."""
        return ((place, [cast("Item", place.room)]) for place in places)


class RoomListSource(Source):
    """What a room has, whatever the session."""

    @abstractmethod
    def call(self, room_id: int) -> Call[list[Any]]:
        """Return what asks a room for its list."""

    def places(
        self, asker: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Take the rooms themselves."""
        return ((room, [room]) for room in (RoomOrSession(each.room_id) for each in rooms))

    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Ask for each room's list."""
        for place, items in asker.answers((place, self.call(place.room_id)) for place in places):
            yield place, None if items is None else _placed(place, items)


class RegistrationSource(RoomListSource):
    """Who registered, by the time of their registration; a room without registration has none."""

    dataset = definitions.REGISTRATIONS

    def call(self, room_id: int) -> Call[list[Any]]:
        """Ask for those of all sessions."""
        return cast("Call[list[Any]]", calls.list_registrations(room_id))

    def happened(self, row: Row) -> datetime | None:
        """Return when the person registered."""
        return _moment(row["registration_date_utc"])


class RecordingSource(RoomListSource):
    """What was recorded, by the end of the recording."""

    dataset = definitions.RECORDINGS

    def call(self, room_id: int) -> Call[list[Any]]:
        """Ask the room, since not every account has a list of all."""
        return cast("Call[list[Any]]", calls.list_recordings(room_id))

    def happened(self, row: Row) -> datetime | None:
        """Return when the recording ended."""
        start = _moment(row["recorder_start_date_utc"])
        return start and start + timedelta(seconds=row["recording_duration"] or 0)


class SessionSource(Source):
    """Meetings that have ended, by their end; a session that was asked for may still run."""

    dataset = definitions.SESSIONS
    of_sessions = True

    def places(
        self, asker: Fetcher, scope: Scope, rooms: Iterable[RoomOrSession]
    ) -> Iterator[tuple[RoomOrSession, list[RoomOrSession]]]:
        """List the sessions of each room."""
        asked = ((RoomOrSession(room.room_id), calls.list_sessions(room.room_id)) for room in rooms)
        for room, sessions in asker.answers(asked):
            if sessions is None:
                continue
            before = asker.failures.count
            wanted = sorted(_wanted(asker, scope, room, sessions), key=lambda place: _session(place)["id"])
            if wanted or asker.failures.count == before:
                yield room, wanted

    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Give out what was listed already."""
        return ((place, [{**_session(place), "room_id": place.room_id}]) for place in places)


class AttendeeSource(SessionSource):
    """Who entered each session."""

    dataset = definitions.ATTENDEES

    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Ask for the entries of each session."""
        for place, items in asker.answers((place, _entries(place)) for place in places):
            yield place, None if items is None else _placed(place, items)


class AttendanceSource(SessionSource):
    """Who was at each session, and for how long, with the room's registrations.

    :param rejoin_gap: absences up to this long count as presence.
    """

    dataset = definitions.ATTENDANCE

    def __init__(self, rejoin_gap: timedelta = NOTHING) -> None:
        self._rejoin_gap = rejoin_gap
        self.totals = AttendanceTotals()
        self.summaries: list[Item] = []

    def batches(self, asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Ask for the entries of each session, and for the registrations of each room."""
        for place, entries, registrations in asker.ordered(_with_registrations(asker, places)):
            found = self._attendance(asker, place, entries, registrations)
            if found:
                self.totals.add(found)
                self.summaries.append(_summed_up(place, found))
            yield place, self._items(place, found) if found else None

    def _items(self, place: RoomOrSession, found: Attendance) -> Iterable[Item]:
        return _placed(place, found.rows)

    def _attendance(
        self,
        asker: Fetcher,
        place: RoomOrSession,
        entries: Future[Unread[Attendee]],
        registrations: Future[Unread[Registration]],
    ) -> Attendance | None:
        registered, entered = asker.read(place, registrations), asker.read(place, entries)
        if registered is None or entered is None:
            return None
        try:
            found = attendance_of(
                _session(place), entered, registered, rejoin_gap=self._rejoin_gap, until=asker.hook.now()
            )
        except (UnexpectedAnswerError, ValueError) as error:
            asker.failures.add(error, **place.ids)
            return None
        for why in found.skipped:
            asker.failures.add(why, **place.ids)
        return found


class AttendanceSummarySource(AttendanceSource):
    """Each session's audience in numbers."""

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


def _wanted(asker: Fetcher, scope: Scope, room: RoomOrSession, sessions: Iterable[Session]) -> Iterator[RoomOrSession]:
    """Yield the sessions of a room that are in the scope."""
    known = False
    for session in sessions:
        place = room._replace(session=session)
        known = known or place.session_id == scope.session_id
        try:
            if _in_scope(scope, session):
                yield place
        except (KeyError, TypeError, ValueError) as error:
            asker.failures.add(f"the session's times or id cannot be read: {error}", **place.ids)
    if scope.session_id and not known:
        nowhere = ApiError("not_found", f"there is no session {scope.session_id}")
        path = calls.list_sessions(room.room_id).path
        asker.failures.add(error_for(nowhere, "list_sessions", asker.hook.clickmeeting_conn_id, path), **room.ids)


def _in_scope(scope: Scope, session: Session) -> bool:
    if scope.session_id:
        return session.get("id") == scope.session_id
    if not session.get("end_date"):
        return False
    if not session.get("id"):
        raise ValueError("there is no id")
    times.parse(session["start_date"])
    return scope.period.holds(times.parse(cast("str", session["end_date"])))


def _with_registrations(asker: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Asked]:
    """Begin what attendance takes, the registrations once for the sessions of a room that follow one another."""
    for room_id, sessions in groupby(places, key=lambda place: place.room_id):
        registrations = asker.begin(calls.list_registrations(room_id))
        for place in sessions:
            yield place, asker.begin(_entries(place)), registrations


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
    """Make a call whose answer is a list of one."""
    return replace(call, read=lambda data: [call.read(data)])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
