"""Archive each recording on object storage, transcribe it with a command of your own, and write a page with links.

An asset event starts the DAG when ClickMeeting has processed a recording; if you trigger it by hand, it takes the room
of the param `room_id`.

- **It needs** the Airflow Variables `clickmeeting_folder` and `transcribe_command`, such as
  `whisper-cli --file {recording} --output-file {transcript}`, and workers that have this command.
- **When it fails** for a recording, the archive keeps the recording, and the retry transcribes only what is missing.
- **A second run** downloads and transcribes only what is new.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from datetime import timedelta
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.storage import open_atomic
from airflow_clickmeeting.triggers.events import clickmeeting_asset

READY = clickmeeting_asset("recording_ready")
FOLDER = "{{ var.value.clickmeeting_folder }}/transcripts"


@dag(
    schedule=[READY],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not transcribe the same recording
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000103,  # the sandbox's room "Airflow workshop"
            type="integer",
            minimum=1,
            description="The room whose recordings to take when no event started the DAG",
        )
    },
)
def transcripts():
    @task
    def rooms(params: dict | None = None, triggering_asset_events=None) -> list[int]:
        ready = {event.extra["payload"]["room_id"] for event in triggering_asset_events[READY]}
        return sorted(ready or {params["room_id"]})

    archive = ClickMeetingArchiveRecordingsOperator(
        task_id="archive", multiple_outputs=True, folder=FOLDER, room_id=rooms()
    )

    # the command is a Variable and no param, because whoever may trigger a DAG should not choose what workers run
    @task
    def transcribe(command: str, manifests: list[str]) -> None:
        for video in (video for path in manifests for video, _ in recordings_of(ObjectStoragePath(path))):
            if (target := video.with_suffix(".txt")).exists():
                continue
            with TemporaryDirectory() as folder:
                recording, transcript = Path(folder, video.name), Path(folder, target.name)
                with video.open("rb") as source, recording.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
                paths = {"recording": str(recording), "transcript": str(transcript)}
                subprocess.run([part.format(**paths) for part in shlex.split(command)], check=True)  # noqa: S603
                # an unfinished transcript is never at its place, so the retry begins it anew
                with open_atomic(target) as file:
                    file.write(transcript.read_bytes())

    @task
    def page(folder: str) -> str:
        found = [each for path in ObjectStoragePath(folder).glob("recordings-*.json") for each in recordings_of(path)]
        rows = "".join(
            f'<li><a href="{video.name}">{escape(entry["name"] or video.name)}</a>, {entry["started_at"]}, '
            f'{entry["duration"]} s: <a href="{video.with_suffix(".txt").name}">transcript</a></li>\n'
            for video, entry in sorted(found, key=lambda each: each[1]["started_at"] or "", reverse=True)
        )
        with open_atomic(ObjectStoragePath(f"{folder}/index.html")) as file:
            file.write(f'<!doctype html><meta charset="utf-8"><title>Recordings</title><ul>\n{rows}</ul>\n'.encode())
        return f"{folder}/index.html"

    transcribe("{{ var.value.transcribe_command }}", archive.output["manifests"]) >> page(FOLDER)


def recordings_of(manifest: ObjectStoragePath) -> list[tuple[ObjectStoragePath, dict]]:
    """Return the file and the entry of each recording of a manifest."""
    return [(manifest.parent / each["path"], each) for each in json.loads(manifest.read_bytes())["recordings"]]


transcripts()
