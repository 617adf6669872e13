"""Export the webinars of the previous day every night: to Parquet files, and to tables of a database.

Each run processes the sessions that ended in its data interval, so backfills and missed nights leave no gaps, and a
second run for the same night changes nothing. Each room has its own tasks, which Airflow's executor distributes over
its workers. Airflow maps over at most 1,024 values by default; if you have more rooms, let `rooms` return lists of ids.
The database is the connection `warehouse`. You need the extras `parquet` and `sql`, and the provider of the database.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task, task_group
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportRegistrationsOperator,
)
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator

# if the host's connection drops, and the host comes back in time, the two sessions count as one webinar
ONE_WEBINAR = timedelta(minutes=15)


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
    default_args={"retries": 2},
    tags=["clickmeeting"],
    params={
        "folder": Param("file:///tmp/clickmeeting/lake", description="The folder for the files, on any object storage"),
        "database": Param("warehouse", description="The connection of the database"),
    },
)
def webinars_to_warehouse():
    folder = "{{ params.folder }}"
    night = "{{ data_interval_start | ds }}"

    # small datasets are exported for all rooms in one task
    ClickMeetingExportConferencesOperator(task_id="conferences", path=f"{folder}/conferences.parquet")
    ClickMeetingExportRegistrationsOperator(task_id="registrations", path=f"{folder}/registrations/{night}.parquet")
    load("conferences")
    load("registrations")

    @task
    def rooms() -> list[int]:
        return [room["id"] for room in ClickMeetingHook().iter_conferences("all")]

    @task_group
    def sessions(room_id: int):
        of_session = "date={date}/{session_id}.parquet"
        ClickMeetingExportAttendeesOperator(
            task_id="attendees", room_id=room_id, path=f"{folder}/attendees/{of_session}"
        )
        ClickMeetingExportAttendanceOperator(
            task_id="attendance",
            room_id=room_id,
            path=f"{folder}/attendance/{of_session}",
            join_sessions_within=ONE_WEBINAR,
        )
        load("sessions", room_id=room_id)
        load("attendees", room_id=room_id)
        load("attendance", room_id=room_id, join_sessions_within=ONE_WEBINAR)

    sessions.expand(room_id=rooms())


webinars_to_warehouse()
