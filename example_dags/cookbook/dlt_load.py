"""Load attendance with dlt, which creates the tables and merges the rows, into DuckDB or any destination of dlt.

Every night the DAG exports the sessions of its data interval, and dlt merges the rows by room, session and person.

- **It needs** the library dlt with its destination, such as `dlt[duckdb]`; the Airflow Variables `clickmeeting_folder`,
  whose folder gets the export, and `duckdb_folder`, a folder on a worker's disk; and the pool `clickmeeting`.
- **When it fails** half-way, dlt loads the rows again, and merges them into those that are there.
- **A second run** for the same night leaves the tables as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from tempfile import TemporaryDirectory

import pendulum
from airflow.sdk import ObjectStoragePath, dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator

FILE = "{{ var.value.clickmeeting_folder }}/dlt/attendance-{{ run_id | replace(':', '-') }}.jsonl"


@dag(
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # one process at a time may write a DuckDB file
    default_args={"pool": "clickmeeting", "retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
)
def dlt_load():
    attendance = ClickMeetingExportAttendanceOperator(task_id="attendance", multiple_outputs=True, path=FILE)

    @task
    def load(path: str, database: str) -> None:
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # dlt reports its use to its makers
        import dlt

        # dlt keeps its state in the destination too, so the folder need not outlive the task
        with TemporaryDirectory() as folder:
            pipeline = dlt.pipeline(
                "clickmeeting",
                destination=dlt.destinations.duckdb(database),
                dataset_name="clickmeeting",
                pipelines_dir=folder,
            )
            key = ("room_id", "session_id", "person")
            rows = dlt.resource(rows_of(path), name="attendance", primary_key=key, write_disposition="merge")
            print(pipeline.run(rows))

    load(attendance.output["path"], "{{ var.value.duckdb_folder }}/webinars-dlt.duckdb")


def rows_of(path: str) -> Iterator[dict]:
    for line in ObjectStoragePath(path).read_text().splitlines():
        yield json.loads(line)


dlt_load()
