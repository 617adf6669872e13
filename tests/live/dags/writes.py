"""Everything that writes to ClickMeeting, with many retries; each try says which process it is."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingPurgeConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)
from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.operators.tokens import ClickMeetingGenerateTokensOperator

ROOM = "{{ dag_run.conf['room_id'] }}"
PLACE = Path(os.environ["AIRFLOW_HOME"]) / "writing"
TRIES = PLACE / "tries"
LEDGERS = f"{PLACE}/ledgers"
PEOPLE = f"{PLACE}/people.csv"


def tell(context):
    """Leave the try's process id where the test finds it, whole."""
    ti = context["ti"]
    name = f"{ti.task_id}.{ti.map_index}.{ti.try_number}"
    (TRIES / f"{name}.part").write_text(str(os.getpid()))
    (TRIES / f"{name}.part").rename(TRIES / name)


with DAG(
    "writes",
    schedule=None,
    max_active_tasks=4,
    default_args={
        "clickmeeting_conn_id": "written",
        "retries": 100,
        "retry_delay": timedelta(seconds=0.1),
        "on_execute_callback": tell,
    },
):
    ClickMeetingCreateConferenceOperator.partial(
        task_id="create", starts_at="{{ dag_run.conf['starts_at'] }}", timezone="Europe/Warsaw"
    ).expand(name=[f"Talk {number}" for number in range(8)])
    ClickMeetingUpdateConferenceOperator(task_id="update", room_id=ROOM, lobby_description="Welcome")
    ClickMeetingGenerateTokensOperator(task_id="tokens", room_id="{{ dag_run.conf['token_room_id'] }}", at_least=3500)
    ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register",
        room_id=ROOM,
        people=PEOPLE,
        confirmation_email=True,
        ledger=f"{LEDGERS}/registrations.jsonl",
    )
    ClickMeetingBulkCreateContactsOperator(task_id="contacts", people=PEOPLE, ledger=f"{LEDGERS}/contacts.jsonl")
    ClickMeetingBulkSendInvitationsOperator(
        task_id="invite", room_id=ROOM, people=PEOPLE, batch_size=10, ledger=f"{LEDGERS}/invitations.jsonl"
    )
    ClickMeetingPurgeConferencesOperator(task_id="purge", older_than=timedelta(days=60), max_deletions=10)
