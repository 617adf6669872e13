"""Operators for sessions: list them, find the rooms that met, and save PDF reports and attendance reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.times import Length, When
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import FILE_LINKS, ROOM_LINKS
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator, SessionOperator
from airflow_clickmeeting.storage import located, open_atomic

if TYPE_CHECKING:
    from airflow_clickmeeting.api.errors import ParseError
    from airflow_clickmeeting.api.types import Attendee, Registration, Report, Room, Session
    from airflow_clickmeeting.attendance.compute import Summary
    from airflow_clickmeeting.failures import Failure
    from airflow_clickmeeting.hooks.clickmeeting import DownloadResult
    from airflow_clickmeeting.storage import Path

__all__ = [
    "ClickMeetingAttendanceReportOperator",
    "ClickMeetingGenerateSessionReportOperator",
    "ClickMeetingGetSessionOperator",
    "ClickMeetingListRoomsWithSessionsOperator",
    "ClickMeetingListSessionAttendeesOperator",
    "ClickMeetingListSessionsOperator",
]

# seconds: as the end of a running session, ClickMeeting may return the present time in whole minutes
MIN_SECONDS_SINCE_END = 60


class ClickMeetingListSessionsOperator(RoomOperator):
    """Return the past and running sessions of a room as a list of dicts: `id`, `start_date`, `end_date`, ...

    The list is empty if the room was never used.
    """

    def execute(self, context: Context) -> list[Session]:
        return self.result(self.hook.list_sessions(self.room_id))


class ClickMeetingListRoomsWithSessionsOperator(ClickMeetingOperator):
    """Return the ids of the rooms in which a session took place in a period, at least in part, in ascending order.

    The operator lists all rooms of the account, and the sessions of those that may have met. Map operators that take
    lists of rooms over its batches, such as exports: they then send no requests for rooms without a session.

    By default the period is the run's data interval, as in exports; if the run has none, it has no bounds. Where
    ClickMeeting's response leaves open whether a room met, the room counts. The operator only reads, so a second run
    returns the same rooms, as long as ClickMeeting's responses are the same.

    :param since: the start of the period, an aware datetime or ISO 8601 text; by default the start of the run's data
        interval.
    :param until: the end of the period, which is not included; by default the end of the run's data interval.
    :param join_sessions_within: the same as in the exports that use the rooms: their events belong to the period in
        which they are over for that long, so the period begins earlier by that time.
    :param batch_size: the most rooms of a batch; with None, the result is one list. If there were more batches than
        Airflow maps over (`max_map_length`, 1,024 by default), the batches are larger.
    :param max_parallel: how many requests to send at a time, 1 to 64.
    :return: the rooms' ids, or with `batch_size` a list of lists of ids.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "since",
        "until",
        "join_sessions_within",
        "batch_size",
        "max_parallel",
    )

    def __init__(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        join_sessions_within: Length | None = None,
        batch_size: Id | None = None,
        max_parallel: Id = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.until = until
        self.join_sessions_within = join_sessions_within
        self.batch_size = batch_size
        self.max_parallel = max_parallel

    def execute(self, context: Context) -> list[int] | list[list[int]]:
        """Validate the arguments, find the rooms, and return their ids.

        :raises ValueError: naming the argument and its valid values.
        """
        from airflow_clickmeeting.attendance.events import join_length
        from airflow_clickmeeting.datasets.scope import Period
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS

        period = Period.of_run(self.since, self.until, context, self.log)
        within = timedelta(0) if self.join_sessions_within is None else join_length(self.join_sessions_within)
        size = None if self.batch_size is None else validate.whole_number("batch_size", self.batch_size)
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        interval = (period.since and period.since - within, period.until)
        rooms = [room["id"] for room in self.hook.rooms_with_sessions(interval, max_parallel=max_parallel)]
        return rooms if size is None else _batches(rooms, size)


def _batches(rooms: list[int], size: int) -> list[list[int]]:
    """Return the rooms in batches of this size, or of a larger one if Airflow could not map over so many batches."""
    from airflow_clickmeeting.compat import conf

    size = max(size, ceil(len(rooms) / conf.getint("core", "max_map_length", fallback=1024)))
    return [rooms[start : start + size] for start in range(0, len(rooms), size)]


class ClickMeetingGetSessionOperator(SessionOperator):
    """Return a session as a dict, with the state of its PDF reports by language."""

    def execute(self, context: Context) -> Session:
        return self.result(self.hook.get_session(self.room_id, self.session_id))


class ClickMeetingListSessionAttendeesOperator(SessionOperator):
    """Return the attendees of a session as a list of dicts, an item per entry: a person who rejoins has several.

    For a session with many attendees, use `ClickMeetingExportAttendeesOperator`, which writes them to a file.
    """

    def execute(self, context: Context) -> list[Attendee]:
        return self.result(self.hook.list_session_attendees(self.room_id, self.session_id))


class ClickMeetingGenerateSessionReportOperator(SessionOperator):
    """Generate a session's PDF report, wait until it is finished, and download it; a second run overwrites the file.

    :param path: the file, or a folder that ends in a slash, on any object storage.
    :param lang: the report's language.
    :param poll_interval: seconds between two polls of the report's state.
    :param timeout: seconds after which the task fails if the report is not finished.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read it, since it names people. Object storages have no file modes.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*SessionOperator.template_fields, "path", "lang", "file_mode")
    operator_extra_links = (*ROOM_LINKS, *FILE_LINKS)

    def __init__(
        self,
        *,
        path: Path,
        lang: str = "en",
        poll_interval: float = 5,
        timeout: float = 900,
        file_mode: Id = "600",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.lang = lang
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.file_mode = file_mode

    def execute(self, context: Context) -> DownloadResult:
        """Poll until the report is finished, and download it from its link.

        :raises ClickMeetingError: if the report is not finished after `timeout`.
        """
        target = located(self.path, f"session-{self.session_id}-{self.lang}.pdf")
        file_mode = validate.permissions("file_mode", self.file_mode)
        report = Retrying(
            retry=retry_if_result(lambda report: not report.get("url") or report.get("status") != "FINISHED"),
            wait=wait_fixed(self.poll_interval),
            stop=stop_after_delay(self.timeout),
            before_sleep=self._log_progress,
            retry_error_callback=self._raise_timeout,
        )(self.hook.generate_session_report, self.room_id, self.session_id, lang=self.lang)
        result = self.hook.download_link(report["url"], target, file_mode=file_mode)
        self.written = [result["path"]]
        return result

    def _log_progress(self, state: RetryCallState) -> None:
        report = _last_report(state)
        self.log.info(
            "The PDF report of session %s was %s, %s %% finished; next poll in %s s",
            self.session_id,
            report.get("status"),
            report.get("progress"),
            self.poll_interval,
        )

    def _raise_timeout(self, state: RetryCallState) -> Report:
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.exceptions import ClickMeetingError

        report = _last_report(state)
        message = (
            f"timed out after {self.timeout:g} s waiting for the PDF report of session {self.session_id}, which is "
            f"{report.get('status')}"
        )
        cure = "Set a longer timeout"
        raise ClickMeetingError(
            ApiError("other", message, cure=cure), "generate_session_report", self.clickmeeting_conn_id
        )


def _last_report(state: RetryCallState) -> Report:
    report: Report = state.outcome.result() if state.outcome else {}
    return report


class ReportResult(TypedDict):
    """The report's path, its sessions and numbers, and the first hundred failures."""

    path: str
    session_ids: list[int]
    summary: Summary
    failures: list[Failure]
    failure_count: int


class ClickMeetingAttendanceReportOperator(SessionOperator):
    """Write a report of who attended a session, and for how long, as one HTML page that loads nothing else.

    The page has the numbers, a curve of how many people were present over time, how many of them gave which answer in
    polls, and a table of the people, with times in the room's time zone. If the session still runs, the task fails. The
    operator writes the file under a temporary name and then replaces the old file with it. A second run writes the file
    again, with the same bytes if ClickMeeting's data are the same.

    The operator reports the file to the task's outlets: an asset's event has `path`, `format` and `people` in its
    extra.

    :param path: the file, or a folder that ends in a slash, on any object storage.
    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param join_sessions_within: how much later than the end of a session the next one of the room may start and be the
        same event, a timedelta or ISO 8601 text, at most a day; by default the report is on this session alone. The
        report is on the whole event, whichever of its sessions `session_id` is. The task fails if the event may still
        go on, that is, until so long after the end of its last session.
    :param title: the heading; by default the room's name.
    :param show_people: whether the page lists the people and the texts of answers in polls; if not, the file has no
        personal data.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read it. Object storages have no file modes.
    :return: `path`; the `session_ids` of the report; the `summary`, as `attendance.compute.Summary`; the first hundred
        `failures`, which are entries, registrations, parts of polls and other sessions of the room that could not be
        read and do not count, each with its `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (
        *SessionOperator.template_fields,
        "path",
        "rejoin_gap",
        "join_sessions_within",
        "title",
        "show_people",
        "file_mode",
    )
    operator_extra_links = (*ROOM_LINKS, *FILE_LINKS)

    def __init__(
        self,
        *,
        path: Path,
        rejoin_gap: timedelta | float | str = 0,
        join_sessions_within: Length | None = None,
        title: str | None = None,
        show_people: bool | Id = True,
        file_mode: Id = "600",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.rejoin_gap = rejoin_gap
        self.join_sessions_within = join_sessions_within
        self.title = title
        self.show_people = show_people
        self.file_mode = file_mode

    def execute(self, context: Context) -> ReportResult:
        """Read the session or the event, compute who attended it, and write the page.

        :raises ValueError: naming the argument and its valid values.
        :raises ClickMeetingError: if the session still runs, ended less than a minute ago, or may still go on.
        """
        from airflow_clickmeeting.api import calls, times
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.attendance.compute import attendance_of_event
        from airflow_clickmeeting.attendance.events import join_length
        from airflow_clickmeeting.attendance.page import page
        from airflow_clickmeeting.attendance.polls import poll_answers, poll_results
        from airflow_clickmeeting.failures import MAX_FAILURES_KEPT
        from airflow_clickmeeting.output.outlets import report_outputs

        room_id = validate.identifier("room_id", self.room_id)
        session_id = validate.identifier("session_id", self.session_id)
        gap = times.seconds("rejoin_gap", self.rejoin_gap)
        within = None if self.join_sessions_within is None else join_length(self.join_sessions_within)
        title = self.title if self.title is None else validate.filled("title", self.title)
        show_people = bool(validate.flag("show_people", self.show_people))
        located(self.path, "")
        file_mode = validate.permissions("file_mode", self.file_mode)

        problems: list[str] = []
        try:
            room = self.hook.get_conference(room_id)
            event = self._read_event(room_id, session_id, within, problems)
            self._require_over(event, within)
            sessions = [(each, self.hook.list_session_attendees(room_id, each["id"])) for each in event]
            attendance = attendance_of_event(sessions, self._list_registrations(room), rejoin_gap=gap)
            audience = {row["person"] for row in attendance.rows if not row["is_staff"]}
            answers: list[dict[str, Any]] = []
            unread_polls: list[str] = []
            for session, entries in sessions:
                unread: list[str] = []
                answers += poll_answers(entries, unread.append)
                unread_polls += [f"session {session['id']}, {reason}" for reason in unread]
            content = page(
                attendance,
                polls=poll_results(answers, audience),
                unread_polls=len(unread_polls),
                title=title or room.get("name") or f"Room {room_id}",
                zone=times.zone(room["timezone"]) if room.get("timezone") else None,
                rejoin_gap=gap,
                show_people=show_people,
            )
        except ValueError as error:  # the arguments are valid, so this concerns ClickMeeting's data
            raise self.hook.error(ApiError("unexpected", str(error)), calls.get_session(room_id, session_id)) from None
        session_ids, problems = attendance.session_ids, problems + attendance.skipped + unread_polls
        target = located(self.path, f"attendance-{room_id}-{session_ids[0]}.html")
        with open_atomic(target, file_mode) as file:
            file.write(content)
        self.written = [str(target)]
        about = {"path": str(target), "format": "html", "people": len(attendance.rows)}
        report_outputs(self.hook, "attendance", self.outlets, context, {str(target): about}, about)
        self.log.info("Wrote the attendance report of sessions %s to %s: %s", session_ids, target, attendance.summary)
        if problems:
            self.log.warning(
                "%d sessions, entries, registrations or parts of polls could not be read, so the report of %s does not "
                "count them",
                len(problems),
                session_ids,
            )
        return {
            "path": str(target),
            "session_ids": session_ids,
            "summary": attendance.summary,
            "failures": [{"reason": reason} for reason in problems[:MAX_FAILURES_KEPT]],
            "failure_count": len(problems),
        }

    def _read_event(
        self, room_id: int, session_id: int, within: timedelta | None, problems: list[str]
    ) -> list[Session]:
        """Return the session, with those that it is joined with; add to `problems` those that cannot be read."""
        from airflow_clickmeeting.attendance.events import join_sessions

        session = self.hook.get_session(room_id, session_id)
        if within is None:
            return [session]

        def skip(other: Session, error: ParseError) -> None:
            problems.append(f"session {other['id']} is not joined with another one: {error}")

        others = (each for each in self.hook.list_sessions(room_id) if each["id"] != session_id)
        events = join_sessions([session, *others], within, skip)
        return next((event for event in events if session in event), [session])

    def _require_over(self, event: list[Session], within: timedelta | None) -> None:
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.api.facts import over_for
        from airflow_clickmeeting.exceptions import ClickMeetingError

        settle = max(MIN_SECONDS_SINCE_END, within.total_seconds() if within else 0)
        now = self.hook.now()
        for session in event:
            if not over_for(session, settle, now):
                message = (
                    f"session {session['id']} still runs, or ended less than {settle:g} s ago, so its attendance is "
                    "not complete"
                )
                cure = f"Wait so long, or put the task behind a ClickMeetingSessionEndedSensor with settle={settle:g}"
                problem = ApiError("other", message, cure=cure)
                raise ClickMeetingError(problem, "get_session", self.clickmeeting_conn_id)

    def _list_registrations(self, room: Room) -> list[Registration]:
        # ClickMeeting returns an error for a room with registration off
        return self.hook.list_registrations(room["id"]) if room.get("registration_enabled", True) else []
