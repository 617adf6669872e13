"""Register the people of a list for a webinar, and add them to the address book.

The list is a CSV file, as a spreadsheet program saves it. The DAG prints the rows that are not valid, and registers the
others.

- **It needs** the Airflow Variable `clickmeeting_folder`, whose folder has the list and gets the ledger, and a room
  with registration on.
- **When it fails**: if more than 5 % of the rows fail, the task `register` fails after it has tried all rows, and the
  other tasks do not run. Correct the list, and trigger the DAG again.
- **A second run** with the same list, corrected or longer, registers nobody twice and causes no second mail, because
  the ledger keeps who was registered.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator

FOLDER = "{{ var.value.clickmeeting_folder }}"
PEOPLE = f"{FOLDER}/{{{{ params.people }}}}"


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs must not write the same ledger
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000112,  # the sandbox's room "Customer academy"
            type="integer",
            minimum=1,
            description="The id of a room with registration on; the room's page under Browse > Webinars shows it",
        ),
        "people": Param(
            "people.csv",
            type="string",
            description="A CSV file in the folder, with the columns First Name, Last Name, E-mail and Company",
        ),
    },
)
def register_people():
    register = ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register",
        room_id="{{ params.room_id }}",
        people=PEOPLE,
        # leaves the column out; remove this line if the room's form asks for the company
        columns={"Company": None},
        confirmation_email=True,
        ledger=f"{FOLDER}/ledgers/",
        max_failures=0.05,
        # a retry continues where this try stopped
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

    contacts = ClickMeetingBulkCreateContactsOperator(
        task_id="contacts",
        people=PEOPLE,
        # each run has its own ledger, so each run updates all contacts, and a retry only those that are missing
        ledger=FOLDER + "/ledgers/contacts-{{ run_id }}.jsonl",
        max_failures=0.05,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

    @task
    def report(registered: dict) -> None:
        print(f"{registered['rows']} rows: {registered['created']} registered, {registered['unchanged']} already there")
        for failure in registered["failures"]:
            print(f"Row {failure['row']}: {failure['reason']}")

    report(register.output)
    register >> contacts


register_people()
