"""Wait for a webinar that somebody else planned: for its start, its end, its recording and its report.

The sensors wait in the triggerer, without a worker slot.

- **It needs** the Airflow Variable `clickmeeting_folder`, whose folder gets the report.
- **When it fails**: each sensor tolerates ten failed polls in a row, and fails at its timeout. A session without a
  recording is no failure.
- **A second run** waits for the next session; set `since` to wait for one that is over.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, Variable, dag, task

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.operators.sessions import ClickMeetingGenerateSessionReportOperator
from airflow_clickmeeting.sensors.clickmeeting import (
    ClickMeetingRecordingReadySensor,
    ClickMeetingSessionEndedSensor,
    ClickMeetingSessionReportSensor,
    ClickMeetingSessionStartedSensor,
)


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    doc_md=__doc__,
    default_args={"room_id": "{{ params.room_id }}", "deferrable": True, "poke_interval": 60},
    params={
        "room_id": Param(
            10000101,  # the sandbox's room "Team room"
            type="integer",
            minimum=1,
            description="The id of the room; the room's page under Browse > Webinars shows it",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="Ignore sessions that ended before this time; by default, before the run",
        ),
    },
)
def wait_for_session():
    # fails now, and not after the session
    @task
    def folder() -> str:
        if found := Variable.get("clickmeeting_folder", default=None):
            return found
        raise AirflowFailException(
            "The Airflow Variable clickmeeting_folder does not exist. Create it with the folder for the files: "
            "airflow variables set clickmeeting_folder s3://bucket/clickmeeting"
        )

    started = ClickMeetingSessionStartedSensor(
        task_id="started", multiple_outputs=True, since="{{ params.since or '' }}", timeout=timedelta(days=30)
    )
    session_id, started_at = started.output["session_id"], started.output["started_at"]

    ended = ClickMeetingSessionEndedSensor(
        task_id="ended", multiple_outputs=True, session_id=session_id, timeout=timedelta(days=1)
    )

    # not every session is recorded: after half a day the sensor is skipped, and the rest of the DAG continues
    recording = ClickMeetingRecordingReadySensor(
        task_id="recording",
        since=started_at,
        until=ended.output["ended_at"],
        timeout=timedelta(hours=12),
        soft_fail=True,
    )

    # whoever has the URL of the report can read the report, so the URL is not stored in XCom
    report = ClickMeetingSessionReportSensor(
        task_id="report", session_id=session_id, timeout=timedelta(hours=1), do_xcom_push=False
    )
    save = ClickMeetingGenerateSessionReportOperator(
        task_id="save", session_id=session_id, path="{{ ti.xcom_pull('folder') }}/reports/"
    )

    @task(trigger_rule="none_failed")
    def summarize(session: dict, recorded: dict | None, saved: dict) -> None:
        print(f"Session {session['session_id']} of room {session['room_id']} ended at {session['ended_at']}")
        print(f"{session['total_visitors']} entries, at most {session['max_visitors']} people at once")
        for each in recorded["recordings"] if recorded else []:
            print(f"Recording {each['recording_id']}: {each['duration']} seconds, {each['size']} bytes")
        print(f"Saved the report as {saved['path']}")

    folder() >> started
    ended >> [recording, report]
    report >> save
    summarize(ended.output, recording.output, save.output)


wait_for_session()
