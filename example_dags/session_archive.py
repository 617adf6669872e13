"""Archive a session in one folder: people, attendance, chat, PDF report, files and recordings, with a manifest.

The DAG waits for the end of the session, and then up to half a day for its recordings.

- **It needs** the Airflow Variable `clickmeeting_folder`, with the folder of the archive, and the pool `clickmeeting`.
- **When it fails**, the folder keeps the files that are complete. The manifest is written last, so a folder without one
  is not complete.
- **A second run** writes the same files, and downloads only the recordings that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import file_digest

import pendulum
from airflow.sdk import ObjectStoragePath, Param, Variable, dag, task

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.chats import ClickMeetingDownloadChatOperator
from airflow_clickmeeting.operators.files import (
    ClickMeetingDownloadFileOperator,
    ClickMeetingListConferenceFilesOperator,
)
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingGenerateSessionReportOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingRecordingReadySensor, ClickMeetingSessionEndedSensor
from airflow_clickmeeting.storage import open_atomic
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportRegistrationsOperator,
)

FOLDER = "{{ ti.xcom_pull('folder') }}/archive/session-{{ params.session_id }}"
ROOM = {"room_id": "{{ params.room_id }}"}
SESSION = {**ROOM, "session_id": "{{ params.session_id }}"}


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 2, "pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000103,  # the sandbox's room "Airflow workshop"
            type="integer",
            minimum=1,
            description="The id of the room; the room's page under Browse > Webinars shows it",
        ),
        "session_id": Param(
            7000002,  # a session of that room
            type="integer",
            minimum=1,
            description="The id of a session in this room; the room's page under Browse > Webinars lists its sessions",
        ),
        "wait_for_recordings": Param(True, type="boolean", description="Turn off if the session was not recorded"),
    },
)
def session_archive():
    # fails now, and not after the end of the session
    @task
    def folder() -> str:
        if found := Variable.get("clickmeeting_folder", default=None):
            return found
        raise AirflowFailException(
            "The Airflow Variable clickmeeting_folder does not exist. Create it with the folder for the files: "
            "airflow variables set clickmeeting_folder s3://bucket/clickmeeting"
        )

    ended = ClickMeetingSessionEndedSensor(
        task_id="ended", **SESSION, multiple_outputs=True, deferrable=True, poke_interval=60, timeout=timedelta(days=1)
    )

    # --8<-- [start:people]
    people = [
        ClickMeetingExportAttendeesOperator(task_id="attendees", **SESSION, path=f"{FOLDER}/attendees.csv"),
        ClickMeetingExportAttendanceOperator(
            task_id="attendance",
            **SESSION,
            path=f"{FOLDER}/attendance.csv",
            summary_path=f"{FOLDER}/attendance-summary.csv",
        ),
        ClickMeetingExportRegistrationsOperator(task_id="registrations", **ROOM, path=f"{FOLDER}/registrations.csv"),
    ]
    # --8<-- [end:people]
    report = ClickMeetingGenerateSessionReportOperator(task_id="report", **SESSION, path=f"{FOLDER}/report.pdf")

    # --8<-- [start:chat]
    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def has_chat(params: dict | None = None) -> bool:
        return any(chat["id"] == params["session_id"] for chat in ClickMeetingHook().list_chats())

    chat = ClickMeetingDownloadChatOperator(task_id="chat", session_id=SESSION["session_id"], path=f"{FOLDER}/chat.zip")
    # --8<-- [end:chat]

    # --8<-- [start:files]
    files = ClickMeetingListConferenceFilesOperator(task_id="room_files", **ROOM)

    @task
    def places(files: list[dict], folder: str) -> list[dict]:
        # each file has its own folder, because two files may have the same name
        return [{"file_id": file["id"], "path": f"{folder}/files/{file['id']}/"} for file in files]

    save = ClickMeetingDownloadFileOperator.partial(task_id="files", max_active_tis_per_dag=2).expand_kwargs(
        places(files.output, FOLDER)
    )
    # --8<-- [end:files]

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def is_recorded(params: dict | None = None) -> bool:
        return params["wait_for_recordings"]

    # not every session is recorded: after half a day the sensor is skipped, and the rest of the DAG continues
    recorded = ClickMeetingRecordingReadySensor(
        task_id="recorded",
        **ROOM,
        since=ended.output["started_at"],
        until=ended.output["ended_at"],
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(hours=12),
        soft_fail=True,
    )
    recordings = ClickMeetingArchiveRecordingsOperator(
        task_id="recordings", **SESSION, folder=f"{FOLDER}/recordings", trigger_rule="none_failed"
    )

    @task(trigger_rule="none_failed")
    def manifest(folder: str, params: dict | None = None) -> str:
        archive = ObjectStoragePath(folder)
        contents = {"room_id": params["room_id"], "session_id": params["session_id"], "files": [*checksums_of(archive)]}
        with open_atomic(archive / "manifest.json") as file:
            file.write(json.dumps(contents, indent=2).encode())
        return str(archive / "manifest.json")

    check_chat, check_recorded = has_chat(), is_recorded()
    check_chat >> chat
    check_recorded >> recorded >> recordings
    folder() >> ended >> [*people, report, check_chat, files, check_recorded]
    [*people, report, chat, save, recordings] >> manifest(FOLDER)


def checksums_of(folder: ObjectStoragePath) -> Iterator[dict]:
    """Yield path, bytes and SHA-256 of each file; the SHA-256 of a recording comes from the manifest of its room."""
    archived: dict[str, dict] = {}
    for manifest in folder.glob("recordings/*.json"):
        archived |= {entry["path"]: entry for entry in json.loads(manifest.read_bytes())["recordings"]}
    files = (each for each in folder.rglob("*") if each.is_file() and each != folder / "manifest.json")
    # hidden files are locks, not data
    for path in sorted(each for each in files if not each.name.startswith(".")):
        entry = archived.get(path.name) if path.parent.name == "recordings" else None
        if entry:
            digest = entry["sha256"]
        else:
            with path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        yield {"path": path.path.removeprefix(f"{folder.path}/"), "bytes": path.stat().st_size, "sha256": digest}


session_archive()
