"""Archive all recordings, prove that the archive is intact, and delete rooms from ClickMeeting a year after their end.

By default the DAG makes a dry run. Trigger it with `dry_run` off to delete; when it works, set the default to off.

- **It needs** the Airflow Variable `clickmeeting_folder`, with a folder for the archive, and the pool `clickmeeting`.
- **When it fails** before `delete`, for example because a file of the archive is damaged, nothing was deleted. A room
  that a safety check blocks fails alone.
- **A second run** archives what is new, proves everything again, and deletes the old rooms that remain.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import file_digest

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingDeleteConferenceOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.transfers.exports import ClickMeetingExportSessionsOperator

FOLDER = "{{ var.value.clickmeeting_folder }}/retention"


@dag(
    schedule="@monthly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not write the same manifests
    default_args={"pool": "clickmeeting", "retries": 2, "retry_delay": timedelta(minutes=30)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "dry_run": Param(True, type="boolean", description="Say what would be deleted, but delete nothing"),
        "days": Param(365, type="integer", minimum=30, description="How long after its last session a room stays"),
        "max_deletions": Param(50, type="integer", minimum=1, description="Delete nothing if more would be deleted"),
    },
)
def retention():
    archive = f"{FOLDER}/recordings/"
    recordings = ClickMeetingArchiveRecordingsOperator(
        task_id="recordings", multiple_outputs=True, room_id="all", folder=archive
    )
    # ClickMeeting does not list rooms that were inactive for six months: these files say which rooms there are
    sessions = ClickMeetingExportSessionsOperator(
        task_id="sessions",
        since="1970-01-01T00:00:00+00:00",
        until="{{ dag_run.run_after }}",
        path=f"{FOLDER}/sessions/{{room_id}}.jsonl",
    )

    @task
    def prove(manifests: list[str]) -> None:
        for manifest in map(ObjectStoragePath, manifests):
            for entry in json.loads(manifest.read_bytes())["recordings"]:
                with (manifest.parent / entry["path"]).open("rb") as file:
                    if file_digest(file, "sha256").hexdigest() != entry["sha256"]:
                        raise AirflowFailException(f"{entry['path']} is damaged. Restore it, then clear this task.")

    @task
    def due(folder: str, params: dict | None = None) -> list[int]:
        hook, found = ClickMeetingHook(), []
        hook.ping()  # reads ClickMeeting's clock
        for path in ObjectStoragePath(f"{folder}/sessions").glob("*.jsonl"):
            ends = [json.loads(line)["end_date"] for line in path.read_text().splitlines()]
            last = max((datetime.fromisoformat(end) for end in ends if end), default=None)
            if last and last < hook.now() - timedelta(days=params["days"]) and may_go(hook, int(path.stem)):
                found.append(int(path.stem))
        if len(found) > params["max_deletions"]:
            raise AirflowFailException(
                f"Deleted nothing, since {len(found)} rooms are due: {found}. Raise max_deletions"
            )
        return sorted(found)

    # the operator checks each room again, and writes a line into the audit before and after it deletes it
    delete = ClickMeetingDeleteConferenceOperator.partial(
        task_id="delete",
        max_active_tis_per_dag=2,
        grace="P{{ params.days }}D",
        dry_run="{{ params.dry_run }}",
        archive=archive,
        audit_path=f"{FOLDER}/audit/",
    ).expand(room_id=(rooms := due(FOLDER)))
    [prove(recordings.output["manifests"]), sessions] >> rooms >> delete


def may_go(hook: ClickMeetingHook, room_id: int) -> bool:
    try:
        return not hook.get_conference(room_id)["permanent_room"]
    except NotFoundError:  # an earlier run has deleted it
        return False


retention()
