"""Answer an access request: write what the account holds of one person into a file that only its owner can read.

Trigger the DAG with the person's e-mail address. It searches all rooms and sessions of the account, so in a large
account it sends thousands of requests.

- **It needs** the Airflow Variable `clickmeeting_folder`, and the pool `clickmeeting`.
- **When it fails**, because a room or a session could not be read, it writes no file, since the answer would be
  incomplete. Clear the task, or set `max_failures` to get a file that names what could not be searched.
- **A second run** searches again, and writes another file.

Airflow keeps the address with the run's parameters and the rendered templates. Delete the run when you have answered.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.transfers.person import ClickMeetingExportPersonOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1, "pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "email_address": Param("ada@example.com", type="string", description="The e-mail address of the person"),
        "max_failures": Param(
            0, type="integer", minimum=0, description="How many rooms and sessions may be missing in the file"
        ),
    },
)
def access_request():
    person = ClickMeetingExportPersonOperator(
        task_id="person",
        email_address="{{ params.email_address }}",
        max_failures="{{ params.max_failures }}",
        # without the address, since paths are in logs
        path="{{ var.value.clickmeeting_folder }}/access-requests/{{ dag_run.run_after | ts_nodash }}.json",
    )

    @task
    def report(found: dict) -> None:
        kinds = ("registrations", "attendances", "tokens", "chats")
        print(f"Found {', '.join(f'{found[kind]} {kind}' for kind in kinds)}; see {found['path']}")
        if not found["complete"]:
            print(f"{found['failure_count']} items could not be searched; the file names them")

    report(person.output)


access_request()
