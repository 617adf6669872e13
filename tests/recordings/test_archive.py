"""The archive of recordings: what its manifest proves, and what is deleted from ClickMeeting."""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import threading
import time
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, ObjectStoragePath, task
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.compat import AirflowException, AirflowSkipException
from airflow_clickmeeting.exceptions import DeletionRefusedError, NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.recordings import (
    ClickMeetingArchiveRecordingsOperator,
    ClickMeetingDeleteRecordingOperator,
)
from airflow_clickmeeting.recordings.manifest import Manifest
from airflow_clickmeeting.sandbox.media import recording_bytes

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
SIZE = 3_000_000  # three pieces


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    """An account in which it is noon of 1 February 2027 until a test moves the clock."""
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOON)
    return clickmeeting_sandbox


@pytest.fixture
def add_room(sandbox):
    def add_room(**more) -> int:
        return sandbox.add_room(name="Talk", starts_at=NOON - timedelta(days=1), duration=1, **more)["id"]

    return add_room


@pytest.fixture
def room_id(add_room):
    return add_room()


@pytest.fixture
def recording_id(sandbox, room_id):
    return sandbox.add_recording(room_id, size=SIZE, duration=3600, name="Talk & more")


@pytest.fixture
def left(sandbox):
    """Return the recordings that ClickMeeting still has."""

    def left() -> list[int]:
        return [recording for room in sandbox.state["rooms"] for recording in room["recordings"]]

    return left


@pytest.fixture(params=["file", "s3"])
def archive(request, sandbox, room_id, tmp_path):
    """Archive recordings, by default those of the room, in the test's folder.

    With S3, the folder has the files of the bucket afterwards.
    """
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else None

    def archive(**arguments):
        mirrored = bucket.mirrored(tmp_path) if bucket and "folder" not in arguments else nullcontext()
        root = bucket.url if bucket else tmp_path
        arguments = {"room_id": room_id, "folder": f"{root}/archive/", **arguments}
        sandbox.forget_requests()
        with mirrored:
            result = ClickMeetingArchiveRecordingsOperator(task_id="archive", **arguments).execute({})
        assert json.loads(json.dumps(result)) == result
        return result

    return archive


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def file_of(folder, room_id):
    def file_of(recording_id):
        return folder / f"recording-{room_id}-{recording_id}.mp4"

    return file_of


@pytest.fixture
def manifest(folder, room_id):
    """Return the manifest's entries by recording."""

    def manifest(room_id=room_id):
        data = json.loads((folder / f"recordings-{room_id}.json").read_bytes())
        assert data["room_id"] == room_id
        return {entry["recording_id"]: entry for entry in data["recordings"]}

    return manifest


@pytest.fixture
def meanwhile(sandbox):
    """Do something while a request hangs: the one after so many others to the operation."""
    threads = []

    def meanwhile(operation, after, act):
        sandbox.forget_requests()

        def watch():
            while sandbox.count(operation) <= after:
                time.sleep(0.01)
            act()

        sandbox.fault(operation, "hang", skip=after, seconds=1)
        threads.append(threading.Thread(target=watch, daemon=True))
        threads[-1].start()

    yield meanwhile
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), "the request never came"


def content(recording_id, size=SIZE):
    return b"".join(recording_bytes(recording_id, 0, size))


def names(folder):
    return sorted(path.name for path in folder.glob("[!.]*"))


# for a state that only a disk can be in
on_disk = pytest.mark.parametrize("archive", ["file"], indirect=True)


