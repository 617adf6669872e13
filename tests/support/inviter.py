"""Invites the people of a list, if it is there.

Its arguments are the room, the list, what to do with people who are uncertain, and the batch size. The ledger is that
of the environment variable LEDGER, or goes beside the list, as the result does.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from forks import in_forks

from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator

room_id, people, on_uncertain, batch_size = sys.argv[1:]


def invite() -> None:
    if Path(people).exists():
        result = ClickMeetingBulkSendInvitationsOperator(
            task_id="invite",
            room_id=room_id,
            people=people,
            ledger=os.environ.get("LEDGER") or f"{people}.ledger.jsonl",
            batch_size=int(batch_size),
            on_uncertain=on_uncertain,
        ).execute({})
        Path(f"{people}.result.json").write_text(json.dumps(result))


if "LEDGER" in os.environ:
    import_module("airflow.providers.amazon.aws.fs.s3")  # a fork would need seconds for it

in_forks(invite)
