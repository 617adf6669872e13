"""Files from ClickMeeting to object storage and back: whole or not at all."""

from __future__ import annotations

import tracemalloc
import uuid
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting import storage
from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Upload
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    UnexpectedAnswerError,
)

CONTENT = bytes(range(256)) * 12_000  # three pieces


@pytest.fixture(autouse=True)
def memory():
    """Stands in for a bucket; Airflow itself has no such storage."""
    attach("memory", fs=MemoryFileSystem())


@pytest.fixture(params=["file", "memory", "plain"])
def folder(request, tmp_path):
    """A folder on a disk, in memory, and on a disk without a scheme; it is not there yet."""
    return {
        "file": f"file://{tmp_path}/some/where",
        "memory": f"memory://{uuid.uuid4().hex}/some/where",
        "plain": f"{tmp_path}/some/where",
    }[request.param]


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "slides of mine.pdf"
    source.write_bytes(CONTENT)
    return source


@pytest.fixture
def file_id(hook, sandbox, source):
    file_id = hook.upload_file(storage.upload(str(source)))["id"]
    sandbox.forget_requests()
    return file_id


def names(folder):
    return sorted(path.name for path in ObjectStoragePath(folder).iterdir())


def content(path):
    with ObjectStoragePath(str(path)).open("rb") as file:
        return file.read()


def test_a_download_is_streamed_to_its_place_and_leaves_nothing_else_behind(hook, file_id, folder):
    done = hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")
    assert (done["size"], done["sha256"]) == (len(CONTENT), sha256(CONTENT).hexdigest())
    assert content(done["path"]) == CONTENT
    assert names(folder) == ["slides.pdf"]


def test_a_second_download_takes_the_firsts_place(hook, file_id, folder):
    for _ in range(2):
        hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")
    assert content(f"{folder}/slides.pdf") == CONTENT
    assert names(folder) == ["slides.pdf"]


def test_a_path_may_be_an_object_storage_path(hook, file_id, folder):
    path = ObjectStoragePath(f"{folder}/slides.pdf")
    assert hook.download(calls.download_file(file_id), path)["path"] == str(path)
    assert content(path) == CONTENT


@pytest.mark.parametrize(
    ("name", "stored_as"),
    [
        ("slides.pdf", "slides.pdf"),
        ("", "download_file"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("a\0b ", "ab"),
    ],
)
def test_into_a_folder_goes_a_file_of_the_given_name_and_never_beside_it(hook, file_id, folder, name, stored_as):
    done = hook.download(calls.download_file(file_id), f"{folder}/", name=name)
    assert content(done["path"]) == CONTENT
    assert names(folder) == [stored_as]


@pytest.mark.parametrize("path", ["", "  ", "None", None, 5])
def test_a_path_that_a_template_rendered_to_nothing_is_refused_before_anything_is_sent(hook, sandbox, path):
    with pytest.raises(ValueError, match="path must be a file, or a folder with a slash at its end; got"):
        hook.download(calls.download_file(1), path)
    assert sandbox.count() == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500}, ClickMeetingError),
        ({"kind": "cut", "after": 1_500_000}, ConnectionFailedError),
        ({"kind": "reset"}, ConnectionFailedError),
        ({"kind": "html"}, UnexpectedAnswerError),
        ({"kind": "empty"}, UnexpectedAnswerError),
        ({"kind": "error200"}, NotFoundError),
    ],
    ids=lambda each: each.get("kind") if isinstance(each, dict) else "",
)
def test_a_download_that_fails_leaves_the_older_file_and_no_part(hook, sandbox, file_id, folder, fault, error):
    older = ObjectStoragePath(f"{folder}/slides.pdf")
    older.parent.mkdir(parents=True, exist_ok=True)
    with older.open("wb") as file:
        file.write(b"older")
    sandbox.fault("download_file", times=None, **fault)
    with pytest.raises(error):
        hook.download(calls.download_file(file_id), older)
    assert content(older) == b"older"
    assert names(folder) == ["slides.pdf"]


