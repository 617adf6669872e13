"""Invite people to a webinar with a calendar file and a personal link, in a mail of your own.

A calendar program adds the file to the calendar of the person, and updates the entry if a later file has another time.

- **It needs** the extra `cookbook`, the Airflow Variable `clickmeeting_folder`, whose folder has the list of people and
  gets the links and the ledger, a scheduled room, and the SMTP connection `smtp_default`.
- **When it fails** between two mails, a retry sends the rest: the ledger says who was invited.
- **A second run** writes only to people who are new in the list. When the room was moved to another time, it writes to
  everybody again, because there is a ledger for each start.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from smtplib import SMTPRecipientsRefused
from tempfile import TemporaryDirectory

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.links import ClickMeetingExportJoinLinksOperator
from airflow_clickmeeting.people.once import send_once

FOLDER = "{{ var.value.clickmeeting_folder }}/calendar/{{ params.room_id }}"


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not use the same ledger
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000104,  # the sandbox's room "Product launch"
            type="integer",
            minimum=1,
            description="The id of a room with a start; the room's page under Browse > Webinars shows it",
        ),
        "people": Param("people.csv", type="string", description="A CSV file in the folder, with names and addresses"),
    },
)
def calendar_invitation():
    links = ClickMeetingExportJoinLinksOperator(
        task_id="links",
        multiple_outputs=True,
        room_id="{{ params.room_id }}",
        people="{{ var.value.clickmeeting_folder }}/{{ params.people }}",
        path=f"{FOLDER}/links.jsonl",
        max_failures=0.1,  # malformed rows, which the log lists
    )

    @task
    def send_invitations(path: str, folder: str, params: dict | None = None) -> None:
        room = ClickMeetingHook().get_conference(params["room_id"])
        if "starts_at" not in room:
            raise AirflowFailException("A permanent room has no start: choose a scheduled room, then trigger the DAG")
        people = {row["email"]: row for row in map(json.loads, ObjectStoragePath(path).read_text().splitlines())}
        calendars = {address: calendar_of(room, address, person["link"]) for address, person in people.items()}
        with TemporaryDirectory() as attachments, SmtpHook() as smtp:

            def send(address: str) -> None:
                (file := Path(attachments, "webinar.ics")).write_bytes(calendars[address])
                text = f'<p>{escape(room["name"])}</p><p><a href="{escape(people[address]["link"])}">Join</a></p>'
                smtp.send_email_smtp(to=[address], subject="Invitation", html_content=text, files=[str(file)])

            ledger = f"{folder}/invited-{datetime.fromisoformat(room['starts_at']):%Y%m%dT%H%M%z}.jsonl"
            send_once(ledger, people, send, not_sent=(SMTPRecipientsRefused,), max_failures=5)

    send_invitations(links.output["path"], FOLDER)


def calendar_of(room: dict, address: str, link: str) -> bytes:
    from icalendar import Calendar, Event

    calendar, event = Calendar(), Event()
    for name, value in (("prodid", "-//example.com//webinars//EN"), ("version", "2.0"), ("method", "PUBLISH")):
        calendar.add(name, value)
    # in UTC, which needs no definition of a time zone in the file; the calendar shows it in the zone of its owner
    for name, moment in (("dtstart", "starts_at"), ("dtend", "ends_at"), ("dtstamp", "updated_at")):
        event.add(name, datetime.fromisoformat(room[moment]).astimezone(UTC))
    # the same id in each file of a person, so that a later one replaces the entry
    event.add("uid", f"{room['id']}-{address}")
    event.add("summary", room["name"])
    event.add("location", link)
    event.add("url", link)
    calendar.add_component(event)
    return calendar.to_ical()


calendar_invitation()
