"""Archives and deletes the recordings of a room; called with the room and the folder."""

from __future__ import annotations

import sys

from forks import in_forks

from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator

room_id, folder = sys.argv[1:]


def archive() -> None:
    ClickMeetingArchiveRecordingsOperator(
        task_id="archive", room_id=room_id, folder=folder, delete_after=True, max_deletions=1000
    ).execute({})


in_forks(archive)
