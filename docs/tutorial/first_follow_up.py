"""Wait until a webinar is over, thank the people who came, and write to those who registered and did not come."""

from typing import Any

from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import DAG, task

from airflow_clickmeeting.operators.registrations import ClickMeetingListRegistrationsOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingListSessionAttendeesOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor

ROOM = 10000110  # the room "Onboarding" of the sandbox

with DAG("first_follow_up", schedule=None):
    ended = ClickMeetingSessionEndedSensor(task_id="ended", room_id=ROOM, poke_interval=5, multiple_outputs=True)

    attendees = ClickMeetingListSessionAttendeesOperator(
        task_id="attendees", room_id=ROOM, session_id=ended.output["session_id"]
    )
    registrations = ClickMeetingListRegistrationsOperator(task_id="registrations", room_id=ROOM)
    ended >> registrations

    @task
    def mails(attendees: Any, registrations: Any) -> list[dict[str, str]]:
        present = {row["email"].lower() for row in attendees if row["email"]}
        staff = {row["email"].lower() for row in attendees if row["email"] and row["role"] != "listener"}
        absent = {row["email"].lower() for row in registrations} - present
        thanks = [{"to": each, "subject": "Thank you for coming"} for each in sorted(present - staff)]
        missed = [{"to": each, "subject": "We missed you"} for each in sorted(absent)]
        return thanks + missed

    # a retry could write to the same person again, so there is none
    EmailOperator.partial(task_id="send", html_content="<p>See you next time.</p>", retries=0).expand_kwargs(
        mails(attendees.output, registrations.output)
    )
