"""What took place in a room: sessions, who was there, and the PDF report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from airflow_clickmeeting.operators.base import RoomOperator, SessionOperator
from airflow_clickmeeting.storage import located

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Attendee, Report, Session
    from airflow_clickmeeting.hooks.clickmeeting import Downloaded
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

    def execute(self, context: Context) -> Downloaded:
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
        from airflow_clickmeeting.api.errors import Problem
        from airflow_clickmeeting.exceptions import ClickMeetingError

        report = _report_in(state)
        message = f"the report of session {self.session_id} is {report.get('status')} after {self.timeout:g} s"
        raise ClickMeetingError(Problem("other", message), "generate_session_report", self.clickmeeting_conn_id)


def _report_in(state: RetryCallState) -> Report:
    report: Report = state.outcome.result() if state.outcome else {}
    return report
