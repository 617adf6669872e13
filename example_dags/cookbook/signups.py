"""Register people for a room from three sources: a sheet saved as CSV, a query of a database, and a CRM over HTTP.

The three tasks share one ledger, so a person who is in several sources is registered once. Delete those that you do not
need.

- **It needs** a room with registration on; the Airflow Variable `clickmeeting_folder`, whose folder has the sheet and
  gets the ledger; the connection `warehouse` with a table `signups`; and the HTTP connection `crm`, with its token.
- **When it fails** half-way, the retry registers only those who are left. A source that fails stops those after it.
- **A second run** registers only people who are new, and nobody gets a second mail.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.storage import located, open_atomic

FOLDER = "{{ var.value.clickmeeting_folder }}"
QUERY = "SELECT first_name, last_name, email FROM signups WHERE room_id = {{ params.room_id }} ORDER BY email"


def register(source: str, **people):
    """Create the task that registers the people of a source."""
    return ClickMeetingBulkRegisterParticipantsOperator(
        task_id=f"from_{source}",
        room_id="{{ params.room_id }}",
        ledger=f"{FOLDER}/signups/",
        confirmation_email=True,
        # up to one row in twenty may be malformed; the log says which
        max_failures=0.05,
        **people,
    )


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not use the same ledger
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000112,  # the sandbox's room "Customer academy"
            type="integer",
            minimum=1,
            description="The id of a room with registration on; the room's page under Browse > Webinars shows it",
        ),
        "sheet": Param(
            "people.csv", type="string", description="A CSV file in the folder: First Name, Last Name and E-mail"
        ),
    },
)
def signups():
    # a sheet may have more columns than the room's form, such as the company here
    from_sheet = register("sheet", people=f"{FOLDER}/{{{{ params.sheet }}}}", columns={"Company": None})
    from_database = register("database", sql=QUERY, sql_conn_id="warehouse")

    @task
    def read_crm(path: str, params: dict | None = None) -> str:
        from airflow.providers.http.hooks.http import HttpHook

        hook = HttpHook("GET", http_conn_id="crm")
        headers = {"Authorization": f"Bearer {hook.get_connection('crm').password}"}
        page: str | None = f"contacts?webinar={params['room_id']}"
        # the file has the addresses, so that they are not in XCom
        with open_atomic(located(path, "")) as file:
            while page:
                answer = hook.run(page, headers=headers, extra_options={"timeout": 30}).json()
                for each in answer["contacts"]:
                    row = {name: each[name] for name in ("firstname", "lastname", "email")}
                    file.write(json.dumps(row).encode() + b"\n")
                page = answer.get("next")
        return path

    from_crm = register("crm", people=read_crm(FOLDER + "/signups/crm-{{ params.room_id }}.jsonl"))
    # one after the other, because only one task at a time may use a ledger
    from_sheet >> from_database >> from_crm


signups()
