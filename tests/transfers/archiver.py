"""Archives and deletes the recordings of a room, each time in a process of its own that may be killed.

Called with the room and the folder. It begins with a run of its own, so that what a run imports is there, which takes
seconds. Then each line on standard input has a process forked off; it says after how many seconds that is killed, or
nothing. How it ended is the line that comes back.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from airflow_clickmeeting.transfers.archive import ClickMeetingArchiveRecordingsOperator


def main(room_id: str, folder: str) -> None:
    """Run, and fork."""

    def archive() -> None:
        ClickMeetingArchiveRecordingsOperator(
            task_id="archive", room_id=room_id, folder=folder, delete_after=True
        ).execute({})

    archive()
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                archive()
            finally:
                os._exit(sys.exc_info()[0] is not None)
        if line.strip():
            time.sleep(float(line))
            os.kill(process, signal.SIGKILL)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
        sys.stdout.flush()


main(*sys.argv[1:])
