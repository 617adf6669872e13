"""A manifest that several tasks write at the same time keeps the entries of all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_clickmeeting.recordings import manifest as module
from airflow_clickmeeting.recordings.manifest import Manifest
from airflow_clickmeeting.versioned import VersionedFile

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
TASKS, EACH = 4, 10


@pytest.fixture(params=["file", "s3"])
def folder(request, tmp_path):
    if request.param == "s3":
        return ObjectStoragePath(request.getfixturevalue("bucket").url)
    return ObjectStoragePath(f"file://{tmp_path}/archive")


def add(folder, manifest, recording_id):
    name = f"{recording_id}.mp4"
    folder.fs.makedirs(folder.path, exist_ok=True)
    folder.fs.pipe_file((folder / name).path, b"video")
    recording = {"id": recording_id, "recording_file_size": 5, "recording_name": "Talk"}
    manifest.add(recording, name, 5, "0" * 64, NOW)


def ids(manifest):
    return {each["recording_id"] for each in json.loads(manifest.path.fs.cat_file(manifest.path.path))["recordings"]}


def test_tasks_that_write_at_once_lose_nothing(folder):
    def work(task):
        manifest = Manifest(folder, 5)
        for number in range(EACH):
            add(folder, manifest, 1 + task * EACH + number)

    with ThreadPoolExecutor(TASKS) as pool:
        assert [*pool.map(work, range(TASKS))] == [None] * TASKS
    assert ids(Manifest(folder, 5)) == {*range(1, 1 + TASKS * EACH)}


def test_what_another_task_removed_is_not_deleted_from_clickmeeting(folder):
    first = Manifest(folder, 5)
    for recording_id in (1, 2):
        add(folder, first, recording_id)
    second = Manifest(folder, 5)
    second.remove(1)
    second.note_delete_request(2, NOW)
    with pytest.raises(OSError, match="another task removed it from the manifest"):
        first.note_delete_request(1, NOW)
    first.note_deleted({1, 2}, NOW)
    again = Manifest(folder, 5)
    assert (ids(again), again.unconfirmed_deletions) == ({2}, set())


def test_a_manifest_that_never_stays_the_same_is_an_error(folder, mocker):
    manifest = Manifest(folder, 5)
    mocker.patch.object(module, "MAX_ATTEMPTS", 3)
    mocker.patch.object(VersionedFile, "replace", return_value=None)
    with pytest.raises(OSError, match="was changed by other tasks 3 times in a row"):
        add(folder, manifest, 1)
