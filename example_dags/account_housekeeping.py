"""Keep an account tidy: save the library's files, archive recordings, and delete rooms not used for long.

By default it is a dry run, which only prints what it would delete. Trigger the DAG with `dry_run` off to delete. A room
is deleted only when all its recordings are in the archive; the task `purge` fails when it had to keep old rooms. When
more than `max_deletions` rooms would be deleted, none is: check then whether `older_than_days` is what you meant.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.conferences import ClickMeetingPurgeConferencesOperator
from airflow_clickmeeting.operators.files import ClickMeetingDownloadFileOperator, ClickMeetingListFilesOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs would write the same manifests
    tags=["clickmeeting"],
    params={
        "dry_run": Param(True, type="boolean", description="Only print what would be deleted"),
        "older_than_days": Param(90, type="integer", minimum=1, description="Rooms that ended before are old"),
        "max_deletions": Param(10, type="integer", minimum=1, description="Delete nothing when more rooms are old"),
        "folder": Param("file:///tmp/clickmeeting", description="Where files, recordings and the audit go"),
    },
)
def account_housekeeping():
    files = ClickMeetingListFilesOperator(task_id="files")

    @task
    def places(files: list[dict], params: dict | None = None) -> list[dict]:
        # a folder for each, since two files may have the same name
        return [{"file_id": file["id"], "path": f"{params['folder']}/library/{file['id']}/"} for file in files]

    save = ClickMeetingDownloadFileOperator.partial(task_id="save").expand_kwargs(places(files.output))

    archive = ClickMeetingArchiveRecordingsOperator(task_id="archive", folder="{{ params.folder }}/recordings/")

    # runs after the files and recordings are saved; an account without files skips `save`, but is purged too
    purge = ClickMeetingPurgeConferencesOperator(
        task_id="purge",
        trigger_rule="none_failed",
        older_than="P{{ params.older_than_days }}D",
        max_deletions="{{ params.max_deletions }}",
        dry_run="{{ params.dry_run }}",
        archive="{{ params.folder }}/recordings/",
        audit_path="{{ params.folder }}/audit/",
    )

    @task
    def report(purged: dict) -> None:
        for room in [*purged["would_delete"], *purged["deleted"]]:
            print(f"{'Would delete' if room['dry_run'] else 'Deleted'} room {room['room_id']}: {room['name']}")
        for room in purged["kept"]:
            print(f"Kept room {room['room_id']}: {room['name']}, because {', '.join(room['blockers'])}")

    [save, archive] >> purge
    report(purge.output)


account_housekeeping()
