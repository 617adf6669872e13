"""Registers a person with a ledger on the disk of whatever machine the task comes to."""

import os

from airflow.sdk import DAG

from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator

with DAG("keeps", schedule=None):
    ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register",
        clickmeeting_conn_id="kept",
        room_id="{{ dag_run.conf['room_id'] }}",
        people=[{"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}],
        ledger=f"file://{os.environ['AIRFLOW_HOME']}/ledgers/",
    )
