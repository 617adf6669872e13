"""Keep an account tidy: save the library's files, and delete rooms that ended long ago.

It is dry by default: it says what it would delete. Trigger it with `dry_run` off to have it done. Deleting a room
also deletes its recordings, for good.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.conferences import (
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingListConferencesOperator,
)
from airflow_clickmeeting.operators.files import ClickMeetingDownloadFileOperator, ClickMeetingListFilesOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    params={
        "dry_run": Param(True, type="boolean", description="Only say what would be deleted"),
        "older_than_days": Param(90, type="integer", minimum=1, description="Rooms that ended before are old"),
        "folder": Param("file:///tmp/clickmeeting/library", description="Where the files are saved"),
    },
)
def account_housekeeping():
    rooms = ClickMeetingListConferencesOperator(task_id="inactive_rooms", status="inactive")
    files = ClickMeetingListFilesOperator(task_id="files")

    @task
    def places(files: list[dict], params: dict | None = None) -> list[dict]:
        # a folder for each, since two files may have the same name
        return [{"file_id": file["id"], "path": f"{params['folder']}/{file['id']}/"} for file in files]

    save = ClickMeetingDownloadFileOperator.partial(task_id="save").expand_kwargs(places(files.output))

    @task
    def old_rooms(rooms: list[dict], params: dict | None = None) -> list[int]:
        limit = pendulum.now("UTC").subtract(days=params["older_than_days"])
        old = [room for room in rooms if "ends_at" in room and pendulum.parse(room["ends_at"]) < limit]
        for room in old:
            print(f"{'Would delete' if params['dry_run'] else 'Deleting'} room {room['id']}: {room['name']}")
        return [] if params["dry_run"] else [room["id"] for room in old]

    # after the files are safe; an account without any skips that task, and still wants this one
    delete = ClickMeetingDeleteConferenceOperator.partial(task_id="delete", trigger_rule="none_failed").expand(
        room_id=old_rooms(rooms.output)
    )

    save >> delete


account_housekeeping()
