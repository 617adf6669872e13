"""Load the whole account into a warehouse with Parquet files and the warehouse's own loader; here it is DuckDB.

Every night the DAG writes the sessions of its data interval as Parquet files, one for each session, and then lets the
warehouse read all files. With another warehouse, replace `load` by its operator, such as COPY INTO.

- **It needs** the extras `parquet` and `duckdb`; the Airflow Variables `clickmeeting_folder`, whose folder gets the
  files, and `duckdb_folder`, a folder on the disk of one worker; and the pool `clickmeeting`.
- **When it fails** half-way, each table is as it was or complete, because it is replaced in one transaction.
- **A second run** for the same night writes the same files, and the tables are the same.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pendulum
from airflow.sdk import ObjectStoragePath, dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportRegistrationsOperator,
    ClickMeetingExportSessionsOperator,
)

FOLDER = "{{ var.value.clickmeeting_folder }}/parquet"
OF_SESSION = "{session_id}.parquet"
TABLES = ("conferences", "sessions", "attendance", "registrations")


@dag(
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # one process at a time may write a DuckDB file
    default_args={"pool": "clickmeeting", "retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
)
def parquet_to_duckdb():
    exports = [
        ClickMeetingExportConferencesOperator(task_id="conferences", path=f"{FOLDER}/conferences/all.parquet"),
        ClickMeetingExportSessionsOperator(task_id="sessions", path=f"{FOLDER}/sessions/{OF_SESSION}"),
        ClickMeetingExportAttendanceOperator(task_id="attendance", path=f"{FOLDER}/attendance/{OF_SESSION}"),
        # registrations have no end, so a file has all of a room, and each night replaces it
        ClickMeetingExportRegistrationsOperator(
            task_id="registrations",
            since="1970-01-01T00:00:00+00:00",
            path=f"{FOLDER}/registrations/{{room_id}}.parquet",
        ),
    ]

    @task
    def load(folder: str, file: str) -> None:
        import duckdb

        Path(file).parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as copies, duckdb.connect(file) as database:
            database.begin()
            for table in TABLES:
                # DuckDB reads local copies: through the file system of an Airflow connection, DuckDB 1.5 can lock up
                files = {Path(copies, f"{table}-{path.name}"): path for path in paths_of(folder, table)}
                for copy, path in files.items():
                    copy.write_bytes(path.read_bytes())
                if files:
                    database.execute(f"DROP TABLE IF EXISTS {table}")
                    database.read_parquet([*map(str, files)], union_by_name=True).create(table)
                print(f"Loaded {len(files)} files into {table}")
            database.commit()

    exports >> load(FOLDER, "{{ var.value.duckdb_folder }}/webinars.duckdb")


def paths_of(folder: str, table: str) -> list[ObjectStoragePath]:
    return sorted(ObjectStoragePath(f"{folder}/{table}").glob("*.parquet"))


parquet_to_duckdb()
