"""Export the webinars of the previous day every night: to Parquet files, and to tables of a database.

Each run processes the sessions that ended in its data interval, so backfills and missed nights leave no gaps. The task
`rooms` finds the rooms that met. Airflow maps the other tasks over batches of 50 of these rooms, so that an account
with thousands of rooms needs a few tasks only.

- **It needs** the Airflow Variable `clickmeeting_folder`, with the folder of the files, the connection `warehouse` of a
  database, the pool `clickmeeting`, whose slots limit how many tasks send requests at the same time, the extras
  `parquet` and `sql`, and the provider of the database.
- **When it fails**, each table is either as it was or complete. Clear the failed tasks.
- **A second run** for the same night changes nothing.

Create the Variable and the pool once:

    airflow variables set clickmeeting_folder s3://bucket/clickmeeting --description "Files of the ClickMeeting DAGs"
    airflow pools set clickmeeting 4 "Tasks that send requests to ClickMeeting"
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task_group
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.operators.sessions import ClickMeetingListRoomsWithSessionsOperator
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportPollAnswersOperator,
    ClickMeetingExportRegistrationsOperator,
)
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator

FOLDER = "{{ var.value.clickmeeting_folder }}/lake"
# a run that was triggered without a logical date has no data interval
DAY = "{{ (data_interval_start | default(dag_run.run_after, true)) | ds }}"
# if the host's connection drops, and the host comes back in time, the two sessions count as one webinar
ONE_WEBINAR = timedelta(minutes=15)
# people register long before the night in which their webinar is exported
EVER = "1970-01-01T00:00:00+00:00"


def load(dataset: str, **scope):
    """Create the task that loads a dataset into the table with its name."""
    return ClickMeetingToSqlOperator(
        task_id=f"load_{dataset}",
        dataset=dataset,
        sql_conn_id="{{ params.database }}",
        table=f"clickmeeting_{dataset}",
        **scope,
    )


@dag(
    # with a plain cron expression, a run would have no data interval and would export sessions of all times
    schedule=CronDataIntervalTimetable("30 2 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    # fails a run that cannot go on, for example because Airflow starts no task in a pool that does not exist
    dagrun_timeout=timedelta(hours=20),
    default_args={"retries": 2, "pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={"database": Param("warehouse", type="string", description="The connection of the database")},
)
def webinars_to_warehouse():
    ClickMeetingExportConferencesOperator(task_id="conferences", path=f"{FOLDER}/conferences.parquet")
    load("conferences")

    rooms = ClickMeetingListRoomsWithSessionsOperator(task_id="rooms", batch_size=50, join_sessions_within=ONE_WEBINAR)

    # at most two batches at a time, so that the tasks of other DAGs get slots of the pool, too
    @task_group(default_args={"max_active_tis_per_dag": 2})
    def sessions(room_id: list[int]):
        of_session = "date={date}/{session_id}.parquet"
        ClickMeetingExportAttendeesOperator(
            task_id="attendees", room_id=room_id, path=f"{FOLDER}/attendees/{of_session}"
        )
        ClickMeetingExportPollAnswersOperator(
            task_id="poll_answers", room_id=room_id, path=f"{FOLDER}/poll_answers/{of_session}"
        )
        ClickMeetingExportAttendanceOperator(
            task_id="attendance",
            room_id=room_id,
            path=f"{FOLDER}/attendance/{of_session}",
            join_sessions_within=ONE_WEBINAR,
        )
        ClickMeetingExportRegistrationsOperator(
            task_id="registrations",
            room_id=room_id,
            since=EVER,
            path=f"{FOLDER}/registrations/{DAY}/{{room_id}}.parquet",
        )
        load("sessions", room_id=room_id)
        load("attendees", room_id=room_id)
        load("poll_answers", room_id=room_id)
        load("attendance", room_id=room_id, join_sessions_within=ONE_WEBINAR)
        load("registrations", room_id=room_id, since=EVER)

    sessions.expand(room_id=rooms.output)


webinars_to_warehouse()
