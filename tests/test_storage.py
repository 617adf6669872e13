"""Test files under their temporary names: who may read them, what two writers do, and what a killed one leaves."""

from __future__ import annotations

import errno
import fcntl
import gc
import gzip
import os
import random
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting import object_store, storage
from airflow_clickmeeting.storage import AtomicFile, open_atomic, safe_name

RANDOM = "0123456789abcdef"


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Where everybody may read what nothing else is said of."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, content: bytes = b"whole", mode: int | None = None) -> None:
    with open_atomic(ObjectStoragePath(path), mode) as file:
        file.write(content)


def write_object(path: ObjectStoragePath, content: bytes) -> None:
    with open_atomic(path) as file:
        file.write(content)


def killed_while_writing(path: Path) -> Path:
    """Let a process be killed while it writes a file, and return what it leaves."""
    if not (process := os.fork()):
        with open_atomic(ObjectStoragePath(path)) as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    (left,) = path.parent.glob(f"{path.name}.*.part")
    assert left.read_bytes() == b"half"
    return left


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o000, 0o777])
@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_a_file_is_its_owners_alone_until_it_is_whole(tmp_path, scheme, mode):
    path = tmp_path / "some" / "links.csv"
    path.parent.mkdir()
    path.write_text("older, and everybody's")
    with open_atomic(ObjectStoragePath(f"{scheme}{path}"), mode) as file:
        file.write(b"secret")
        file.flush()
        (part,) = path.parent.glob("links.csv.*.part")
        assert mode_of(part) == "600"
    assert mode_of(path) == f"{mode:o}"
    path.chmod(0o600)
    assert path.read_bytes() == b"secret"


def test_where_nothing_is_said_the_system_decides(tmp_path):
    with open_atomic(ObjectStoragePath(tmp_path / "links.csv")) as file:
        file.write(b"open")
    assert mode_of(tmp_path / "links.csv") == "666"


def test_what_fails_leaves_the_older_file_as_it_was(tmp_path):
    path = tmp_path / "links.csv"
    path.write_text("older")
    with pytest.raises(KeyError), open_atomic(ObjectStoragePath(path), 0o600) as file:  # noqa: PT012
        file.write(b"secret")
        raise KeyError
    assert (path.read_text(), mode_of(path)) == ("older", "666")
    assert [*tmp_path.iterdir()] == [path]


def test_object_stores_have_no_permissions():
    attach("memory", fs=MemoryFileSystem())
    path = ObjectStoragePath(f"memory://{uuid.uuid4().hex}/links.csv")
    with open_atomic(path, 0o600) as file:
        file.write(b"secret")
    assert path.read_bytes() == b"secret"


# --- two writers ------------------------------------------------------------------------------------------------------


def test_a_task_and_its_retry_do_not_share_a_temporary_file(tmp_path):
    path = tmp_path / "links.csv"
    zombie, retry = (AtomicFile(ObjectStoragePath(path)) for _ in range(2))
    zombie.write(b"zombie")
    retry.write(b"retry")
    assert len(names(tmp_path)) == 2
    retry.commit()
    assert path.read_bytes() == b"retry"
    zombie.write(b", to its end")
    zombie.commit()
    assert path.read_bytes() == b"zombie, to its end"
    assert names(tmp_path) == ["links.csv"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_in_the_place_of_a_temporary_file_is_neither_followed_nor_overwritten(tmp_path, mocker, kind):
    mocker.patch.object(storage, "token_hex", return_value=RANDOM)
    victim, trap = tmp_path / "victim", tmp_path / f"links.csv.{RANDOM}.part"
    victim.write_text("precious")
    trap.symlink_to(victim) if kind == "link" else trap.hardlink_to(victim)
    with trap.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # of a running task, so it is not removed
        with pytest.raises(FileExistsError):
            write(tmp_path / "links.csv", b"secret")
    assert victim.read_text() == "precious"
    assert names(tmp_path) == [trap.name, "victim"]


def test_a_link_with_the_name_of_the_file_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "links.csv").symlink_to(victim)
    write(tmp_path / "links.csv")
    assert victim.read_text() == "precious"
    assert (tmp_path / "links.csv").read_bytes() == b"whole"


