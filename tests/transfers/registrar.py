"""Registers the people of a file for a room, each time in a process of its own that may be killed.

Called with the room, the file and the ledger, which is written every few milliseconds. It begins with a run of its own,
so that what a run imports is there, which takes seconds. Then each line on standard input has a process forked off; it
says after how many seconds that is killed, or nothing. How it ended is the line that comes back.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from airflow_clickmeeting.transfers import ledger as ledgers
from airflow_clickmeeting.transfers.registering import ClickMeetingRegisterParticipantsOperator


def main(room_id: str, participants: str, ledger: str) -> None:
    """Run, and fork."""
    ledgers.EVERY = 0.005

    def register() -> None:
        ClickMeetingRegisterParticipantsOperator(
            task_id="register", room_id=room_id, participants=participants, ledger=ledger, confirmation_email=True
        ).execute({})

    register()
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                register()
            finally:
                os._exit(sys.exc_info()[0] is not None)
        if line.strip():
            time.sleep(float(line))
            os.kill(process, signal.SIGKILL)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
        sys.stdout.flush()


main(*sys.argv[1:])
