"""Registers the people of a file for a room; called with the room, the file and the ledger.

The ledger is written every few milliseconds.
"""

from __future__ import annotations

import sys

from forks import in_forks

from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.people import ledger as ledgers

room_id, people, ledger = sys.argv[1:]
ledgers.EVERY = 0.005


def register() -> None:
    ClickMeetingBulkRegisterParticipantsOperator(
        task_id="register", room_id=room_id, people=people, ledger=ledger, confirmation_email=True
    ).execute({})


in_forks(register)
