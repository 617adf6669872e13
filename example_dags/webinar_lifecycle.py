"""A webinar from beginning to end: plan it, fill it, wait for it, take its data home.

ClickMeeting calls a webinar's room a conference. Each time people meet in it is a session, and that is what the
attendance belongs to. The room's id and the session's id flow from task to task through XCom.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingCreateConferenceOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingSendInvitationOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingRegisterParticipantOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingGenerateSessionReportOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportRegistrationsOperator,
)

PEOPLE = [
    {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"},
    {"First Name": "Grace", "Last Name": "Hopper", "Email Address": "grace@example.com"},
    {"First Name": "Alan", "Last Name": "Turing", "Email Address": "alan@example.com"},
    {"First Name": "Hedy", "Last Name": "Lamarr", "Email Address": "hedy@example.com"},
]


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Warsaw"),
    catchup=False,
    tags=["clickmeeting"],
    params={"folder": Param("file:///tmp/clickmeeting", description="Where the files go: any object storage")},
)
def webinar_lifecycle():
    @task
    def next_week() -> str:
        # by ClickMeeting's own clock, for the sandbox's may run fast
        hook = ClickMeetingHook()
        hook.ping()
        start = pendulum.instance(hook.now()).in_timezone("Europe/Warsaw").add(weeks=1).at(15)
        return start.isoformat()

    # with multiple_outputs each key of the room is an XCom of its own, such as create.output["id"]
    create = ClickMeetingCreateConferenceOperator(
        task_id="create",
        multiple_outputs=True,
        name="Airflow for webinars",
        starts_at=next_week(),
        timezone="Europe/Warsaw",
        duration="1:00",
        registration={"enabled": True},
        settings={"recorder_autostart_enabled": True},
    )

    # a task per person, so that one wrong address does not keep the others out
    register = ClickMeetingRegisterParticipantOperator.partial(task_id="register", room_id=create.output["id"]).expand(
        registration=PEOPLE
    )

    # mails must not go out twice, so this task is not retried
    invite = ClickMeetingSendInvitationOperator(
        task_id="invite",
        room_id=create.output["id"],
        attendees=["katherine@example.com", "margaret@example.com"],
        retries=0,
    )

    # waits in the triggerer, without a worker slot; a rehearsal before the start does not count
    wait = ClickMeetingSessionEndedSensor(
        task_id="wait",
        multiple_outputs=True,
        room_id=create.output["id"],
        since=create.output["starts_at"],
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(days=8),
    )

    room_id, session_id = create.output["id"], wait.output["session_id"]
    folder = "{{ params.folder }}/session-{{ ti.xcom_pull('wait')['session_id'] }}"
    attendees = ClickMeetingExportAttendeesOperator(
        task_id="attendees", room_id=room_id, session_id=session_id, path=f"{folder}/attendees.csv"
    )
    registrations = ClickMeetingExportRegistrationsOperator(
        task_id="registrations", room_id=room_id, path=f"{folder}/registrations.jsonl"
    )
    report = ClickMeetingGenerateSessionReportOperator(
        task_id="report", room_id=room_id, session_id=session_id, path=f"{folder}/report.pdf"
    )

    [register, invite] >> wait >> [attendees, registrations, report]


webinar_lifecycle()
