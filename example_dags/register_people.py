"""Register the people of a list for a webinar, and put them into the address book.

The list is a CSV file on any object storage, as a spreadsheet writes it. Rows that are not valid are told, and the
others are registered. Trigger it again with the same list, mended or longer: a ledger remembers who was sent, so that
nobody is registered twice or gets a second mail.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two tasks must not write the same ledger
    tags=["clickmeeting"],
    params={
        "room_id": Param(0, type="integer", description="A room with registration on"),
        "people": Param("file:///tmp/clickmeeting/people.csv", description="First Name, Last Name, E-mail, Company"),
        "ledgers": Param("file:///tmp/clickmeeting/ledgers", description="A folder on any object storage"),
    },
)
def register_people():
    register = ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register",
        room_id="{{ params.room_id }}",
        people="{{ params.people }}",
        columns={"Company": None},  # unless the room's form asks for it
        confirmation_email=True,
        ledger="{{ params.ledgers }}/",
        max_failures=0.05,
        # another try goes on where this one stopped
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

    contacts = ClickMeetingBulkCreateContactsOperator(
        task_id="contacts",
        people="{{ params.people }}",
        ledger="{{ params.ledgers }}/contacts-{{ run_id }}.jsonl",  # each run brings all of them up to date
        max_failures=0.05,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

    @task
    def tell(registered: dict) -> None:
        print(f"{registered['created']} of {registered['rows']} rows are registered by this list")
        for failure in registered["failures"]:
            print(f"Row {failure['row']}: {failure['reason']}")

    tell(register.output)
    register >> contacts


register_people()
