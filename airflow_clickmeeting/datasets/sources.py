"""The sources of all datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from airflow_clickmeeting.api import calls, times
from airflow_clickmeeting.attendance.compute import Attendance, AttendanceTotals, attendance_of_event
from airflow_clickmeeting.attendance.events import join_length
from airflow_clickmeeting.attendance.intervals import NOTHING
from airflow_clickmeeting.attendance.polls import poll_answers
from airflow_clickmeeting.datasets import definitions
from airflow_clickmeeting.datasets.fetch import Fetcher, Source
from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.datasets.table import Dataset, Item, Row
from airflow_clickmeeting.exceptions import ClickMeetingError, UnexpectedAnswerError

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Attendee, Session
    from airflow_clickmeeting.datasets.fetch import Batch
    from airflow_clickmeeting.hooks.clickmeeting import Unread

    Response = Callable[[], Unread[Any]]
    Responses = tuple[RoomOrSession, list[tuple[RoomOrSession, Response]], Response]

T = TypeVar("T")


@dataclass
class PollAnswerSource(Source):
    """The answers to polls, which are in the list of attendees; a part that cannot be read is a failure."""

    dataset: Dataset = definitions.POLL_ANSWERS
    list_items: Callable[..., Call[list[Any]]] | None = calls.list_session_attendees
    of_sessions: bool = True

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Fetch the attendees of each session, and yield their answers."""
        for place, entries in super().fetch_batches(fetcher, places):
            report = partial(_add_failure, fetcher, place)
            yield place, None if entries is None else poll_answers(cast("Iterable[Attendee]", entries), report)


def _add_failure(fetcher: Fetcher, place: RoomOrSession, reason: str) -> None:
    fetcher.failures.add(f"poll_answers, {reason}", **place.ids)


@dataclass
class AttendanceSource(Source):
    """Attendance: who was in each session or event and for how long, compared with the room's registrations.

    :param rejoin_gap: absences up to this long count as presence.
    """

    dataset: Dataset = definitions.ATTENDANCE
    of_sessions: bool = True
    rejoin_gap: timedelta = NOTHING
    totals: AttendanceTotals = field(default_factory=AttendanceTotals)
    summaries: list[Item] = field(default_factory=list)

    @classmethod
    def of(cls, rejoin_gap: timedelta | float | str, join_sessions_within: times.Length | None) -> Self:
        """Validate an operator's `rejoin_gap` and `join_sessions_within`, and return their source.

        :raises ValueError: naming the argument and its valid values.
        """
        within = None if join_sessions_within is None else join_length(join_sessions_within)
        return cls(rejoin_gap=times.seconds("rejoin_gap", rejoin_gap), join_within=within)

    def fetch_batches(self, fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Batch]:
        """Fetch the attendees of each session and the registrations of each room, and yield the people."""
        for place, entries, registrations in fetcher.ordered(_start_requests(fetcher, places)):
            found = self._compute(fetcher, place, entries, registrations)
            if found:
                self.totals.add(found)
                self.summaries.append(_summary(place, found))
            yield place, self._items(place, found) if found else None

    def _items(self, place: RoomOrSession, found: Attendance) -> Iterable[Item]:
        return cast("list[Item]", found.rows)

    def _compute(
        self,
        fetcher: Fetcher,
        place: RoomOrSession,
        entries: list[tuple[RoomOrSession, Response]],
        registrations: Response,
    ) -> Attendance | None:
        registered = fetcher.read(place, registrations)
        entered = [(cast("Session", part.session), fetcher.read(part, response)) for part, response in entries]
        sessions = [(session, rows) for session, rows in entered if rows is not None]
        if registered is None or len(sessions) < len(entered):
            return None
        now = fetcher.hook.now()
        try:
            found = attendance_of_event(sessions, registered, rejoin_gap=self.rejoin_gap, until=now)
        except (UnexpectedAnswerError, ValueError) as error:
            fetcher.failures.add(error, **place.ids)
            return None
        for problem in found.skipped:
            fetcher.failures.add(problem, **place.ids)
        return found


@dataclass
class AttendanceSummarySource(AttendanceSource):
    """Attendance as one row of numbers per session or event."""

    dataset: Dataset = definitions.ATTENDANCE_SUMMARIES

    def _items(self, place: RoomOrSession, found: Attendance) -> Iterable[Item]:
        return [_summary(place, found)]


def _start_requests(fetcher: Fetcher, places: Iterable[RoomOrSession]) -> Iterator[Responses]:
    """Start the calls for attendance; consecutive sessions of a room share one call for the registrations."""
    for room_id, sessions in groupby(places, key=lambda place: place.room_id):
        registrations = _once(fetcher.start_fetch(RoomOrSession(room_id), calls.list_registrations(room_id)))
        for place in sessions:
            entries = [
                (part, fetcher.start_fetch(part, calls.list_session_attendees(room_id, part.session_id or 0)))
                for part in place.parts
            ]
            yield place, entries, registrations


def _once(do: Callable[[], T]) -> Callable[[], T]:
    """Return a function that calls another one once, and from then on returns, or raises, the same."""
    outcome: Future[T] = Future()

    def result() -> T:
        if not outcome.done():
            try:
                outcome.set_result(do())
            except ClickMeetingError as error:
                outcome.set_exception(error)
        return outcome.result()

    return result


def _summary(place: RoomOrSession, found: Attendance) -> Item:
    first, *others = (cast("Session", part.session) for part in place.parts)
    ends = [session.get("end_date") or "" for session in (first, *others)]
    span = {"start_date": first["start_date"], "end_date": max(ends, key=times.parse) if all(ends) else None}
    ids = {"room_id": place.room_id, "session_id": first["id"], "session_ids": found.session_ids}
    return {**ids, **span, **found.summary}


def _registered_at(row: Row) -> datetime | None:
    return _moment(row["registration_date_utc"])


def _recorded_until(row: Row) -> datetime | None:
    start = _moment(row["recorder_start_date_utc"])
    return start and start + timedelta(seconds=row["recording_duration"] or 0)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


#: what makes the source of each dataset. Recordings are listed by room, since not every account can list all of them.
SOURCES: dict[str, Callable[[], Source]] = {
    "conferences": partial(Source, definitions.CONFERENCES, in_time=False),
    "sessions": partial(Source, definitions.SESSIONS, of_sessions=True),
    "attendees": partial(Source, definitions.ATTENDEES, calls.list_session_attendees, of_sessions=True),
    "poll_answers": PollAnswerSource,
    "registrations": partial(Source, definitions.REGISTRATIONS, calls.list_registrations, happened=_registered_at),
    "recordings": partial(Source, definitions.RECORDINGS, calls.list_recordings, happened=_recorded_until),
    "attendance": AttendanceSource,
    "attendance_summaries": AttendanceSummarySource,
}
