"""Keep an account tidy: save the library's files, archive recordings, and delete rooms in which nobody met for long.

It is dry by default: it says what it would delete. Trigger it with `dry_run` off to have it done. A room goes only
when all its recordings are in the archive. When there are more rooms to delete than `max_deletions`, none goes: look
then whether `older_than_days` is what you meant.
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
        "dry_run": Param(True, type="boolean", description="Only say what would be deleted"),
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

    # after all is safe; an account without any files skips that task, and still wants this one
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
    def tell(purged: dict) -> None:
        for room in [*purged["would_delete"], *purged["deleted"]]:
            print(f"{'Would delete' if room['dry_run'] else 'Deleted'} room {room['room_id']}: {room['name']}")
        for room in purged["kept"]:
            print(f"Kept room {room['room_id']}: {room['name']}, because {', '.join(room['against'])}")

    [save, archive] >> purge
    tell(purge.output)


account_housekeeping()
