"""Report who attended each session that has ended: save a page in a folder, and send it by mail.

An asset event starts the DAG when a session has ended. If you trigger it by hand, it reports on the sessions in the
param `sessions`. Names and addresses are only in the attached page, not in the mail itself.

- **It needs** the Airflow Variable `clickmeeting_folder`, with the folder of the pages, the pool `clickmeeting`, and
  the SMTP connection `smtp_default`.
- **When it fails** for one session, it still reports on the others. It does not retry a mail, because that could send
  it twice.
- **A second run** writes the page again and sends the mail again.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended")


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "to": Param(["team@example.com"], type="array", description="The mail addresses that get the pages"),
        "sessions": Param(
            [{"room_id": 10000103, "session_id": 7000002}],  # the sandbox's room "Airflow workshop"
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to report on when no event started the DAG; the page of a room under "
            "Browse > Webinars shows both ids",
        ),
    },
)
def attendance_report():
    @task
    def sessions(params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        ended = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        # a run may get several events of the same session; one that was triggered by hand gets none
        rooms = {each["session_id"]: each["room_id"] for each in ended or params["sessions"]}
        return [{"room_id": room_id, "session_id": session_id} for session_id, room_id in rooms.items()]

    @task_group(default_args={"max_active_tis_per_dag": 2})
    def report(room_id: int, session_id: int):
        page = ClickMeetingAttendanceReportOperator(
            task_id="page",
            room_id=room_id,
            session_id=session_id,
            path="{{ var.value.clickmeeting_folder }}/reports/",
            rejoin_gap=timedelta(minutes=5),
        )

        # This task runs, and fails, even if the task `page` failed. With the state upstream_failed, Airflow may end the
        # run before the tasks of the other sessions have run. A retry could send a mail twice, so there is none.
        @task(trigger_rule="all_done", retries=0)
        def mail(room_id: int, report: dict | None, params: dict | None = None) -> None:
            if not report:
                raise AirflowFailException("Sent no mail, because the task `page` failed; its log has the reason")
            name = " ".join(ClickMeetingHook().get_conference(room_id)["name"].split())
            with TemporaryDirectory() as folder, SmtpHook() as smtp:
                page = ObjectStoragePath(report["path"])
                attachment = Path(folder, page.name)
                attachment.write_bytes(page.read_bytes())
                smtp.send_email_smtp(
                    to=params["to"],
                    subject=f"Attendance: {name}",
                    html_content=summary_as_html(report["summary"]),
                    files=[str(attachment)],
                )

        mail(room_id, page.output)

    report.expand_kwargs(sessions())


def summary_as_html(summary: dict) -> str:
    registered = (
        f", {summary['attended']} of {summary['registered']} who had registered" if summary["registered"] else ""
    )
    return f"<p>{summary['came']} came{registered}. The attached page lists who came, when, and for how long.</p>"


attendance_report()
