"""Keep recordings: every night, those that are new go into a folder, with a manifest for each room.

ClickMeeting keeps recordings for a limited time only. Trigger it with `delete_after` on to have them deleted from there
as soon as the folder is proved to hold them.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two tasks must not write the same manifest
    render_template_as_native_obj=True,  # so that rooms come as a list, or as None
    tags=["clickmeeting"],
    params={
        "folder": Param("file:///tmp/clickmeeting/recordings", description="Where they stay: any object storage"),
        "rooms": Param(None, type=["array", "null"], items={"type": "integer"}, description="Only those of some rooms"),
        "delete_after": Param(False, type="boolean", description="Delete from ClickMeeting what is proved to be kept"),
    },
)
def archive_recordings():
    archive = ClickMeetingArchiveRecordingsOperator(
        task_id="archive",
        folder="{{ params.folder }}",
        room_id="{{ params.rooms }}",
        delete_after="{{ params.delete_after }}",
        # what came before a failure is there: another try goes on after it
        retries=3,
        retry_delay=timedelta(minutes=10),
    )

    @task
    def tell(archived: dict) -> None:
        for path in archived["manifests"]:
            manifest = json.loads(ObjectStoragePath(path).read_bytes())
            seconds = sum(each["duration"] for each in manifest["recordings"])
            gone = sum(bool(each["deleted_at"]) for each in manifest["recordings"])
            print(f"Room {manifest['room_id']}: {seconds / 3600:.1f} hours kept, {gone} recordings only here")

    tell(archive.output)


archive_recordings()
