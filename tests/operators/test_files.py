"""The file library: up from any object storage, and down to it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_clickmeeting.exceptions import ConnectionFailedError, NotFoundError
from airflow_clickmeeting.operators.files import (
    ClickMeetingDeleteFileOperator,
    ClickMeetingDownloadFileOperator,
    ClickMeetingGetFileOperator,
    ClickMeetingListConferenceFilesOperator,
    ClickMeetingListFilesOperator,
    ClickMeetingUploadFileOperator,
)

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def source(folder):
    """A file in each kind of storage."""
    path = ObjectStoragePath(f"{folder}/slides.pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(CONTENT)
    return str(path)


@pytest.fixture
def file_id(run, source, sandbox):
    """That file in ClickMeeting's library."""
    file_id = run(ClickMeetingUploadFileOperator, path=source)["id"]
    sandbox.forget_requests()
    return file_id


class TestUpload:
    def test_into_the_library(self, run, sandbox, source):
        file = run(ClickMeetingUploadFileOperator, path=source)
        assert (file["name"], file["status"]) == ("slides.pdf", "waiting_for_conversion")
        assert sandbox.state["files"] == [
            {"id": file["id"], "name": "slides.pdf", "size": len(CONTENT), "room_id": None}
        ]

    @pytest.mark.parametrize("kind", [str, ObjectStoragePath])
    def test_into_a_room_under_another_name(self, run, sandbox, source, room_id, kind):
        file = run(ClickMeetingUploadFileOperator, path=kind(source), name="My talk.pdf", room_id=str(room_id))
        assert sandbox.state["files"] == [
            {"id": file["id"], "name": "My talk.pdf", "size": len(CONTENT), "room_id": room_id}
        ]

    def test_a_second_run_adds_it_again(self, run, sandbox, source):
        for _ in range(2):
            run(ClickMeetingUploadFileOperator, path=source)
        assert [file["name"] for file in sandbox.state["files"]] == ["slides.pdf"] * 2

    def test_it_is_not_added_again_because_an_answer_was_lost(self, run, sandbox, source):
        sandbox.fault("upload_file", "lost")
        with pytest.raises(ConnectionFailedError):
            run(ClickMeetingUploadFileOperator, path=source)
        assert len(sandbox.state["files"]) == 1

    def test_a_missing_room(self, run, source):
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingUploadFileOperator, path=source, room_id=404)


class TestList:
    def test_the_library_and_a_rooms_part_of_it(self, run, source, room_id):
        first, second = (
            run(ClickMeetingUploadFileOperator, path=source, room_id=room)["id"] for room in ("all", room_id)
        )
        assert [file["id"] for file in run(ClickMeetingListFilesOperator)] == [first, second]
        assert [file["id"] for file in run(ClickMeetingListConferenceFilesOperator, room_id=room_id)] == [second]

    def test_nothing_there(self, run, room_id):
        assert run(ClickMeetingListFilesOperator) == []
        assert run(ClickMeetingListConferenceFilesOperator, room_id=room_id) == []

    def test_a_missing_room_is_no_empty_list(self, run):
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingListConferenceFilesOperator, room_id=404)


def test_how_far_the_conversion_is(run, sandbox, file_id):
    assert run(ClickMeetingGetFileOperator, file_id=file_id)["conversion_progress"] == 0
    sandbox.advance(timedelta(seconds=15))
    assert run(ClickMeetingGetFileOperator, file_id=file_id)["conversion_progress"] == 50
    sandbox.advance(timedelta(seconds=15))
    file = run(ClickMeetingGetFileOperator, file_id=str(file_id))
    assert (file["conversion_progress"], file["status"]) == (100, "converted")


class TestDownload:
    @pytest.mark.parametrize("redirected", [False, True])
    def test_to_a_file(self, run, sandbox, file_id, folder, content, redirected):
        sandbox.switch(media_redirect=redirected)
        path = f"{folder}/new/copy.pdf"
        done = run(ClickMeetingDownloadFileOperator, file_id=file_id, path=path)
        assert done == {"path": path, "size": len(CONTENT), "sha256": sha256(CONTENT).hexdigest()}
        assert content(path) == CONTENT
        assert sandbox.count("get_file") == 0

    def test_into_a_folder_under_the_name_it_has(self, run, sandbox, file_id, folder, content):
        done = run(ClickMeetingDownloadFileOperator, file_id=str(file_id), path=f"{folder}/new/")
        assert done["path"] == f"{folder}/new/slides.pdf"
        assert content(done["path"]) == CONTENT
        assert sandbox.counts == {"get_file": 1, "download_file": 1}

    def test_to_an_object_storage_path(self, run, file_id, folder, content):
        path = ObjectStoragePath(f"{folder}/copy.pdf")
        assert run(ClickMeetingDownloadFileOperator, file_id=file_id, path=path)["path"] == str(path)
        assert content(str(path)) == CONTENT

    def test_a_second_run_overwrites_it(self, run, file_id, folder, content):
        for _ in range(2):
            run(ClickMeetingDownloadFileOperator, file_id=file_id, path=f"{folder}/copy.pdf")
        assert content(f"{folder}/copy.pdf") == CONTENT

    @pytest.mark.parametrize("where", ["copy.pdf", ""])
    def test_a_missing_file_leaves_nothing_behind(self, run, folder, where):
        with pytest.raises(NotFoundError):
            run(ClickMeetingDownloadFileOperator, file_id=404, path=f"{folder}/new/{where}")
        assert not ObjectStoragePath(f"{folder}/new/copy.pdf").exists()


class TestDelete:
    def test_a_second_run_finds_it_gone_already(self, run, sandbox, file_id):
        assert [run(ClickMeetingDeleteFileOperator, file_id=file_id) for _ in range(2)] == [True, False]
        assert sandbox.state["files"] == []

    def test_a_missing_file_is_an_error_where_the_author_wants_it(self, run):
        with pytest.raises(NotFoundError, match=r"^delete_file\b"):
            run(ClickMeetingDeleteFileOperator, file_id=404, ignore_missing=False)
