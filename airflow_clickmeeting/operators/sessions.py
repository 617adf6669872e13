"""What took place in a room: sessions, who was there, and the PDF report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import RoomOperator, SessionOperator
from airflow_clickmeeting.storage import located, open_atomic

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Attendee, Registration, Report, Room, Session
    from airflow_clickmeeting.attendance.compute import Summary
    from airflow_clickmeeting.failures import Failure
    from airflow_clickmeeting.hooks.clickmeeting import DownloadResult
    from airflow_clickmeeting.storage import Path


class ClickMeetingListSessionsOperator(RoomOperator):
    """Return the meetings that took place, or are taking place, in a room: `id`, `start_date`, `end_date`, ..."""

    def execute(self, context: Context) -> list[Session]:
        """Read the list, which is empty for a room that was never used."""
        return self.result(self.hook.list_sessions(self.room_id))


class ClickMeetingGetSessionOperator(SessionOperator):
    """Return a session, with the state of its PDF reports by language."""

    def execute(self, context: Context) -> Session:
        """Read it."""
        return self.result(self.hook.get_session(self.room_id, self.session_id))


class ClickMeetingListSessionAttendeesOperator(SessionOperator):
    """Return who was in a session, an item per entry: who leaves and comes back has several.

    Many people are better exported to a file: `ClickMeetingExportAttendeesOperator`.
    """

    def execute(self, context: Context) -> list[Attendee]:
        """Read the list."""
        return self.result(self.hook.list_session_attendees(self.room_id, self.session_id))


class ClickMeetingGenerateSessionReportOperator(SessionOperator):
    """Have a session's PDF report made, wait for it, and save it; a second run overwrites the file.

    :param path: the file, or a folder with a slash at its end, on any object storage.
    :param lang: the report's language.
    :param poll_interval: seconds between two questions whether it is ready.
    :param timeout: seconds after which the task fails.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*SessionOperator.template_fields, "path", "lang")

    def __init__(
        self, *, path: Path, lang: str = "en", poll_interval: float = 5, timeout: float = 900, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.lang = lang
        self.poll_interval = poll_interval
        self.timeout = timeout

    def execute(self, context: Context) -> DownloadResult:
        """Ask until it is ready, and download it from where ClickMeeting put it."""
        target = located(self.path, f"session-{self.session_id}-{self.lang}.pdf")
        report = Retrying(
            retry=retry_if_result(lambda report: not report.get("url") or report.get("status") != "FINISHED"),
            wait=wait_fixed(self.poll_interval),
            stop=stop_after_delay(self.timeout),
            before_sleep=self._log_progress,
            retry_error_callback=self._too_late,
        )(self.hook.generate_session_report, self.room_id, self.session_id, lang=self.lang)
        return self.hook.download_link(report["url"], target)

    def _log_progress(self, state: RetryCallState) -> None:
        report = _report_in(state)
        self.log.info("The report is %s, %s %%", report.get("status"), report.get("progress"))

    def _too_late(self, state: RetryCallState) -> Report:
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.exceptions import ClickMeetingError

        report = _report_in(state)
        message = f"the report of session {self.session_id} is {report.get('status')} after {self.timeout:g} s"
        raise ClickMeetingError(ApiError("other", message), "generate_session_report", self.clickmeeting_conn_id)


def _report_in(state: RetryCallState) -> Report:
    report: Report = state.outcome.result() if state.outcome else {}
    return report


# seconds: a session that runs may have the present, to the minute, as its end
A_MOMENT = 60


class ReportResult(TypedDict):
    """A report that was written: where, its numbers, and the first hundred things that could not be read, with why."""

    path: str
    summary: Summary
    failures: list[Failure]
    failure_count: int


class ClickMeetingAttendanceReportOperator(SessionOperator):
    """Write who was at a session, and for how long, as one HTML page that needs nothing else.

    It has the numbers, a curve of how many were present over time, and a table of the people, with the times of the
    room's zone. A session that still runs is an error. The file is written beside its place and moved there whole. A
    second run writes it anew, with the same bytes while ClickMeeting's answers are the same. An asset among the task's
    outlets is told of it: its event has `path`, `format` and `people` in its extra.

    :param path: the file, or a folder with a slash at its end, on any object storage.
    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param title: the heading; by default the room's name.
    :param show_people: whether people are listed; without, nothing personal is in the file.
    :return: `path`; the `summary`, as `attendance.Summary`; the first hundred `failures`: entries and registrations
        that could not be read and do not count, each with its `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (
        *SessionOperator.template_fields,
        "path",
        "rejoin_gap",
        "title",
        "show_people",
    )

    def __init__(
        self,
        *,
        path: Path,
        rejoin_gap: timedelta | float | str = 0,
        title: str | None = None,
        show_people: bool | Id = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.rejoin_gap = rejoin_gap
        self.title = title
        self.show_people = show_people

    def execute(self, context: Context) -> ReportResult:
        """Ask, count, and write."""
        from airflow_clickmeeting.api import times, validate
        from airflow_clickmeeting.attendance.compute import attendance_of
        from airflow_clickmeeting.attendance.page import page
        from airflow_clickmeeting.failures import MAX_FAILURES_KEPT
        from airflow_clickmeeting.output.outlets import report_outputs

        room_id = validate.identifier("room_id", self.room_id)
        session_id = validate.identifier("session_id", self.session_id)
        gap = times.seconds("rejoin_gap", self.rejoin_gap)
        title = self.title if self.title is None else validate.filled("title", self.title)
        show_people = bool(validate.flag("show_people", self.show_people))
        target = located(self.path, f"attendance-{room_id}-{session_id}.html")

        room = self.hook.get_conference(room_id)
        session = self._ended(self.hook.get_session(room_id, session_id))
        attendees = self.hook.list_session_attendees(room_id, session_id)
        found = attendance_of(session, attendees, self._registrations(room), rejoin_gap=gap)
        content = page(
            session,
            found,
            title=title or room.get("name") or f"Room {room_id}",
            zone=times.zone(room["timezone"]) if room.get("timezone") else None,
            rejoin_gap=gap,
            show_people=show_people,
        )
        with open_atomic(target) as file:
            file.write(content)
        about = {"path": str(target), "format": "html", "people": len(found.rows)}
        report_outputs(self.hook, self.outlets, context, {str(target): about}, about)
        self.log.info("The attendance of session %d is in %s: %s", session_id, target, found.summary)
        if found.skipped:
            self.log.warning("%d entries or registrations could not be read and do not count", len(found.skipped))
        return {
            "path": str(target),
            "summary": found.summary,
            "failures": [{"reason": reason} for reason in found.skipped[:MAX_FAILURES_KEPT]],
            "failure_count": len(found.skipped),
        }

    def _ended(self, session: Session) -> Session:
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.api.facts import over_for
        from airflow_clickmeeting.exceptions import ClickMeetingError

        if not over_for(session, A_MOMENT, self.hook.now()):
            message = f"session {session['id']} still runs, or ended a moment ago: wait for its end, then report on it"
            raise ClickMeetingError(ApiError("other", message), "get_session", self.clickmeeting_conn_id)
        return session

    def _registrations(self, room: Room) -> list[Registration]:
        """List them; a room where registration is off would answer with an error."""
        return self.hook.list_registrations(room["id"]) if room.get("registration_enabled", True) else []