class TestArchiving:
    @pytest.mark.parametrize("storage", ["file", "memory"])
    def test_recordings_and_their_manifest_go_into_the_folder(
        self, archive, room_id, recording_id, storage, folder, left
    ):
        attach("memory", fs=MemoryFileSystem())
        place = f"file://{folder}" if storage == "file" else f"memory://{uuid.uuid4().hex}/deep"
        result = archive(folder=place)
        there = ObjectStoragePath(place)
        video, manifest = there / f"recording-{room_id}-{recording_id}.mp4", there / f"recordings-{room_id}.json"
        assert video.read_bytes() == content(recording_id)
        assert json.loads(manifest.read_bytes()) == {
            "room_id": room_id,
            "recordings": [
                {
                    "recording_id": recording_id,
                    "name": "Talk & more",
                    "started_at": "2027-02-01T11:00:00+00:00",
                    "duration": 3600,
                    "size": SIZE,
                    "listed_size": SIZE,
                    "sha256": hashlib.sha256(content(recording_id)).hexdigest(),
                    "path": video.name,
                    "archived_at": "2027-02-01T12:00:00+00:00",
                    "delete_asked_at": None,
                    "deleted_at": None,
                }
            ],
        }
        assert result == {
            "folder": str(there),
            "archived": 1,
            "unchanged": 0,
            "deleted": 0,
            "pending": 0,
            "bytes": SIZE,
            "manifests": [str(manifest)],
            "failures": [],
            "failure_count": 0,
        }
        found = sorted(path.name for path in there.iterdir() if not path.name.startswith("."))
        assert found == [video.name, manifest.name]
        assert left() == [recording_id]

    def test_a_second_run_downloads_nothing(self, archive, sandbox, recording_id, manifest):
        archive()
        before = manifest()
        result = archive()
        assert (result["archived"], result["unchanged"], result["bytes"]) == (0, 1, 0)
        assert sandbox.count("media") == 0
        assert manifest() == before

    def test_a_second_run_downloads_what_is_new(self, archive, sandbox, room_id, recording_id, manifest, file_of):
        archive()
        newer = sandbox.add_recording(room_id, size=10)
        result = archive()
        assert (result["archived"], result["unchanged"]) == (1, 1)
        assert sandbox.count("media") == 1
        assert [*manifest()] == [recording_id, newer]
        assert file_of(newer).read_bytes() == content(newer, 10)

    @pytest.mark.parametrize("harm", ["cut", "removed"])
    def test_a_file_that_lacks_something_is_downloaded_again(self, archive, recording_id, file_of, harm):
        archive()
        file_of(recording_id).write_bytes(b"half") if harm == "cut" else file_of(recording_id).unlink()
        assert archive()["archived"] == 1
        assert file_of(recording_id).read_bytes() == content(recording_id)

    def test_a_recording_that_is_longer_now_is_downloaded_again(self, archive, recording_id, file_of, folder, room_id):
        archive()
        file_of(recording_id).write_bytes(b"shorter")
        manifest = folder / f"recordings-{room_id}.json"
        manifest.write_text(manifest.read_text().replace(f'size": {SIZE}', 'size": 7'))
        assert archive()["archived"] == 1
        assert file_of(recording_id).read_bytes() == content(recording_id)

    def test_a_file_that_no_manifest_knows_is_downloaded_again(self, archive, recording_id, file_of, folder):
        archive()
        (folder / next(name for name in names(folder) if name.endswith(".json"))).unlink()
        file_of(recording_id).write_bytes(bytes(SIZE))
        assert archive()["archived"] == 1
        assert file_of(recording_id).read_bytes() == content(recording_id)

    def test_an_archive_may_be_moved(self, archive, sandbox, recording_id, folder, tmp_path):
        archive()
        folder.rename(tmp_path / "elsewhere")
        assert archive(folder=ObjectStoragePath(f"file://{tmp_path}/elsewhere"))["unchanged"] == 1
        assert sandbox.count("media") == 0

    def test_the_log_has_a_line_for_each_recording_and_no_link(self, archive, room_id, recording_id, caplog, mocker):
        mocker.patch.object(ClickMeetingHook, "log", logging.getLogger("task"))
        with caplog.at_level(logging.INFO):
            result = archive(delete_after=True)
        told = "\n".join(text for name, _, text in caplog.record_tuples if name == "task")
        assert f"Recording {recording_id} of room {room_id} archived: 3000000 bytes in" in told
        assert f"Recording {recording_id} of room {room_id} deleted from ClickMeeting" in told
        assert "st=" not in told + str(result)


