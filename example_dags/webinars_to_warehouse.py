"""Every night, the webinars of the day before: into Parquet files, and into tables of a database.

Sessions belong to the night after they ended, so that neither backfills nor missed nights leave a gap, and a night that
runs twice changes nothing. Each room has tasks of its own, which Airflow's executor spreads over its workers; where
there are more than 1,024 rooms, which is as many as Airflow maps over, let `rooms` return lists of ids. The database is
the connection `warehouse`. It takes the extras `parquet` and `sql`, and the database's own provider.
"""

from __future__ import annotations

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


def load(dataset: str, **whose):
    """Make the task that loads a dataset into the table of its name."""
    return ClickMeetingToSqlOperator(
        task_id=f"load_{dataset}",
        dataset=dataset,
        sql_conn_id="{{ params.database }}",
        table=f"clickmeeting_{dataset}",
        **whose,
    )


@dag(
    # with a cron expression as its schedule a run would have no data interval, and take sessions of all times
    schedule=CronDataIntervalTimetable("30 2 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 2},
    tags=["clickmeeting"],
    params={
        "folder": Param("file:///tmp/clickmeeting/lake", description="Where the files go: any object storage"),
        "database": Param("warehouse", description="The database's connection"),
    },
)
def webinars_to_warehouse():
    folder = "{{ params.folder }}"
    night = "{{ data_interval_start | ds }}"

    # what is small is taken at once for all rooms
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
            task_id="attendance", room_id=room_id, path=f"{folder}/attendance/{of_session}"
        )
        for dataset in ("sessions", "attendees", "attendance"):
            load(dataset, room_id=room_id)

    sessions.expand(room_id=rooms())


webinars_to_warehouse()
