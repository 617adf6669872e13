"""Mail a report over all webinars of a month: who registered, who came, for how long, and the best ones.

The report has numbers only, no names of people.

- **It needs** the Airflow Variable `clickmeeting_folder`, whose folder gets the report as a table, and the SMTP
  connection `smtp_default`.
- **When it fails** before the mail, nothing was sent, and the retry computes everything again. Sessions that cannot be
  read fail the export, so that no report is wrong.
- **A second run** for the same month writes the table again, and mails it only to addresses that did not get it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from html import escape
from smtplib import SMTPRecipientsRefused

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.people.once import send_once
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator

# a run that was triggered without a logical date has no data interval, and reports on all sessions
MONTH = "{{ (data_interval_start | default(dag_run.run_after, true)).strftime('%Y-%m') }}"
FOLDER = f"{{{{ var.value.clickmeeting_folder }}}}/monthly/{MONTH}"
COLUMNS = ("registered", "came", "show_up_rate", "median_minutes", "peak")


@dag(
    schedule=CronDataIntervalTimetable("0 6 1 * *", timezone="Europe/Warsaw"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Warsaw"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "to": Param(["team@example.com"], type="array", description="The mail addresses that get the report"),
    },
)
def monthly_report():
    attendance = ClickMeetingExportAttendanceOperator(
        task_id="attendance",
        multiple_outputs=True,
        # if the host's connection drops, and the host comes back in time, the two sessions are one webinar
        join_sessions_within=timedelta(minutes=15),
        rejoin_gap=timedelta(minutes=5),
        path=f"{FOLDER}/attendance.jsonl.gz",
        summary_path=f"{FOLDER}/webinars.jsonl",
    )

    @task
    def mail(total: dict, folder: str, month: str, params: dict | None = None) -> None:
        names = {room["id"]: room["name"] for room in ClickMeetingHook().iter_conferences("all")}
        rows = [json.loads(line) for line in ObjectStoragePath(f"{folder}/webinars.jsonl").read_text().splitlines()]
        for row in rows:
            row["name"] = names.get(row["room_id"]) or f"Room {row['room_id']}, which is deleted"
        html = report(rows, total)
        with SmtpHook() as smtp:
            send_once(
                f"{folder}/",
                params["to"],
                lambda to: smtp.send_email_smtp(to=[to], subject=f"Webinars of {month}", html_content=html),
                not_sent=(SMTPRecipientsRefused,),
            )

    mail(attendance.output["summary"], FOLDER, MONTH)


def report(webinars: list[dict], total: dict) -> str:
    """Return the report as HTML: a line for each webinar, the best visited first, and the total."""
    lines = sorted(webinars, key=lambda row: (-row["came"], row["start_date"]))
    head = "".join(f"<th>{each.replace('_', ' ')}</th>" for each in ("webinar", "start", *COLUMNS))
    body = "".join(line(row["name"], row["start_date"][:16].replace("T", " "), row) for row in lines)
    foot = line(f"All {total['sessions']} webinars", "", total)
    return f"<table border='1' cellpadding='4'><tr>{head}</tr>{body}{foot}</table>"


def line(name: str, start: str, numbers: dict) -> str:
    shown = {**numbers, "show_up_rate": numbers["show_up_rate"] and f"{numbers['show_up_rate']:.0%}"}
    values = [name, start, *("" if shown[each] is None else shown[each] for each in COLUMNS)]
    return f"<tr>{''.join(f'<td>{escape(str(each))}</td>' for each in values)}</tr>"


monthly_report()