class TestRooms:
    @pytest.mark.parametrize("listed", ["conference_id", "room_id", "bare", "404"])
    def test_the_whole_account_however_clickmeeting_lists_it(
        self, archive, sandbox, add_room, room_id, recording_id, listed, manifest
    ):
        sandbox.switch(all_recordings=listed)
        active = add_room(permanent_room=True)
        add_room()
        other = sandbox.add_recording(active, size=10)
        result = archive(room_id="all")
        assert result["archived"] == len(result["manifests"]) == 2
        assert [*manifest(room_id), *manifest(active)] == [recording_id, other]

    @pytest.mark.parametrize("none", ["error200", "404", "empty"])
    def test_no_recordings_are_no_error(self, archive, sandbox, room_id, none, folder):
        sandbox.switch(no_recordings=none)
        for rooms in (room_id, "all"):
            result = archive(room_id=rooms)
            assert (result["archived"], result["manifests"], result["failures"]) == (0, [], [])
        assert not folder.exists()

    def test_more_deletions_than_allowed_delete_nothing(self, archive, sandbox, add_room, room_id, recording_id, left):
        other = add_room()
        second = sandbox.add_recording(other, size=10)
        with pytest.raises(DeletionRefusedError, match=r"^2 recordings would be deleted, more than max_deletions=1"):
            archive(room_id="all", delete_after=True, max_deletions=1)
        assert sorted(left()) == sorted([recording_id, second])
        assert sandbox.count("delete_recording") == 0
        result = archive(room_id="all", delete_after=True, max_deletions=2)
        assert (result["unchanged"], result["deleted"], left()) == (2, 2, [])

    def test_a_skipped_task_upstream_does_not_mean_all_rooms(
        self, run_dag, sandbox, room_id, recording_id, left, tmp_path
    ):
        with DAG("archives", schedule=None, render_template_as_native_obj=True) as dag:

            @task
            def choose():
                raise AirflowSkipException

            ClickMeetingArchiveRecordingsOperator(
                task_id="archive",
                trigger_rule="all_done",
                room_id="{{ ti.xcom_pull('choose') }}",
                folder=f"{tmp_path}/archive",
                delete_after=True,
            ).set_upstream(choose())
        run = run_dag(dag)
        assert run.state == "failed"
        assert left() == [recording_id]
        assert sandbox.count() == 0

    def test_some_rooms_each_once(self, archive, sandbox, add_room, room_id, recording_id):
        other = add_room()
        sandbox.add_recording(other, size=10)
        sandbox.add_recording(add_room(), size=10)
        result = archive(room_id=[room_id, str(other), room_id])
        assert (result["archived"], result["bytes"]) == (2, SIZE + 10)

    def test_a_missing_room_fails_the_task_after_everything_else_is_done(
        self, archive, recording_id, room_id, manifest
    ):
        with pytest.raises(
            AirflowException,
            match=r"^1 of 3 recordings failed \(max_failures=0\): room 404: NotFoundError: .*Meeting room not",
        ):
            archive(room_id=[404, room_id])
        assert [*manifest()] == [recording_id]

    @pytest.mark.parametrize("accepted", [1, "1", 0.34, "0.34"])
    def test_some_failures_may_be_accepted(self, archive, recording_id, room_id, accepted):
        result = archive(room_id=[404, room_id], max_failures=accepted)
        assert (result["archived"], result["failure_count"]) == (1, 1)
        (failure,) = result["failures"]
        assert failure.keys() == {"room_id", "reason"}
        assert failure["room_id"] == 404
        assert failure["reason"].startswith("NotFoundError: ")

    def test_a_share_is_one_of_all_recordings_and_rooms_tried(self, archive, recording_id, room_id):
        with pytest.raises(AirflowException, match=r"^1 of 3 recordings failed \(max_failures=0\.33\): room 404: "):
            archive(room_id=[404, room_id], max_failures=0.33)

    def test_a_long_list_of_failures_is_cut_short(self, archive):
        with pytest.raises(
            AirflowException, match=r"^7 of 7 recordings failed .*: room 401: .*room 405: .*; and 2 more\. The rest"
        ):
            archive(room_id=[*range(401, 408)])


class TestSession:
    """A room that was used twice on the same day, each time with a recording."""

    @pytest.fixture
    def sessions(self, sandbox, room_id):
        recordings = [{"size": 10, "ready_after": 0}]
        return [
            sandbox.play(room_id, start=NOON - hours, end=NOON - hours + timedelta(hours=1), recordings=recordings)
            for hours in (timedelta(hours=5), timedelta(hours=3))
        ]

    def test_only_the_recordings_of_a_session(self, archive, sandbox, sessions, left, manifest):
        first, second = left()
        assert archive(session_id=str(sessions[0]), delete_after=True)["archived"] == 1
        assert [*manifest()] == [first]
        assert left() == [second]
        assert archive(session_id=sessions[1])["archived"] == 1
        assert [*manifest()] == [first, second]

    def test_of_a_session_that_still_runs_all_that_came_since_its_start(self, archive, sandbox, room_id, left):
        running = sandbox.play(room_id, start=NOON - timedelta(minutes=30))
        sandbox.add_recording(room_id, size=10, duration=60)
        assert archive(session_id=running)["archived"] == 1

    def test_a_session_needs_its_room(self, archive, sandbox, sessions):
        with pytest.raises(ValueError, match="room_id must be the session's room where session_id is given; got 'all'"):
            archive(room_id="all", session_id=sessions[0])
        assert sandbox.count() == 0

    def test_a_session_that_is_not_there_is_an_error(self, archive, room_id):
        with pytest.raises(NotFoundError):
            archive(session_id=404)


