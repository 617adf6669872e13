"""Report on every session that has ended: a page of who was there and for how long, kept in a folder and mailed.

The mail goes out through Airflow's SMTP connection `smtp_default`; names and addresses are in the attached page only.
A second run mails again. To report by hand, trigger it with `{"sessions": [{"room_id": 10000101, "session_id":
7000001}]}`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended")


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    params={
        "folder": Param("file:///tmp/clickmeeting/reports", description="Where the pages stay: any object storage"),
        "to": Param(["team@example.com"], type="array", description="Who gets them by mail"),
        "sessions": Param(
            [],
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to report on by hand",
        ),
    },
)
def attendance_report():
    @task
    def sessions(params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        told = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        # the same session may be told twice
        rooms = {each["session_id"]: each["room_id"] for each in [*told, *params["sessions"]]}
        return [{"room_id": room_id, "session_id": session_id} for session_id, room_id in rooms.items()]

    @task_group
    def report(room_id: int, session_id: int):
        page = ClickMeetingAttendanceReportOperator(
            task_id="page",
            room_id=room_id,
            session_id=session_id,
            path="{{ params.folder }}/",
            rejoin_gap=timedelta(minutes=5),
        )

        # It runs, and fails, even when there is no page: with upstream_failed Airflow may end the run before other
        # sessions' turn.
        @task(trigger_rule="all_done", retries=0)
        def mail(room_id: int, report: dict | None, params: dict | None = None) -> None:
            if not report:
                raise AirflowFailException("There is no page to mail")
            name = " ".join(ClickMeetingHook().get_conference(room_id)["name"].split())
            with TemporaryDirectory() as folder, SmtpHook() as smtp:
                page = ObjectStoragePath(report["path"])
                copy = Path(folder, page.name)
                copy.write_bytes(page.read_bytes())
                smtp.send_email_smtp(
                    to=params["to"],
                    subject=f"Attendance: {name}",
                    html_content=in_a_sentence(report["summary"]),
                    files=[str(copy)],
                )

        mail(room_id, page.output)

    report.expand_kwargs(sessions())


def in_a_sentence(summary: dict) -> str:
    registered = (
        f", {summary['attended']} of {summary['registered']} who had registered" if summary["registered"] else ""
    )
    return f"<p>{summary['came']} came{registered}. The attached page tells who, when and for how long.</p>"


attendance_report()
