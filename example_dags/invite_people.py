"""Invite the people of a CSV file to a webinar, and write a file with a personal link for each person.

These files hold addresses, and the links let people into the room: choose a folder that other people cannot read, and
that all workers can reach.

- **It needs** the Airflow Variable `clickmeeting_folder`, whose folder has the CSV file, and gets the ledger and the
  links.
- **When it fails**, the ledger says who was invited, and a retry sends only what was not sent. The task `report` prints
  the rows that are not valid; with more than ten of them, the task `invite` fails.
- **A second run** sends mails only to people who are new in the list.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.links import ClickMeetingExportJoinLinksOperator

FOLDER = "{{ var.value.clickmeeting_folder }}"
PEOPLE = f"{FOLDER}/{{{{ params.people }}}}"


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not use the same ledger
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000112,  # the sandbox's room "Customer academy"
            type="integer",
            minimum=1,
            description="The id of the room; the room's page under Browse > Webinars shows it",
        ),
        "people": Param(
            "people.csv", type="string", description="A CSV file in the folder, with names and mail addresses"
        ),
    },
)
def invite_people():
    invite = ClickMeetingBulkSendInvitationsOperator(
        task_id="invite",
        room_id="{{ params.room_id }}",
        people=PEOPLE,
        ledger=FOLDER + "/invited/invitations-{{ params.room_id }}.jsonl",
        # a retry sends only what was not sent
        retries=3,
        retry_delay=timedelta(minutes=2),
        # the task `report` prints malformed addresses; up to ten of them do not keep the links from the others
        max_failures=10,
    )

    # --8<-- [start:links]
    links = ClickMeetingExportJoinLinksOperator(
        task_id="links",
        room_id="{{ params.room_id }}",
        people=PEOPLE,
        path=FOLDER + "/invited/links-{{ params.room_id }}.csv",
        # an auto-login link needs a name, so people without a name get no link
        max_failures=0.5,
    )
    # --8<-- [end:links]

    @task
    def report(invited: dict, linked: dict) -> None:
        print(f"Invited {invited['sent']} people; earlier runs invited {invited['unchanged']}")
        print(f"Wrote {linked['links']} links to {linked['path']}")
        for failure in invited["failures"] + linked["failures"]:
            print(f"Row {failure['row']}: {failure['reason']}")
        if invited["uncertain"]:
            print(f"{invited['uncertain']} people may have got no mail: see the ledger {invited['ledger']}")

    invite >> links
    report(invite.output, links.output)


invite_people()
