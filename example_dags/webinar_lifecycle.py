"""Run a webinar from start to end: plan it, register and invite people, wait until it is over, and save its data.

ClickMeeting's API calls the room of a webinar a conference. Each meeting in the room is a session, and attendees belong
to a session. The tasks pass the ids of the room and of the session on through XCom.

- **It needs** the Airflow Variable `clickmeeting_folder`, for the files, and the pool `clickmeeting`, whose slots limit
  how many tasks send requests at the same time.
- **When it fails**, clear the failed task: the tasks before it do not run again. Before you clear `invite`, check
  whether its mails were sent.
- **A second run** on another day plans another webinar. On the same day it finds the room of the first run, and sends
  the invitations again.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Variable, dag, task

from airflow_clickmeeting.compat import AirflowFailException
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

# --8<-- [start:people]
PEOPLE = [
    {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"},
    {"First Name": "Grace", "Last Name": "Hopper", "Email Address": "grace@example.com"},
    {"First Name": "Alan", "Last Name": "Turing", "Email Address": "alan@example.com"},
    {"First Name": "Hedy", "Last Name": "Lamarr", "Email Address": "hedy@example.com"},
]
# --8<-- [end:people]


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Warsaw"),
    catchup=False,
    default_args={"pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
)
def webinar_lifecycle():
    # fails now, and not after the webinar
    @task
    def folder() -> str:
        if found := Variable.get("clickmeeting_folder", default=None):
            return found
        raise AirflowFailException(
            "The Airflow Variable clickmeeting_folder does not exist. Create it with the folder for the files: "
            "airflow variables set clickmeeting_folder s3://bucket/clickmeeting"
        )

    @task
    def next_week() -> str:
        # use ClickMeeting's clock, because the sandbox's clock may run faster than this machine's
        hook = ClickMeetingHook()
        hook.ping()
        start = pendulum.instance(hook.now()).in_timezone("Europe/Warsaw").add(weeks=1).at(15)
        return start.isoformat()

    # --8<-- [start:create]
    # with multiple_outputs, each key of the room is an XCom of its own, such as create.output["id"]
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
    # --8<-- [end:create]

    # --8<-- [start:register]
    # a task per person, so that one wrong address does not stop the others
    register = ClickMeetingRegisterParticipantOperator.partial(
        task_id="register", room_id=create.output["id"], max_active_tis_per_dag=2
    ).expand(registration=PEOPLE)
    # --8<-- [end:register]

    # --8<-- [start:invite]
    # a retry could send all mails a second time, so there is none
    invite = ClickMeetingSendInvitationOperator(
        task_id="invite",
        room_id=create.output["id"],
        attendees=["katherine@example.com", "margaret@example.com"],
        retries=0,
    )
    # --8<-- [end:invite]

    # waits in the triggerer, without a worker slot; ignores a rehearsal before the planned start
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
    files = "{{ ti.xcom_pull('folder') }}/session-{{ ti.xcom_pull('wait')['session_id'] }}"
    attendees = ClickMeetingExportAttendeesOperator(
        task_id="attendees", room_id=room_id, session_id=session_id, path=f"{files}/attendees.csv"
    )
    registrations = ClickMeetingExportRegistrationsOperator(
        task_id="registrations", room_id=room_id, path=f"{files}/registrations.jsonl"
    )
    # --8<-- [start:report]
    report = ClickMeetingGenerateSessionReportOperator(
        task_id="report", room_id=room_id, session_id=session_id, path=f"{files}/report.pdf"
    )
    # --8<-- [end:report]

    folder() >> create
    [register, invite] >> wait >> [attendees, registrations, report]


webinar_lifecycle()
