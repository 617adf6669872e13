"""Follow up every session that has ended: export who was there, thank them, and write to those who missed it.

The mails go out through Airflow's SMTP connection `smtp_default`, at most once for each session: a file beside the
exports tells that they were begun. After a rehearsal nobody gets any, and in a permanent room nobody is missed. To
follow sessions up by hand, trigger it with `{"sessions": [{"room_id": 10000101, "session_id": 7000001}]}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from smtplib import SMTPRecipientsRefused

import pendulum
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportRegistrationsOperator,
)
from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended")


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    params={
        "folder": Param("file:///tmp/clickmeeting", description="Where the exports go: any object storage"),
        "sessions": Param(
            [],
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to follow up by hand",
        ),
    },
)
def on_session_ended():
    @task
    def sessions(params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        told = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        # the same session may be told twice
        rooms = {each["session_id"]: each["room_id"] for each in [*told, *params["sessions"]]}
        return [
            {"room_id": room_id, "session_id": session_id, "folder": f"{params['folder']}/session-{session_id}/"}
            for session_id, room_id in rooms.items()
        ]

    @task_group
    def follow_up(room_id: int, session_id: int, folder: str):
        attendees = ClickMeetingExportAttendeesOperator(
            task_id="attendees", room_id=room_id, session_id=session_id, path=folder, file_format="jsonl"
        )

        @task
        def with_registration(room_id: int) -> int:
            if not ClickMeetingHook().get_conference(room_id)["registration_enabled"]:
                raise AirflowSkipException("Nobody could register for this room")
            return room_id

        registrations = ClickMeetingExportRegistrationsOperator(
            task_id="registrations", room_id=with_registration(room_id), path=folder, file_format="jsonl"
        )

        # Addresses stay in the files, out of XCom. No retries: one would write to the same people again; and one at a
        # time, so that no two runs write about the same session. It runs, and fails, even when an export failed: with
        # upstream_failed Airflow may end the run before other sessions' turn.
        @task(trigger_rule="all_done", retries=0, max_active_tis_per_dag=1)
        def write(room_id: int, folder: str) -> None:
            begun = ObjectStoragePath(f"{folder}mails-begun")
            if begun.exists():
                raise AirflowSkipException(f"The mails were begun before: {begun}")
            room = ClickMeetingHook().get_conference(room_id)
            attendees = rows(f"{folder}attendees.jsonl")
            registrations = rows(f"{folder}registrations.jsonl") if room["registration_enabled"] else []
            came, missed = whom_to_write(room, attendees, registrations)
            with SmtpHook() as smtp:
                begun.write_text(pendulum.now("UTC").isoformat())
                name = escape(room["name"])
                send(smtp, came, "Thank you for coming", f"<p>It was good to have you in {name}.</p>")
                send(smtp, missed, "We missed you", f"<p>We are sorry that you could not come to {name}.</p>")

        [attendees, registrations] >> write(room_id, folder)

    follow_up.expand_kwargs(sessions())


def rows(path: str) -> list[dict]:
    with ObjectStoragePath(path).open("rb") as lines:
        return [json.loads(line) for line in lines]


def whom_to_write(room: dict, attendees: list[dict], registrations: list[dict]) -> tuple[list[str], list[str]]:
    """Return the addresses of those who came, and of those who registered but did not."""
    starts_at = room.get("starts_at")
    if starts_at and all(ended_by(starts_at, row) for row in attendees):
        raise AirflowSkipException("Everybody had left when the webinar was to start: this was a rehearsal")
    present = addresses(attendees)
    staff = addresses(row for row in attendees if row["role"] != "listener")
    # who came to another session has its `session_id`; in a permanent room a registration is for no session at all
    absent = addresses(row for row in registrations if starts_at and row["session_id"] is None)
    return [present[key] for key in present.keys() - staff], [absent[key] for key in absent.keys() - present]


def ended_by(moment: str, row: dict) -> bool:
    return bool(row["end_date"]) and pendulum.parse(row["end_date"]) <= pendulum.parse(moment)


def addresses(people: Iterable[dict]) -> dict[str, str]:
    """Return who can be written to, by the address without its capitals."""
    return {person["email"].lower(): person["email"] for person in people if person["email"]}


def send(smtp: SmtpHook, to: list[str], subject: str, text: str) -> None:
    refused = 0
    for address in to:
        try:
            smtp.send_email_smtp(to=[address], subject=subject, html_content=text)
        except SMTPRecipientsRefused:  # the others are to get theirs
            refused += 1
    print(f"{subject}: {len(to) - refused} mails sent, {refused} addresses refused")


on_session_ended()
