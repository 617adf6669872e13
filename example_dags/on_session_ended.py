"""Follow up each session that has ended: export the attendees, thank them, and write to people who did not come.

An asset event starts the DAG when a session has ended. If you trigger it by hand, it follows up the sessions in the
param `sessions`. After a rehearsal it sends no mails, and in a permanent room nobody counts as absent.

- **It needs** the Airflow Variable `clickmeeting_folder`, with a folder for the exports that all workers can reach,
  the pool `clickmeeting`, and the SMTP connection `smtp_default`.
- **When it fails** for one session, it still follows up the others. If it fails between two mails, a second run does
  not send the rest.
- **A second run** exports again and sends no mails: before the first mail the DAG writes the file `mails-begun` beside
  the exports, and if that file exists, it sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from html import escape
from smtplib import SMTPRecipientsRefused

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from airflow_clickmeeting.compat import AirflowSkipException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportRegistrationsOperator,
)
from airflow_clickmeeting.triggers.events import clickmeeting_asset

# --8<-- [start:asset]
ENDED = clickmeeting_asset("session_ended")
# --8<-- [end:asset]


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "sessions": Param(
            [{"room_id": 10000103, "session_id": 7000002}],  # the sandbox's room "Airflow workshop"
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to follow up when no event started the DAG; the page of a room under "
            "Browse > Webinars shows both ids",
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
        attendees = ClickMeetingExportAttendeesOperator(
            task_id="attendees", room_id=room_id, session_id=session_id, path=folder, file_format="jsonl"
        )

        @task
        def with_registration(room_id: int) -> int:
            if not ClickMeetingHook().get_conference(room_id)["registration_enabled"]:
                raise AirflowSkipException(f"Room {room_id} has registration off, so it has no registrations")
            return room_id

        registrations = ClickMeetingExportRegistrationsOperator(
            task_id="registrations", room_id=with_registration(room_id), path=folder, file_format="jsonl"
        )

        # This task reads the addresses from the files, so that they are not in XCom. A retry could write to the same
        # people again, so there is none. One task runs at a time, so that no two runs write about the same session. The
        # task runs, and fails, even if an export failed: with the state upstream_failed, Airflow may end the run before
        # the tasks of the other sessions have run.
        @task(trigger_rule="all_done", retries=0, max_active_tis_per_dag=1)
        def send_mails(room_id: int, folder: str) -> None:
            begun = ObjectStoragePath(f"{folder}mails-begun")
            if begun.exists():
                raise AirflowSkipException(
                    f"Sent no mails, because an earlier run began to send them. To send all of them, delete {begun}"
                )
            room = ClickMeetingHook().get_conference(room_id)
            attendees = read_rows(f"{folder}attendees.jsonl")
            registrations = read_rows(f"{folder}registrations.jsonl") if room["registration_enabled"] else []
            came, absent = find_recipients(room, attendees, registrations)
            with SmtpHook() as smtp:
                begun.write_text(pendulum.now("UTC").isoformat())
                name = escape(room["name"])
                send(smtp, came, "Thank you for coming", f"<p>It was good to have you in {name}.</p>")
                send(smtp, absent, "We missed you", f"<p>We are sorry that you could not come to {name}.</p>")

        [attendees, registrations] >> send_mails(room_id, folder)

    follow_up.expand_kwargs(sessions("{{ var.value.clickmeeting_folder }}"))


def read_rows(path: str) -> list[dict]:
    with ObjectStoragePath(path).open("rb") as lines:
        return [json.loads(line) for line in lines]


def find_recipients(room: dict, attendees: list[dict], registrations: list[dict]) -> tuple[list[str], list[str]]:
    """Return the addresses of the people who came, and of the people who registered but did not come."""
    starts_at = room.get("starts_at")
    if starts_at and all(had_left(row, starts_at) for row in attendees):
        raise AirflowSkipException("Sent no mails after a rehearsal: all attendees had left by the planned start")
    present = addresses_of(attendees)
    staff = addresses_of(row for row in attendees if row["role"] != "listener")
    # the registration of a person who came to another session has the id of that session; a registration for a
    # permanent room belongs to no session, so it does not show who was absent
    absent = addresses_of(row for row in registrations if starts_at and row["session_id"] is None)
    return [present[key] for key in present.keys() - staff], [absent[key] for key in absent.keys() - present]


def had_left(row: dict, moment: str) -> bool:
    return bool(row["end_date"]) and datetime.fromisoformat(row["end_date"]) <= datetime.fromisoformat(moment)


def addresses_of(people: Iterable[dict]) -> dict[str, str]:
    """Return the addresses of the people who have one, by the address in lower case."""
    return {person["email"].lower(): person["email"] for person in people if person["email"]}


def send(smtp: SmtpHook, to: list[str], subject: str, text: str) -> None:
    refused = 0
    for address in to:
        try:
            smtp.send_email_smtp(to=[address], subject=subject, html_content=text)
        except SMTPRecipientsRefused:  # the other people still get their mails
            refused += 1
    print(f"{subject}: sent {len(to) - refused} mails; the mail server refused {refused} addresses")


on_session_ended()
