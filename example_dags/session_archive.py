"""Archive a session in one folder: people, attendance, chat, PDF report, files and recordings, with a manifest.

The DAG waits for the end of the session, and then up to half a day for its recordings. Trigger it with
`{"room_id": 10000101, "session_id": 7000001}`. A second run writes the same files, and downloads only the recordings
that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import file_digest

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task

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

FOLDER = "{{ params.folder }}/session-{{ params.session_id }}"
ROOM = {"room_id": "{{ params.room_id }}"}
SESSION = {**ROOM, "session_id": "{{ params.session_id }}"}


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 2},
    tags=["clickmeeting"],
    params={
        "room_id": Param(type="integer", description="The id of the room"),
        "session_id": Param(type="integer", description="The id of a session in this room"),
        "folder": Param(
            "file:///tmp/clickmeeting/archive", description="The parent of the session's folder, on any object storage"
        ),
        "wait_for_recordings": Param(True, type="boolean", description="Turn off if the session was not recorded"),
    },
)
def session_archive():
    ended = ClickMeetingSessionEndedSensor(
        task_id="ended", **SESSION, multiple_outputs=True, deferrable=True, poke_interval=60, timeout=timedelta(days=1)
    )

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
    report = ClickMeetingGenerateSessionReportOperator(task_id="report", **SESSION, path=f"{FOLDER}/report.pdf")

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def has_chat(params: dict | None = None) -> bool:
        return any(chat["id"] == params["session_id"] for chat in ClickMeetingHook().list_chats())

    chat = ClickMeetingDownloadChatOperator(task_id="chat", session_id=SESSION["session_id"], path=f"{FOLDER}/chat.zip")

    files = ClickMeetingListConferenceFilesOperator(task_id="room_files", **ROOM)

    @task
    def places(files: list[dict], params: dict | None = None) -> list[dict]:
        # each file has its own folder, because two files may have the same name
        folder = f"{params['folder']}/session-{params['session_id']}/files"
        return [{"file_id": file["id"], "path": f"{folder}/{file['id']}/"} for file in files]

    save = ClickMeetingDownloadFileOperator.partial(task_id="files").expand_kwargs(places(files.output))

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def is_recorded(params: dict | None = None) -> bool:
        return params["wait_for_recordings"]

    # not every session is recorded: after half a day the sensor is skipped, and the rest of the DAG continues
    recorded = ClickMeetingRecordingReadySensor(
        task_id="recorded",
        **ROOM,
        since=ended.output["started_at"],
        deferrable=True,
        poke_interval=300,
        timeout=timedelta(hours=12),
        soft_fail=True,
    )
    recordings = ClickMeetingArchiveRecordingsOperator(
        task_id="recordings", **SESSION, folder=f"{FOLDER}/recordings", trigger_rule="none_failed"
    )

    @task(trigger_rule="none_failed")
    def manifest(params: dict | None = None) -> str:
        folder = ObjectStoragePath(f"{params['folder']}/session-{params['session_id']}")
        contents = {"room_id": params["room_id"], "session_id": params["session_id"], "files": [*checksums_of(folder)]}
        with open_atomic(folder / "manifest.json") as file:
            file.write(json.dumps(contents, indent=2).encode())
        return str(folder / "manifest.json")

    check_chat, check_recorded = has_chat(), is_recorded()
    check_chat >> chat
    check_recorded >> recorded >> recordings
    ended >> [*people, report, check_chat, files, check_recorded]
    [*people, report, chat, save, recordings] >> manifest()


def checksums_of(folder: ObjectStoragePath) -> Iterator[dict]:
    """Yield path, bytes and SHA-256 of each file; the SHA-256 of a recording comes from the manifest of its room."""
    archived: dict[str, dict] = {}
    for manifest in folder.glob("recordings/*.json"):
        archived |= {entry["path"]: entry for entry in json.loads(manifest.read_bytes())["recordings"]}
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each != folder / "manifest.json"):
        entry = archived.get(path.name) if path.parent.name == "recordings" else None
        if entry:
            digest = entry["sha256"]
        else:
            with path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        yield {"path": path.path.removeprefix(f"{folder.path}/"), "bytes": path.stat().st_size, "sha256": digest}


session_archive()