@pytest.mark.parametrize(
    "fault", [{"kind": "cut", "after": 1_500_000}, {"kind": "reset"}, {"kind": "429", "retry_after": 0}]
)
def test_a_download_that_breaks_off_begins_anew(hook, sandbox, file_id, folder, fault):
    sandbox.fault("download_file", times=2, **fault)
    assert hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")["size"] == len(CONTENT)
    assert content(f"{folder}/slides.pdf") == CONTENT
    assert sandbox.count("download_file") == 3


def test_while_it_is_written_a_file_is_a_part(folder):
    target = ObjectStoragePath(f"{folder}/slides.pdf")
    with storage.open_atomic(target) as file:
        file.write(b"half")
        assert not target.exists()
    assert content(target) == b"half"
    assert names(folder) == ["slides.pdf"]


def test_a_writer_that_is_interrupted_leaves_no_part(folder):
    def write_half():
        with storage.open_atomic(ObjectStoragePath(f"{folder}/slides.pdf")) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert names(folder) == []


@pytest.mark.parametrize("size", [2999, 3001])
def test_a_file_of_another_size_than_it_must_have_is_not_kept(hook, sandbox, folder, size):
    room_id = sandbox.add_room(permanent_room=True)["id"]
    sandbox.add_recording(room_id, size=3000)
    (recording,) = hook.list_recordings(room_id)
    with pytest.raises(UnexpectedAnswerError, match=f"download_link: 3000 bytes arrived instead of {size}"):
        hook.download_link(recording["recording_url"], f"{folder}/talk.mp4", size=size)
    assert names(folder) == []
    assert hook.download_link(recording["recording_url"], f"{folder}/talk.mp4", size=3000)["size"] == 3000


def test_a_link_that_has_expired_is_an_error(hook, sandbox, folder):
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start)["id"]
    sandbox.add_recording(room_id, size=3000)
    (recording,) = hook.list_recordings(room_id)
    sandbox.advance(timedelta(minutes=6))
    with pytest.raises(ClickMeetingError, match="HTTP 410") as error:
        hook.download_link(recording["recording_url"], f"{folder}/talk.mp4")
    assert error.value.code == 410


def test_a_file_goes_up_under_its_own_name_or_another(client, source):
    assert client.ask("upload_file", storage.upload(str(source)))["name"] == "slides of mine.pdf"
    assert client.ask("upload_file", storage.upload(f"file://{source}", name="a/b.pdf"))["name"] == "b.pdf"


def test_a_file_goes_up_whole_also_at_the_second_attempt(client, sandbox, source):
    sandbox.fault("upload_file", "429", times=2, retry_after=0)
    stored = client.ask("upload_file", storage.upload(ObjectStoragePath(f"file://{source}")))
    assert sandbox.count("upload_file") == 3
    assert client.ask("download_file", stored["id"]) == CONTENT


def test_a_file_may_come_from_memory(client):
    path = f"memory://{uuid.uuid4().hex}/slides.pdf"
    with storage.open_atomic(ObjectStoragePath(path)) as file:
        file.write(CONTENT)
    assert client.ask("download_file", client.ask("upload_file", storage.upload(path))["id"]) == CONTENT


def test_what_goes_wrong_with_the_file_itself_is_raised_as_it_is(client, sandbox):
    def gone():
        raise RuntimeError("the bucket is gone")

    with pytest.raises(RuntimeError, match="the bucket is gone"):
        client.ask("upload_file", Upload("slides.pdf", 5, gone))
    assert sandbox.state["counts"]["files"] == 0


@pytest.mark.parametrize("missing", ["nothing.pdf", "folder", "folder/"])
def test_a_file_that_is_not_there_is_refused(tmp_path, missing):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="path must be a file that exists; there is none at"):
        storage.upload(f"{tmp_path}/{missing}")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.pdf").touch()
    with pytest.raises(ValueError, match=r"path must be a file with something in it; '.*empty.pdf' is empty\."):
        storage.upload(f"{tmp_path}/empty.pdf")


def test_a_file_is_never_whole_in_memory(hook, sandbox, tmp_path):
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start)["id"]
    sandbox.add_recording(room_id, size=64 << 20)
    (recording,) = hook.list_recordings(room_id)
    tracemalloc.start()
    hook.download_link(recording["recording_url"], f"{tmp_path}/talk.mp4")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Path(f"{tmp_path}/talk.mp4").stat().st_size == 64 << 20
    assert peak < 16 << 20
