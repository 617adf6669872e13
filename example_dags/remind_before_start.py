"""Remind the people who registered: a mail seven days, a day and an hour before the planned start of each room.

An asset event starts the DAG at each of these moments, also after a room moved to another start. If you trigger it by
hand, it reminds the people of the rooms in the param `rooms`. It sends nothing once a room has started.

- **It needs** the Airflow Variable `clickmeeting_folder`, with a folder that all workers can reach, the pool
  `clickmeeting`, and the SMTP connection `smtp_default`.
- **When it fails** for one room, it still reminds the people of the others. If it fails between two mails, a retry
  sends the rest.
- **A second run** writes only to people who have not had this reminder: each reminder has a ledger of its mails in the
  folder `reminders/`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from smtplib import SMTPRecipientsRefused
from zoneinfo import ZoneInfo

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.compat import AirflowSkipException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.people.once import send_once
from airflow_clickmeeting.triggers.events import clickmeeting_asset

BEFORE = ["P7D", "P1D", "PT1H"]
SOON = clickmeeting_asset("starts_soon", before=BEFORE)


@dag(
    schedule=[SOON],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"pool": "clickmeeting", "retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "rooms": Param(
            [10000104],  # the sandbox's room "Product launch"
            type="array",
            items={"type": "integer", "minimum": 1},
            description="Ids of the rooms to send reminders for when no event started the DAG; the page "
            "Browse > Webinars shows them",
        ),
    },
)
def remind_before_start():
    @task
    def reminders(folder: str, params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        soon = [event.extra["payload"] for event in triggering_asset_events[SOON]]
        # a run may get an event twice; after an outage it may get two of a room, of which the last one is enough
        soon.sort(key=lambda each: BEFORE.index(each["before"]))
        # a run that was triggered by hand gets none
        ids = {each["room_id"]: each["id"] for each in soon} or {room: f"by-hand-{room}" for room in params["rooms"]}
        return [{"room_id": room_id, "ledger": f"{folder}/reminders/{name}/"} for room_id, name in ids.items()]

    # The addresses are not in XCom.
    @task(max_active_tis_per_dag=1)
    def remind(room_id: int, ledger: str) -> None:
        hook = ClickMeetingHook()
        room = hook.get_conference(room_id)
        if not room.get("starts_at") or room["status"] != "active" or not room["registration_enabled"]:
            raise AirflowSkipException(f"Room {room_id} has no planned start, is inactive, or has registration off")
        if (start := datetime.fromisoformat(room["starts_at"])) <= hook.now():
            raise AirflowSkipException(f"Sent no mails, because room {room_id} started at {start}")
        people = {row["email"].lower(): row["email"] for row in hook.list_registrations(room_id) if row["email"]}
        when = f"{start.astimezone(ZoneInfo(room['timezone'])):%A, %d %B %Y, %H:%M} ({room['timezone']})"
        text = f"<p>{escape(room['name'])} starts on {when}.</p>"
        mail = {"subject": f"Reminder: {room['name']}", "html_content": text}
        with SmtpHook() as smtp:
            send_once(
                ledger,
                people.values(),
                lambda address: smtp.send_email_smtp(to=[address], **mail),
                not_sent=(SMTPRecipientsRefused,),
                max_failures=5,
            )

    remind.expand_kwargs(reminders("{{ var.value.clickmeeting_folder }}"))


remind_before_start()
