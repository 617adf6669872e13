"""Invite the people of a CSV file to a webinar, and write a file with a personal link for each of them.

The ledger beside the list keeps who was invited: trigger the DAG again with a longer list, and only those who are new
get a mail. Both files hold addresses, and the links let people in: keep them where only those who may see them can.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.links import ClickMeetingExportJoinLinksOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two tasks must not share a ledger
    tags=["clickmeeting"],
    params={
        "room_id": Param(type="integer", description="The webinar"),
        "people": Param("file:///tmp/clickmeeting/people.csv", description="A CSV file of addresses and names"),
        "folder": Param("file:///tmp/clickmeeting/invited", description="Where ledger and links go"),
    },
)
def invite_people():
    invite = ClickMeetingBulkSendInvitationsOperator(
        task_id="invite",
        room_id="{{ params.room_id }}",
        people="{{ params.people }}",
        ledger="{{ params.folder }}/invitations-{{ params.room_id }}.jsonl",
        # another try sends only what was not sent
        retries=3,
        retry_delay=timedelta(minutes=2),
        # some malformed addresses are told below, and shall not keep the links from the others
        max_failures=10,
    )

    links = ClickMeetingExportJoinLinksOperator(
        task_id="links",
        room_id="{{ params.room_id }}",
        people="{{ params.people }}",
        path="{{ params.folder }}/links-{{ params.room_id }}.csv",
        max_failures=0.5,
    )

    @task
    def tell(invited: dict, linked: dict) -> None:
        print(f"{invited['sent']} invited now, {invited['unchanged']} before, {linked['links']} links")
        for failure in invited["failures"] + linked["failures"]:
            print(f"Row {failure['row']}: {failure['reason']}")
        if invited["uncertain"]:
            print(f"Look into {invited['ledger']} for {invited['uncertain']} people who may have got no mail")

    invite >> links
    tell(invite.output, links.output)


invite_people()
