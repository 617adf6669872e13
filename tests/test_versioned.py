"""A file that is replaced only if it is unchanged: on a disk, on S3, and on what stands in for other storages."""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from thorough import everyday

from airflow_clickmeeting.versioned import versioned_file


@pytest.fixture(params=["file", "memory", "s3"])
def path(request, tmp_path):
    if request.param == "s3":
        return ObjectStoragePath(f"{request.getfixturevalue('bucket').url}/some/where.json")
    attach("memory", fs=MemoryFileSystem())
    address = {"file": f"file://{tmp_path}", "memory": f"memory://{uuid.uuid4().hex}"}[request.param]
    return ObjectStoragePath(f"{address}/some/where.json")


def check_versions(path):
    """Check that only a task that knows the present version replaces it."""
    file, other = versioned_file(path, 0o640), versioned_file(path, 0o640)
    assert file.read() is None
    first = file.replace(b"one", None)
    assert other.replace(b"two", None) is None
    assert other.read() == (b"one", first)
    second = other.replace(b"three", first)
    assert second not in (None, first)
    assert file.replace(b"four", first) is None
    assert file.read() == (b"three", second)
    # a request that was sent again after its response was lost
    assert file.replace(b"three", first) == second
    assert file.replace(b"five", second)
    path.fs.rm_file(path.path)
    assert file.read() is None
    assert file.replace(b"six", second) is None


def test_it_is_replaced_only_by_whom_knows_its_version(path):
    check_versions(path)


def test_other_object_storages_do_so_as_well(stand_in):
    check_versions(ObjectStoragePath(f"{stand_in.protocol}://bucket/some/where.json"))


def test_parts_lie_beside_it(path):
    file = versioned_file(path, 0o600)
    file.replace(b"one", None)
    file.add_part("where.json.1", b"part")
    assert file.read_part("where.json.1") == (path.parent / "where.json.1").read_bytes() == b"part"
    file.remove_part("where.json.1")
    file.remove_part("where.json.1")
    with pytest.raises(FileNotFoundError):
        file.read_part("where.json.1")


def test_its_age_is_by_the_clock_of_the_storage(path):
    file = versioned_file(path, 0o600)
    file.replace(b"one", None)
    assert -1 <= file.age() <= file.slack + 600
    if path.protocol == "file":
        os.utime(path.path, (time.time() - 1000,) * 2)
        assert 990 <= file.age() <= 1600
    assert [each for each in path.parent.iterdir() if not each.name.startswith(".")] == [path]


@pytest.mark.parametrize("storage", everyday(["s3", "file"]))
def test_of_those_who_write_at_once_exactly_one_wins(storage, request, tmp_path, thorough):
    rounds = 200 if thorough else 50
    folder = f"file://{tmp_path}" if storage == "file" else request.getfixturevalue("bucket").url
    start = threading.Barrier(2)

    def write(name: str) -> list[bool]:
        won = []
        for number in range(rounds):
            file = versioned_file(ObjectStoragePath(f"{folder}/{number // 2}"), 0o600)
            found = file.read()
            start.wait()
            won.append(file.replace(f"{name} {number}".encode(), found and found.version) is not None)
            start.wait()
        return won

    with ThreadPoolExecutor(2) as pool:
        wins = [*pool.map(write, ["Ada", "Eve"])]
    assert [sum(each) for each in zip(*wins, strict=True)] == [1] * rounds


def test_permissions(tmp_path):
    for mode in (0o600, 0o640):
        path = tmp_path / f"{mode}.json"
        file = versioned_file(ObjectStoragePath(f"file://{path}"), mode)
        version = file.replace(b"one", None)
        file.replace(b"two", version)
        assert path.stat().st_mode & 0o777 == mode
    umask = os.umask(0o022)
    try:
        versioned_file(ObjectStoragePath(f"file://{tmp_path}/any"), None).replace(b"one", None)
    finally:
        os.umask(umask)
    assert (tmp_path / "any").stat().st_mode & 0o777 == 0o644


def test_no_link_leads_elsewhere(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / ".where.json.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        versioned_file(ObjectStoragePath(f"file://{tmp_path}/where.json"), 0o600).replace(b"one", None)
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"


def test_s3_costs_one_request_each_and_no_right_to_list(bucket):
    bucket.deny("s3:ListBucket", "s3:CreateBucket", "s3:DeleteObject")
    file = versioned_file(ObjectStoragePath(f"{bucket.url}/some/where.json"), 0o600)
    assert file.read() is None
    version = file.replace(b"one", None)
    assert file.read() == (b"one", version)
    file.replace(b"two", version)
    assert [request.method for request in bucket.requests] == ["GET", "PUT", "GET", "PUT"]


def test_a_missing_right_is_named(bucket):
    file = versioned_file(ObjectStoragePath(f"{bucket.url}/where.json"), 0o600)
    bucket.deny("s3:PutObject")
    with pytest.raises(PermissionError, match="the right s3:PutObject is missing"):
        file.replace(b"one", None)
    bucket.forget()
    file.replace(b"one", None)
    bucket.deny("s3:GetObject")
    # S3 does not say whether there is an object, so the first write must find out
    assert file.read() is None
    with pytest.raises(PermissionError, match="the right s3:GetObject"):
        file.replace(b"two", None)


def test_a_bucket_that_does_not_exist(bucket):
    file = versioned_file(ObjectStoragePath(f"{bucket.url}-not/where.json"), 0o600)
    assert file.read() is None
    with pytest.raises(FileNotFoundError):
        file.replace(b"one", None)


def test_an_error_of_the_storage_is_no_other_version(bucket, mocker):
    file = versioned_file(ObjectStoragePath(f"{bucket.url}/where.json"), 0o600)
    mocker.patch.object(bucket.fs, "call_s3", side_effect=OSError("Slow Down"))
    with pytest.raises(OSError, match="Slow Down"):
        file.replace(b"one", None)


def test_a_storage_that_cannot_compare_says_so(caplog):
    attach("hdfs", fs=MemoryFileSystem())
    check_versions(ObjectStoragePath("hdfs://server/where.json"))
    assert "cannot replace a file only if it is unchanged" in caplog.text


def test_a_process_that_stopped_in_a_write_does_not_stop_others_for_ever(tmp_path, mocker):
    mocker.patch("airflow_clickmeeting.versioned.LOCK_TIMEOUT", 0)
    file = versioned_file(ObjectStoragePath(f"file://{tmp_path}/ledger.jsonl"), 0o600)
    version = file.replace(b"one", None)
    with (tmp_path / ".ledger.jsonl.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="If that process was stopped, continue or kill it"):
            file.replace(b"two", version)
    assert file.replace(b"three", version)
