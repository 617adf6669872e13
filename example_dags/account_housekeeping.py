"""Tidy up an account: save the files of its library, archive its recordings, and delete rooms not used for long.

By default the DAG makes a dry run, which only prints what it would delete. Trigger it with `dry_run` off to delete.
Then the task `purge` deletes an old room only if all its recordings are in the archive.

- **It needs** the Airflow Variable `clickmeeting_folder`, for files, recordings and the audit log, and the pool
  `clickmeeting`. Only two of the mapped tasks `save` run at a time.
- **When it fails**: if `purge` must keep a room, it fails after it has deleted the others. If it would delete more than
  `max_deletions` rooms, it deletes none and fails: check then whether `older_than_days` is what you meant.
- **A second run** downloads only the recordings that are missing, and deletes the old rooms that remain.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.conferences import ClickMeetingPurgeConferencesOperator
from airflow_clickmeeting.operators.files import ClickMeetingDownloadFileOperator, ClickMeetingListFilesOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator

FOLDER = "{{ var.value.clickmeeting_folder }}"


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not write the same manifests
    default_args={"pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "dry_run": Param(True, type="boolean", description="Print what would be deleted, but delete nothing"),
        "older_than_days": Param(
            90, type="integer", minimum=1, description="Delete rooms whose last session ended more days ago than this"
        ),
        "max_deletions": Param(
            10, type="integer", minimum=1, description="Delete nothing if more rooms than this would be deleted"
        ),
    },
)
def account_housekeeping():
    files = ClickMeetingListFilesOperator(task_id="files")

    @task
    def places(files: list[dict], folder: str) -> list[dict]:
        # each file has its own folder, because two files may have the same name
        return [{"file_id": file["id"], "path": f"{folder}/library/{file['id']}/"} for file in files]

    save = ClickMeetingDownloadFileOperator.partial(task_id="save", max_active_tis_per_dag=2).expand_kwargs(
        places(files.output, FOLDER)
    )

    archive = ClickMeetingArchiveRecordingsOperator(task_id="archive", room_id="all", folder=f"{FOLDER}/recordings/")

    # `purge` starts after the files and recordings are saved; it also runs if `save` is skipped for lack of files
    purge = ClickMeetingPurgeConferencesOperator(
        task_id="purge",
        trigger_rule="none_failed",
        older_than="P{{ params.older_than_days }}D",
        max_deletions="{{ params.max_deletions }}",
        dry_run="{{ params.dry_run }}",
        archive=f"{FOLDER}/recordings/",
        audit_path=f"{FOLDER}/audit/",
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