def test_a_folder_with_the_name_of_the_file_is_an_error_and_stays_empty(tmp_path):
    (tmp_path / "links.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "links.csv")
    assert names(tmp_path) == ["links.csv"]
    assert names(tmp_path / "links.csv") == []


def test_a_file_that_is_begun_again_has_nothing_of_before(tmp_path):
    file = AtomicFile(ObjectStoragePath(tmp_path / "talk.mp4"))
    file.write(b"the older and longer half")
    file.restart()
    file.write(b"new")
    file.commit()
    assert (file.size, (tmp_path / "talk.mp4").read_bytes()) == (3, b"new")
    assert names(tmp_path) == ["talk.mp4"]


@contextmanager
def small_disk() -> Iterator[None]:
    """A disk on which no file can have more than 100 bytes, not even the one that pytest writes its output to."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("error", [None, KeyError])
def test_a_full_disk_leaves_the_older_file_and_no_part(tmp_path, error):
    path = tmp_path / "links.csv"
    path.write_text("older")
    with pytest.raises(error or OSError), small_disk(), open_atomic(ObjectStoragePath(path)) as file:  # noqa: PT012
        file.write(bytes(101))  # which stays in the buffer until the file is closed
        if error:
            raise error
    assert path.read_text() == "older"
    assert names(tmp_path) == ["links.csv"]


# --- what a killed writer leaves --------------------------------------------------------------------------------------


def test_the_next_task_removes_what_a_killed_one_left(tmp_path, caplog):
    path = tmp_path / "links.csv"
    left = killed_while_writing(path)
    with left.open("rb") as reader, caplog.at_level("INFO"):
        write(path, b"secret")
        assert reader.read() == b"half"
    assert names(tmp_path) == ["links.csv"]
    assert f"Removed the incomplete file {left}, which a killed task had left" in caplog.text


def test_only_leftovers_of_the_same_file_are_removed(tmp_path):
    path = tmp_path / "links.csv"
    others = ["other.csv", "links.csv.part", f"links.csv.{RANDOM}", f"links.csv.{RANDOM[1:]}.part", "links.csv.x.part"]
    others += [f"other.csv.{RANDOM}.part", f"links.csv.gz.{RANDOM}.part", f"alinks.csv.{RANDOM}.part"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f"links.csv.{RANDOM[::-1]}.part").symlink_to(tmp_path / "other.csv")
    (tmp_path / f"links.csv.{RANDOM}.part").mkdir()
    before = names(tmp_path)
    write(path)
    assert names(tmp_path) == sorted([*before, "links.csv"])


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_again(tmp_path, mocker):
    lock, early = fcntl.flock, []

    def locked_late(descriptor: int, operation: int) -> None:
        if not early:
            early.extend(tmp_path.glob("*.part"))
            early[0].unlink()
        lock(descriptor, operation)

    mocker.patch.object(fcntl, "flock", locked_late)
    write(tmp_path / "links.csv")
    assert (names(tmp_path), len(early)) == (["links.csv"], 1)


def test_without_locks_files_are_written_and_nothing_is_removed(tmp_path, mocker):
    mocker.patch.object(fcntl, "flock", side_effect=OSError(errno.ENOLCK, "No locks available"))
    (tmp_path / f"links.csv.{RANDOM}.part").touch()
    write(tmp_path / "links.csv")
    assert names(tmp_path) == ["links.csv", f"links.csv.{RANDOM}.part"]


def test_a_long_folder_is_not_listed_for_each_file(tmp_path, mocker):
    mocker.patch.object(storage, "MAX_TIME_SHARE", 1e-9)
    listing = mocker.spy(os, "listdir")
    folder = tmp_path / "long"
    for number in range(5):
        write(folder / f"{number}.csv")
    assert listing.call_args_list.count(mocker.call(str(folder))) == 1


def test_on_a_storage_without_locks_a_leftover_is_removed_after_a_day():
    attach("memory", fs=MemoryFileSystem())
    folder = ObjectStoragePath(f"memory://{uuid.uuid4().hex}")
    old, new = folder / f"links.csv.{RANDOM}.part", folder / f"links.csv.{RANDOM[::-1]}.part"
    other = folder / f"links.csv.gz.{RANDOM}.part"
    for part in (old, new, other):
        part.write_bytes(b"half")
    for part, age in ((old, timedelta(days=1, minutes=1)), (new, timedelta(hours=23)), (other, timedelta(days=9))):
        folder.fs.store[part.path].modified = datetime.now(UTC) - age
    with open_atomic(folder / "links.csv") as file:
        file.write(b"whole")
    left = {name.rpartition("/")[2] for name in folder.fs.store if name.startswith(f"{folder.path}/")}
    assert left == {"links.csv", new.name, other.name}


def test_a_storage_that_cannot_be_listed_is_written_to(mocker):
    attach("memory", fs=MemoryFileSystem())
    mocker.patch.object(MemoryFileSystem, "ls", side_effect=PermissionError)
    path = ObjectStoragePath(f"memory://{uuid.uuid4().hex}/links.csv")
    with open_atomic(path) as file:
        file.write(b"whole")
    assert path.fs.cat(path.path) == b"whole"


# --- object storages --------------------------------------------------------------------------------------------------

BLOCK = object_store.BLOCK_SIZE
LARGE = random.Random(5).randbytes(BLOCK * 5 // 2)  # two blocks and a half


def write_and_fail(path: ObjectStoragePath, content: bytes) -> None:
    with open_atomic(path) as file:
        file.write(content)
        raise KeyError


@pytest.mark.parametrize("content", [b"whole", b""])
def test_a_small_file_is_one_request_and_needs_one_right(bucket, content):
    path = ObjectStoragePath(f"{bucket.url}/deep/er/links.csv")
    write_object(path, b"older and longer")
    bucket.forget()
    bucket.deny("s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "s3:CreateBucket", "s3:AbortMultipartUpload")
    write_object(path, content)
    assert bucket.rights == {"s3:PutObject": 1}
    assert bucket.read() == {"deep/er/links.csv": content}


def test_a_large_file_is_sent_in_parts_as_it_is_written(bucket):
    path = ObjectStoragePath(f"{bucket.url}/talk.mp4")
    bucket.deny("s3:GetObject", "s3:ListBucket", "s3:DeleteObject")
    with open_atomic(path) as file:
        for start in range(0, len(LARGE), 1 << 20):
            file.write(LARGE[start : start + (1 << 20)])
        assert bucket.rights == {"s3:PutObject": 3}, "the upload is begun, and two parts are sent"
        assert bucket.read() == {}
    assert bucket.rights == {"s3:PutObject": 5}, "the last part is sent, and the upload is completed"
    assert bucket.read() == {"talk.mp4": LARGE}


@pytest.mark.parametrize(("content", "requests"), [(b"half", 0), (LARGE, 3)])
def test_on_s3_what_fails_is_aborted_and_leaves_the_older_file(bucket, content, requests):
    path = ObjectStoragePath(f"{bucket.url}/links.csv")
    write_object(path, b"older")
    bucket.forget()
    with pytest.raises(KeyError):
        write_and_fail(path, content)
    gc.collect()  # s3fs completes an upload when Python deletes its file
    assert len(bucket.requests) == requests
    assert bucket.read() == {"links.csv": b"older"}
    assert bucket.uploads() == []


def test_a_file_that_is_begun_again_aborts_its_upload(bucket):
    file = AtomicFile(ObjectStoragePath(f"{bucket.url}/talk.mp4"))
    file.write(LARGE)
    file.restart()
    assert (file.size, bucket.uploads()) == (0, [])
    file.write(b"new")
    file.commit()
    assert bucket.read() == {"talk.mp4": b"new"}


def test_an_upload_that_may_not_be_aborted_is_not_completed(bucket, caplog):
    bucket.deny("s3:AbortMultipartUpload")
    with pytest.raises(KeyError):
        write_and_fail(ObjectStoragePath(f"{bucket.url}/talk.mp4"), LARGE)
    gc.collect()
    assert (bucket.read(), bucket.uploads()) == ({}, ["talk.mp4"])
    assert f"The unfinished upload of {bucket.url}/talk.mp4 was not removed" in caplog.text
    assert "let a lifecycle rule of the bucket remove it" in caplog.text


def test_a_killed_task_leaves_no_object(bucket):
    script = f"""
import os, signal
from airflow.sdk import ObjectStoragePath
from airflow_clickmeeting.storage import open_atomic
with open_atomic(ObjectStoragePath("{bucket.url}/talk.mp4")) as file:
    file.write(bytes({len(LARGE)}))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert (bucket.read(), bucket.uploads()) == ({}, ["talk.mp4"])


@pytest.mark.parametrize("content", [b"whole", LARGE])
def test_without_the_right_to_write_the_error_names_it(bucket, content):
    bucket.deny("s3:PutObject")
    path = ObjectStoragePath(f"{bucket.url}/links.csv")
    with pytest.raises(PermissionError) as error:
        write_object(path, content)
    assert str(error.value) == (
        f"The storage does not let its connection write to {path}: the right s3:PutObject is missing. "
        "Give the connection's user or role this right on the bucket, then clear this task."
    )
    assert (bucket.read(), bucket.uploads()) == ({}, [])


def test_a_bucket_that_does_not_exist_is_named(bucket):
    path = ObjectStoragePath(f"{bucket.url}-of-others/links.csv")
    with pytest.raises(FileNotFoundError) as error:
        write_object(path, b"whole")
    assert str(error.value) == (
        f"The bucket of {path} does not exist. Create the bucket, or correct the path, then clear this task."
    )


def test_a_right_that_is_lost_on_the_way_leaves_nothing(bucket):
    file = AtomicFile(ObjectStoragePath(f"{bucket.url}/talk.mp4"))
    file.write(LARGE)
    bucket.deny("s3:PutObject")
    with pytest.raises(PermissionError, match="the right s3:PutObject is missing"):
        file.commit()
    gc.collect()
    assert (bucket.read(), bucket.uploads()) == ({}, [])


def test_a_file_to_upload_is_found_with_one_request(bucket):
    write_object(ObjectStoragePath(f"{bucket.url}/slides.pdf"), b"slides")
    bucket.forget()
    found = storage.upload(f"{bucket.url}/slides.pdf")
    assert (found.name, found.size, bucket.rights) == ("slides.pdf", 6, {"s3:GetObject": 1})
    with found.open() as file:
        assert file.read() == b"slides"
    with pytest.raises(storage.UnreadableFileError, match="there is none at"):
        storage.upload(f"{bucket.url}/nothing.pdf")


@pytest.mark.parametrize(("right", "name"), [("s3:GetObject", "slides.pdf"), ("s3:ListBucket", "nothing.pdf")])
def test_a_file_that_may_not_be_read_is_not_taken_for_a_missing_one(bucket, right, name):
    write_object(ObjectStoragePath(f"{bucket.url}/slides.pdf"), b"slides")
    bucket.deny(right)
    with pytest.raises(PermissionError, match=rf"does not let its connection read .*{name}: the right .*{right}"):
        storage.upload(f"{bucket.url}/{name}")


class StorageError(Exception):
    def __init__(self, **about: object) -> None:
        self.__dict__ |= about


@pytest.mark.parametrize(
    ("url", "error", "cause", "right"),
    [
        ("s3://bucket/a", PermissionError(), StorageError(response={"Error": {"Code": "403"}}), "s3:PutObject"),
        ("s3://bucket/a", PermissionError(), StorageError(response={"Error": {"Code": "InvalidAccessKeyId"}}), None),
        ("s3://bucket/a", OSError(), StorageError(response={}), None),
        ("s3://bucket/a", OSError("the disk is full"), None, None),
        ("gs://bucket/a", OSError("Forbidden: https://example.com\nno"), None, "storage.objects.create"),
        ("abfs://bucket/a", RuntimeError(), StorageError(status_code=403), "of the role Storage Blob Data Contributor"),
        ("abfs://bucket/a", RuntimeError(), StorageError(status_code=409), None),
        ("file:///tmp/a", PermissionError("no"), None, None),
    ],
)
def test_the_right_is_named_only_where_it_is_missing(url, error, cause, right):
    error.__cause__ = cause
    with pytest.raises(type(error) if right is None else PermissionError) as raised:  # noqa: SIM117
        with object_store.naming_right(ObjectStoragePath(url), "write"):
            raise error
    assert (raised.value is error) is (right is None)
    assert right is None or f"the right {right}" in str(raised.value)


def test_google_and_azure_get_a_small_file_in_one_request(stand_in):
    path = ObjectStoragePath(f"{stand_in.protocol}://bucket/deep/links.csv")
    write_object(path, b"whole")
    assert stand_in.requests == ["put"]
    assert stand_in.cat(path.path) == b"whole"


def test_google_and_azure_get_a_large_file_in_blocks_and_show_it_whole(stand_in):
    path = ObjectStoragePath(f"{stand_in.protocol}://bucket/talk.mp4")
    with open_atomic(path) as file:
        for start in range(0, len(LARGE), 1 << 20):
            file.write(LARGE[start : start + (1 << 20)])
        assert (stand_in.requests, stand_in.store) == (["block"] * 2, {})
    assert stand_in.requests == ["block"] * 3
    assert stand_in.cat(path.path) == LARGE


def test_on_google_and_azure_what_fails_leaves_the_older_file(stand_in):
    path = ObjectStoragePath(f"{stand_in.protocol}://bucket/talk.mp4")
    write_object(path, b"older")
    with pytest.raises(KeyError):
        write_and_fail(path, LARGE)
    gc.collect()
    assert stand_in.cat(path.path) == b"older"
    assert [*stand_in.unfinished] == ([] if stand_in.protocol == "gs" else ["/bucket/talk.mp4"])


def test_what_is_written_to_an_object_storage_may_be_packed_or_text(bucket):
    path = ObjectStoragePath(f"{bucket.url}/notes.txt.gz")
    with open_atomic(path) as file, gzip.open(file, "wt") as text:
        assert (file.writable(), file.tell()) == (True, 10), "the header of gzip"
        text.write("Zażółć")
    assert gzip.decompress(bucket.read()["notes.txt.gz"]).decode() == "Zażółć"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("talk.mp4", "talk.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/shadow", "shadow"),
        ("a/..", "file"),
        ("", "file"),
        ("x\n\x1b[31m\0.pdf", "x[31m.pdf"),
        ("Zażółć gęślą 🎉.pdf", "Zażółć gęślą 🎉.pdf"),
    ],
)
def test_a_name_from_elsewhere_stays_in_its_folder(name, safe):
    assert safe_name(name) == safe
