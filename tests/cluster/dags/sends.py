"""Registers and invites the people of a list, and archives recordings: everything a worker's death must not repeat."""

from datetime import timedelta

from airflow.sdk import DAG

from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator

ROOM = "{{ dag_run.conf['room_id'] }}"
PLACE = "s3://s3@cluster"

with DAG(
    "sends",
    schedule=None,
    default_args={
        "clickmeeting_conn_id": "sent",
        "room_id": ROOM,
        # a lease on a ledger outlives its holder for a while
        "retries": 30,
        "retry_delay": timedelta(seconds=3),
    },
):
    ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register",
        people=f"{PLACE}/people.csv",
        confirmation_email=True,
        ledger=f"{PLACE}/ledgers/",
        max_parallel=4,
    )
    ClickMeetingBulkSendInvitationsOperator(
        task_id="invite", people=f"{PLACE}/people.csv", ledger=f"{PLACE}/ledgers/", batch_size=10
    )
    ClickMeetingArchiveRecordingsOperator(
        task_id="archive", folder=f"{PLACE}/recordings", delete_after=True, max_deletions=100
    )