class TestTrouble:
    def test_the_key_is_never_sent_to_the_recordings_host(self, archive, sandbox, recording_id):
        sandbox.fault("media", "cut", times=2, after=1_500_000)
        archive()
        assert [entry["headers"].get("x-api-key") for entry in sandbox.log("media")] == [None] * 3
        assert {entry["headers"]["x-api-key"] for entry in sandbox.log("list_recordings")} == {sandbox.api_key}

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_body_that_breaks_off_is_continued_where_the_host_can_do_that(
        self, archive, sandbox, recording_id, file_of, manifest, ranges
    ):
        sandbox.switch(ranges=ranges)
        sandbox.fault("media", "cut", after=2_500_000)
        assert archive()["bytes"] == SIZE
        assert [entry["status"] for entry in sandbox.log("media")] == [200, 206 if ranges else 200]
        assert file_of(recording_id).read_bytes() == content(recording_id)
        assert manifest()[recording_id]["sha256"] == hashlib.sha256(content(recording_id)).hexdigest()

    def test_a_link_that_expires_during_a_download_is_requested_again(
        self, archive, sandbox, recording_id, file_of, meanwhile
    ):
        sandbox.fault("media", "cut")
        meanwhile("list_recordings", 2, lambda: sandbox.advance(timedelta(minutes=6)))
        archive()
        first, second = (int(entry["query"]["e"]) for entry in sandbox.log("media"))
        assert second - first == 360
        assert file_of(recording_id).read_bytes() == content(recording_id)

    @pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "html"}, {"kind": "status", "status": 500}], ids=str)
    def test_a_recording_that_does_not_come_fails_the_task_once_the_others_are_there(
        self, archive, sandbox, room_id, recording_id, left, manifest, fault, connect
    ):
        connect(sandbox, extra={"max_attempts": 2})
        other = sandbox.add_recording(room_id, size=10)
        sandbox.fault("media", times=2 if fault["kind"] == "reset" else 1, **fault)
        with pytest.raises(
            AirflowException, match=f"^1 of 3 recordings .*: room {room_id}, recording {recording_id}: "
        ):
            archive(delete_after=True)
        assert [*manifest()] == [other]
        assert left() == [recording_id]

    def test_a_recording_that_disappears_before_its_download_is_a_failure_with_a_traceback(
        self, archive, sandbox, room_id, recording_id, meanwhile, caplog, mocker
    ):
        mocker.patch.object(ClickMeetingHook, "log", logging.getLogger("task"))
        meanwhile("list_recordings", 1, lambda: ClickMeetingHook().delete_recording(room_id, recording_id))
        result = archive(max_failures=1)
        reason = "LookupError: ClickMeeting no longer lists this recording"
        assert result["failures"] == [{"room_id": room_id, "recording_id": recording_id, "reason": reason}]
        assert "Traceback of this failure" in caplog.text

    def test_a_recording_that_is_still_processed_waits_for_a_later_run(self, archive, sandbox, room_id, left):
        sandbox.switch(unready_recordings="sizeless")
        start = NOON - timedelta(hours=2)
        sandbox.play(room_id, start=start, recordings=[{"size": 5000, "ready_after": 7200}])
        result = archive(delete_after=True)
        assert (result["pending"], result["archived"], result["manifests"]) == (1, 0, [])
        assert sandbox.count("media") == 0
        sandbox.advance(timedelta(hours=1))
        assert archive(delete_after=True)["archived"] == 1
        assert left() == []

    @pytest.mark.parametrize("fault", [{"kind": "changed_file"}, {"kind": "unasked_206"}], ids=str)
    def test_a_recording_that_changes_during_its_download_is_one_of_both_versions(
        self, archive, sandbox, room_id, recording_id, left, manifest, file_of, fault, connect
    ):
        sandbox.fault("media", "cut", after=2_500_000)
        sandbox.fault("media", **fault)
        version = int(fault["kind"] == "changed_file")
        archive(delete_after=True)
        newest = b"".join(recording_bytes(recording_id, 0, SIZE, version))
        assert file_of(recording_id).read_bytes() == newest
        assert manifest()[recording_id]["sha256"] == hashlib.sha256(newest).hexdigest()
        assert left() == []

    def test_a_part_that_was_not_requested_is_no_recording(self, archive, sandbox, recording_id, left, folder):
        sandbox.fault("media", "unasked_206", times=None)
        with pytest.raises(AirflowException, match="HTTP 206 with a part of a file, which was not requested"):
            archive(delete_after=True)
        assert names(folder) == []
        assert left() == [recording_id]

    @on_disk
    def test_a_full_disk_leaves_the_older_file_and_no_part(self, archive, recording_id, file_of, folder, left):
        folder.mkdir()
        file_of(recording_id).write_bytes(b"older")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, limits[1]))
        try:
            with pytest.raises(AirflowException, match=f"recording {recording_id}: OSError: .*File too large"):
                archive(delete_after=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(folder) == [file_of(recording_id).name]
        assert file_of(recording_id).read_bytes() == b"older"
        assert left() == [recording_id]

    @pytest.mark.parametrize(
        ("damage", "why"),
        [
            ("", "Expecting value"),
            ('{"room_id": ROOM, "recordings": [', "Expecting value"),
            ("[]", "it has no recordings of room"),
            ('{"room_id": 1, "recordings": []}', "it has no recordings of room"),
            (
                '{"room_id": ROOM, "recordings": [{"recording_id": "7"}]}',
                "an entry lacks recording_id, size, sha256, path",
            ),
        ],
    )
    def test_a_damaged_manifest_is_an_error_and_stays_as_it_is(
        self, archive, sandbox, add_room, room_id, recording_id, folder, left, damage, why
    ):
        damaged = folder / f"recordings-{room_id}.json"
        folder.mkdir()
        damaged.write_text(text := damage.replace("ROOM", str(room_id)))
        sandbox.add_recording(other := add_room(), size=10)
        with pytest.raises(
            AirflowException, match=f"^1 of 3 .*/archive/{damaged.name} must be the manifest of room .*{why}.*Correct"
        ):
            archive(room_id=[room_id, other], delete_after=True)
        assert damaged.read_text() == text
        assert sandbox.count("media") == 1, "the other room's recording"
        assert left() == [recording_id]

    @on_disk
    def test_a_manifest_that_cannot_be_read_is_not_taken_for_none(
        self, archive, sandbox, room_id, recording_id, folder
    ):
        (folder / f"recordings-{room_id}.json").mkdir(parents=True)
        with pytest.raises(AirflowException, match="IsADirectoryError"):
            archive()
        assert sandbox.count("media") == 0


class TestDeleting:
    def test_what_is_archived_is_deleted_and_the_manifest_says_so(
        self, archive, sandbox, recording_id, left, manifest, file_of
    ):
        result = archive(delete_after=True)
        assert (result["archived"], result["deleted"]) == (1, 1)
        assert left() == []
        assert file_of(recording_id).read_bytes() == content(recording_id)
        entry = manifest()[recording_id]
        assert entry["delete_asked_at"] == entry["deleted_at"] == "2027-02-01T12:00:00+00:00"
        assert sandbox.count("delete_all_recordings") == 0

    def test_what_an_earlier_run_archived_is_deleted_without_another_download(
        self, archive, sandbox, recording_id, left
    ):
        archive()
        result = archive(delete_after=True)
        assert (result["unchanged"], result["deleted"]) == (1, 1)
        assert sandbox.count("media") == 0
        assert left() == []

    def test_other_bytes_of_the_same_size_keep_the_recording_until_a_later_run_mended_them(
        self, archive, sandbox, recording_id, left, file_of
    ):
        archive()
        file_of(recording_id).write_bytes(bytes(SIZE))
        with pytest.raises(AirflowException, match=f"recording {recording_id}: OSError: its file does not have the"):
            archive(delete_after=True)
        assert left() == [recording_id]
        assert sandbox.count("delete_recording") == 0
        result = archive(delete_after=True)
        assert (result["archived"], result["deleted"]) == (1, 1)
        assert file_of(recording_id).read_bytes() == content(recording_id)

    def test_a_deletion_whose_answer_was_lost_is_done(self, archive, sandbox, recording_id, left, manifest):
        sandbox.fault("delete_recording", "lost")
        assert archive(delete_after=True)["deleted"] == 1
        assert left() == []
        assert manifest()[recording_id]["deleted_at"]

    def test_a_deletion_that_fails_is_done_by_the_next_run_without_another_download(
        self, archive, sandbox, room_id, recording_id, left, manifest
    ):
        other = sandbox.add_recording(room_id, size=10)
        sandbox.fault("delete_recording", "status", status=500)
        with pytest.raises(AirflowException, match=f"recording {recording_id}: ServerError: delete_recording"):
            archive(delete_after=True)
        assert left() == [recording_id]
        assert [bool(entry["deleted_at"]) for entry in manifest().values()] == [False, True]
        result = archive(delete_after=True)
        assert (result["archived"], result["deleted"]) == (0, 1)
        assert sandbox.count("media") == 0
        assert left() == []
        assert all(manifest()[each]["deleted_at"] for each in (recording_id, other))

    def test_a_deletion_that_was_done_but_not_noted_is_noted_by_the_next_run(
        self, archive, sandbox, recording_id, left, manifest, connect
    ):
        connect(sandbox, extra={"max_attempts": 1})
        sandbox.fault("delete_recording", "lost")
        with pytest.raises(AirflowException, match="ConnectionFailedError: delete_recording"):
            archive(delete_after=True)
        assert left() == []
        assert (manifest()[recording_id]["delete_asked_at"], manifest()[recording_id]["deleted_at"]) == (
            "2027-02-01T12:00:00+00:00",
            None,
        )
        sandbox.advance(timedelta(days=1))
        assert archive()["deleted"] == 0
        assert manifest()[recording_id]["deleted_at"] == "2027-02-02T12:00:00+00:00"

    def test_a_recording_that_is_gone_without_us_is_not_called_deleted(self, archive, room_id, recording_id, manifest):
        archive()
        ClickMeetingHook().delete_recording(room_id, recording_id)
        archive(delete_after=True)
        assert manifest()[recording_id]["deleted_at"] is None

    def test_a_recording_that_turns_up_meanwhile_stays(self, archive, sandbox, room_id, recording_id, left, meanwhile):
        sandbox.add_recording(room_id, size=10)
        # the list that the run begins with, one for each link, and the one before the deletions
        meanwhile("list_recordings", 3, lambda: sandbox.add_recording(room_id, size=20))
        assert archive(delete_after=True)["deleted"] == 2
        (newest,) = left()
        assert newest > recording_id


class TestListedSize:
    """ClickMeeting lists another size than that of the file, which the response announces and which comes."""

    NOT_PROVED = "bytes that ClickMeeting lists, so the recording is not deleted from ClickMeeting"

    @pytest.fixture(autouse=True)
    def log(self, mocker):
        mocker.patch.object(ClickMeetingHook, "log", logging.getLogger("task"))

    @pytest.fixture
    def processed_for(self, sandbox, room_id, left):
        """Let ClickMeeting process a recording for so long, and list half of its size until then."""

        def processed_for(length: timedelta) -> int:
            sandbox.switch(unready_recordings="growing")
            seconds = (timedelta(hours=1) + length).total_seconds()
            sandbox.play(
                room_id,
                start=NOON - timedelta(hours=2),
                end=NOON - timedelta(hours=1),
                recordings=[{"size": 5000, "ready_after": seconds}],
            )
            (recording_id,) = left()
            return recording_id

        return processed_for

    def test_the_recording_is_archived_in_the_place_of_an_older_file(
        self, archive, processed_for, file_of, folder, manifest, left, caplog
    ):
        recording_id = processed_for(timedelta(hours=1))
        folder.mkdir()
        file_of(recording_id).write_bytes(b"older")
        assert archive(delete_after=True)["archived"] == 1
        assert file_of(recording_id).read_bytes() == content(recording_id, 5000)
        entry = manifest()[recording_id]
        assert (entry["size"], entry["listed_size"], left()) == (5000, 2500, [recording_id])
        assert "ClickMeeting lists 2500 bytes, but 5000 were announced and arrived" in caplog.text
        assert f"does not have the 2500 {self.NOT_PROVED}" in caplog.text

    @pytest.fixture
    def listed(self, sandbox, room_id, recording_id):
        """Let ClickMeeting list another size of the recording in the next answers."""

        def listed(size: int, times: int) -> None:
            (recording,) = ClickMeetingHook().list_recordings(room_id)
            answer = [{**recording, "recording_file_size": size}]
            sandbox.fault("list_recordings", "answer", times=times, json=answer)

        return listed

    def test_a_second_run_does_not_download_it_again(self, archive, sandbox, recording_id, listed, left, caplog):
        listed(SIZE - 1, times=2)
        assert archive()["archived"] == 1
        sandbox.advance(timedelta(hours=23, minutes=59))
        caplog.clear()
        listed(SIZE - 1, times=2)
        result = archive(delete_after=True)
        assert (result["archived"], result["unchanged"], result["deleted"]) == (0, 1, 0)
        assert sandbox.count("media") == 0
        assert left() == [recording_id]
        assert self.NOT_PROVED in caplog.text

    def test_a_day_later_it_is_deleted_if_clickmeeting_still_lists_the_same(
        self, archive, sandbox, recording_id, listed, left, caplog
    ):
        listed(SIZE - 1, times=2)
        archive()
        sandbox.advance(timedelta(days=1))
        caplog.clear()
        listed(SIZE - 1, times=2)
        result = archive(delete_after=True)
        assert (result["unchanged"], result["deleted"], left()) == (1, 1, [])
        assert self.NOT_PROVED not in caplog.text

    def test_it_is_downloaded_again_once_clickmeeting_lists_another_size(
        self, archive, sandbox, processed_for, left, manifest
    ):
        recording_id = processed_for(timedelta(hours=1))
        archive(delete_after=True)
        sandbox.advance(timedelta(days=2))
        result = archive(delete_after=True)
        assert (result["archived"], result["deleted"], left()) == (1, 1, [])
        assert manifest()[recording_id]["listed_size"] == 5000

    def test_what_has_another_size_a_moment_later_stays(self, archive, sandbox, recording_id, listed, left):
        listed(SIZE - 1, times=2)
        archive()
        sandbox.advance(timedelta(days=1))
        listed(SIZE - 1, times=1)
        assert archive(delete_after=True)["deleted"] == 0
        assert left() == [recording_id]

    def test_a_file_that_is_smaller_than_listed_never_counts_as_whole(
        self, archive, sandbox, recording_id, listed, left, caplog
    ):
        for archived in (1, 0, 0):
            sandbox.clear_faults()
            listed(SIZE + 1, times=2)
            result = archive(delete_after=True)
            assert (result["archived"], result["unchanged"], result["deleted"]) == (archived, 1 - archived, 0)
            assert f"does not have the {SIZE + 1} {self.NOT_PROVED}" in caplog.text
            caplog.clear()
            sandbox.advance(timedelta(days=2))
        assert left() == [recording_id]

    def test_operators_that_delete_do_not_take_such_a_file_for_an_archived_recording(
        self, archive, sandbox, room_id, recording_id, listed, left, folder
    ):
        listed(SIZE - 1, times=2)
        archive()
        sandbox.advance(timedelta(days=3))
        listed(SIZE - 1, times=1)
        with pytest.raises(DeletionRefusedError, match=f"no archive manifest covers recording {recording_id}"):
            ClickMeetingDeleteRecordingOperator(
                task_id="delete", room_id=room_id, recording_id=recording_id, archive=str(folder)
            ).execute({})
        assert left() == [recording_id]


def test_a_file_that_is_not_there_does_not_get_into_the_manifest(tmp_path):
    manifest = Manifest(ObjectStoragePath(str(tmp_path)), 7)
    recording = {"id": 1, "recording_file_size": 10}
    with pytest.raises(ValueError, match="format code"):
        Manifest(ObjectStoragePath(str(tmp_path)), "../../7")
    with pytest.raises(OSError, match=r"talk\.mp4 has None bytes after 10 were written to it"):
        manifest.add(recording, "talk.mp4", 10, "", NOON)
    assert not manifest.proves(recording)
    assert names(tmp_path) == []


class TestArguments:
    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"folder": None}, "folder must be a text that is not blank; got 'None'."),
            ({"folder": " "}, "folder must be a text that is not blank; got ' '."),
            (
                {"room_id": "None"},
                "room_id must be a room's id, a list of ids, or 'all' for the whole account; got 'None'.",
            ),
            (
                {"room_id": None},
                "room_id must be a room's id, a list of ids, or 'all' for the whole account; got None.",
            ),
            (
                {"room_id": 7, "session_id": None},
                "session_id must be a session's id, or 'all' for all sessions of the room",
            ),
            ({"max_deletions": 0}, "max_deletions must be a whole number from 1 on; got 0."),
            ({"room_id": ""}, "room_id must be a room's id, a list of ids, or 'all' for the whole account; got ''."),
            ({"room_id": "[1, 2]"}, "room_id must be a room's id, a list of ids, or 'all' for the whole account"),
            ({"room_id": [1, None]}, "room_id must be the positive number of something that exists on ClickMeeting"),
            ({"delete_after": "perhaps"}, "delete_after must be true or false; got 'perhaps'."),
            ({"max_failures": "None"}, "max_failures must be a whole number, or a share below 1 such as 0.05"),
        ],
        ids=str,
    )
    def test_nonsense_is_refused_before_anything_is_sent(self, archive, sandbox, wrong, told):
        with pytest.raises(ValueError) as error:
            archive(**wrong)
        assert str(error.value).startswith(told)
        assert sandbox.count() == 0

    def test_templates(self, run_dag, sandbox, room_id, recording_id, folder, left):
        with DAG("archive", schedule=None, params={"room": room_id, "delete": True, "folder": str(folder)}) as dag:
            ClickMeetingArchiveRecordingsOperator(
                task_id="archive",
                room_id="{{ params.room }}",
                folder="{{ params.folder }}/{{ params.room }}",
                delete_after="{{ params.delete }}",
            )
        assert run_dag(dag).state == "success"
        assert names(folder / str(room_id)) == [
            f"recording-{room_id}-{recording_id}.mp4",
            f"recordings-{room_id}.json",
        ]
        assert left() == []


