"""Archive recordings every night: download the new ones into a folder, with a manifest for each room.

ClickMeeting keeps recordings for a limited time only. Trigger the DAG with `delete_after` on to delete each recording
from ClickMeeting after the DAG has verified the checksum of its file.

- **It needs** the Airflow Variable `clickmeeting_folder`, with the folder of the archive.
- **When it fails**, the folder keeps what it has downloaded. If it would delete more than `max_deletions` recordings,
  it deletes none and fails.
- **A second run**, or a retry, downloads only the recordings that are missing.
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
    max_active_runs=1,  # two runs must not write the same manifest
    render_template_as_native_obj=True,  # renders a list in `rooms` as a list, not as text
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "rooms": Param(
            "all",
            type=["array", "string"],
            items={"type": "integer"},
            description="A list of the ids of the rooms to archive, or `all`",
        ),
        "delete_after": Param(False, type="boolean", description="Delete verified recordings from ClickMeeting"),
        "max_deletions": Param(100, type="integer", minimum=1, description="Delete nothing if more would be deleted"),
    },
)
def archive_recordings():
    archive = ClickMeetingArchiveRecordingsOperator(
        task_id="archive",
        folder="{{ var.value.clickmeeting_folder }}/recordings",
        room_id="{{ params.rooms }}",
        delete_after="{{ params.delete_after }}",
        max_deletions="{{ params.max_deletions }}",
        # a retry downloads only the recordings that are missing
        retries=3,
        retry_delay=timedelta(minutes=10),
    )

    @task
    def report(archived: dict) -> None:
        for path in archived["manifests"]:
            manifest = json.loads(ObjectStoragePath(path).read_bytes())
            seconds = sum(each["duration"] for each in manifest["recordings"])
            deleted = sum(bool(each["deleted_at"]) for each in manifest["recordings"])
            print(
                f"Room {manifest['room_id']}: the archive has {seconds / 3600:.1f} hours of recordings; "
                f"{deleted} recordings are deleted from ClickMeeting"
            )

    report(archive.output)


archive_recordings()
