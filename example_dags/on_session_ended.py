"""Thank everybody who came to a session that has ended, and write to the people who registered but did not come.

An asset event starts the DAG when a session has ended, or you trigger it by hand, with the param `sessions`. After a
rehearsal it sends no mails, and in a permanent room nobody counts as absent.

- **It needs** the Airflow Variable `clickmeeting_folder`, with a folder for the exports that all workers can reach,
  the pool `clickmeeting`, and the SMTP connection `smtp_default`.
- **When it fails** for one session, it still follows up the others. A retry sends only the mails that are left.
- **A second run** exports again, and writes only to people whom no earlier run wrote to.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import escape
from smtplib import SMTPRecipientsRefused

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from airflow_clickmeeting.compat import AirflowSkipException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.people.once import send_once
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

# --8<-- [start:asset]
ENDED = clickmeeting_asset("session_ended")
# --8<-- [end:asset]


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"pool": "clickmeeting", "retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "sessions": Param(
            [{"room_id": 10000103, "session_id": 7000002}],  # the sandbox's room "Airflow workshop"
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to follow up when no event started the DAG, as on a room's page in Browse > Webinars",
        ),
    },
)
def on_session_ended():
    # --8<-- [start:sessions]
    @task
    def sessions(folder: str, params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        ended = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        # a run may get several events of the same session; one that was triggered by hand gets none
        rooms = {each["session_id"]: each["room_id"] for each in ended or params["sessions"]}
        return [
            {"room_id": room_id, "session_id": session_id, "folder": f"{folder}/session-{session_id}/"}
            for session_id, room_id in rooms.items()
        ]

    # --8<-- [end:sessions]

    @task_group(default_args={"max_active_tis_per_dag": 2})
    def follow_up(room_id: int, session_id: int, folder: str):
        attendance = ClickMeetingExportAttendanceOperator(
            task_id="attendance", room_id=room_id, session_id=session_id, path=folder, file_format="jsonl"
        )

        # It reads the addresses from the file, so that they are not in XCom. It runs, and fails, even if the export
        # failed: with the state upstream_failed, Airflow may end the run before the other sessions' tasks.
        @task(trigger_rule="all_done", max_active_tis_per_dag=1)
        def send_mails(room_id: int, folder: str) -> None:
            room = ClickMeetingHook().get_conference(room_id)
            texts = texts_for(room, ObjectStoragePath(f"{folder}attendance.jsonl").read_text().splitlines())
            with SmtpHook() as smtp:
                send_once(
                    folder,
                    texts,
                    lambda address: smtp.send_email_smtp(to=[address], **texts[address]),
                    not_sent=(SMTPRecipientsRefused,),
                    max_failures=5,
                )

        attendance >> send_mails(room_id, folder)

    follow_up.expand_kwargs(sessions("{{ var.value.clickmeeting_folder }}"))


def texts_for(room: dict, lines: list[str]) -> dict[str, dict]:
    """Return the subject and the text for each address."""
    people, starts_at, name = [json.loads(line) for line in lines], room.get("starts_at"), escape(room["name"])
    left = [datetime.fromisoformat(each["last_leave"]) for each in people if each["last_leave"]]
    if starts_at and left and max(left) <= datetime.fromisoformat(starts_at):
        raise AirflowSkipException("Sent no mails after a rehearsal: all attendees had left by the planned start")
    thanks = {"subject": "Thank you for coming", "html_content": f"<p>It was good to have you in {name}.</p>"}
    missed = {"subject": "We missed you", "html_content": f"<p>We are sorry that you could not come to {name}.</p>"}
    # people may come to any session of a permanent room, which has no start, so nobody missed this one
    texts = {"attended": thanks, "walk_in": thanks, "no_show": missed if starts_at else None, None: None}
    return {each["email"]: text for each in people if each["email"] and (text := texts[each["status"]])}


on_session_ended()