class TestObjectStorage:
    @pytest.fixture
    def archive(self, sandbox, room_id, bucket):
        """Archive the recordings of the room in a bucket."""

        def archive(**arguments):
            sandbox.forget_requests()
            arguments = {"room_id": room_id, "folder": f"{bucket.url}/archive", **arguments}
            return ClickMeetingArchiveRecordingsOperator(task_id="archive", **arguments).execute({})

        return archive

    def test_reading_and_writing_are_the_only_rights_it_needs(self, archive, room_id, recording_id, bucket, left):
        archive()
        bucket.forget()
        bucket.deny("s3:ListBucket", "s3:DeleteObject", "s3:CreateBucket", "s3:AbortMultipartUpload")
        result = archive(delete_after=True)
        assert (result["unchanged"], result["deleted"], left()) == (1, 1, [])
        assert bucket.read()[f"archive/recording-{room_id}-{recording_id}.mp4"] == content(recording_id)

    def test_a_download_that_breaks_off_continues_the_same_upload(self, archive, sandbox, room_id, bucket):
        size = 20_000_000
        recording_id = sandbox.add_recording(room_id, size=size)
        sandbox.fault("media", "cut", after=12_000_000)
        assert archive()["bytes"] == size
        assert [entry["status"] for entry in sandbox.log("media")] == [200, 206]
        name = f"archive/recording-{room_id}-{recording_id}.mp4"
        sent = [
            request.query for request in bucket.requests if request.path.endswith(name) and request.method != "HEAD"
        ]
        assert [query.partition("=")[0] for query in sent] == ["uploads", *["partNumber"] * 3, "uploadId"]
        assert bucket.read()[name] == content(recording_id, size)

    def test_another_version_starts_another_upload(self, archive, sandbox, room_id, bucket):
        size = 20_000_000
        recording_id = sandbox.add_recording(room_id, size=size)
        sandbox.fault("media", "cut", after=12_000_000)
        sandbox.fault("media", "changed_file")
        archive()
        newest = b"".join(recording_bytes(recording_id, 0, size, 1))
        assert bucket.read()[f"archive/recording-{room_id}-{recording_id}.mp4"] == newest
        assert bucket.uploads() == []

    def test_a_download_that_fails_leaves_no_upload(self, archive, sandbox, room_id, bucket, connect):
        connect(sandbox, extra={"max_attempts": 1})
        sandbox.add_recording(room_id, size=20_000_000)
        sandbox.fault("media", "cut", after=12_000_000)
        assert archive(max_failures=1)["failure_count"] == 1
        assert (bucket.read(), bucket.uploads()) == ({}, [])

    def test_without_the_right_to_write_nothing_is_archived_and_the_failure_names_it(
        self, archive, recording_id, bucket, left
    ):
        bucket.deny("s3:PutObject")
        result = archive(delete_after=True, max_failures=1)
        assert "the right s3:PutObject is missing" in result["failures"][0]["reason"]
        assert (bucket.read(), left()) == ({}, [recording_id])

    @pytest.mark.parametrize("archived", [True, False])
    def test_without_the_right_to_read_nothing_is_deleted_and_the_failure_names_it(
        self, archive, recording_id, bucket, left, archived
    ):
        if archived:
            archive()
        bucket.deny("s3:GetObject")
        result = archive(delete_after=True, max_failures=1)
        assert "the right s3:GetObject, or s3:ListBucket if there is no such file, is missing" in str(
            result["failures"]
        )
        assert left() == [recording_id]
