"""A full disk: the error says the folder, the bytes needed and the bytes free, wherever the provider writes."""

from __future__ import annotations

import errno
import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.audit import Audit
from airflow_clickmeeting.datasets.definitions import ATTENDEES
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.output.writers import rows_to
from airflow_clickmeeting.scratch import ScratchFile
from airflow_clickmeeting.storage import DiskFile, DiskFullError, naming_full_disk, open_atomic
from airflow_clickmeeting.versioned import versioned_file

MIB = 1 << 20
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


def numbers(error: DiskFullError) -> tuple[str, int, int]:
    """Return what a message says: the folder, the bytes needed, and the bytes free."""
    match = re.fullmatch(
        r"The disk of the folder (.+) is full: a file needs at least ([\d,]+) bytes, and ([\d,]+) are free\. "
        r"Free space or choose another folder, then clear this task\.",
        str(error),
    )
    assert match, str(error)
    return match[1], int(match[2].replace(",", "")), int(match[3].replace(",", ""))


def random_rows(count: int) -> Iterator[dict[str, object]]:
    """Rows that no format makes small."""
    for _ in range(count):
        yield {column.name: os.urandom(8).hex() if column.type == "text" else None for column in ATTENDEES.columns}


def test_a_file_that_does_not_fit_says_the_folder_and_both_sizes(small_disk):
    (small_disk / "old").write_bytes(b"x" * (MIB // 2))
    path = small_disk / "rows.csv"
    path.write_bytes(b"of yesterday")
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    with pytest.raises(DiskFullError) as error, open_atomic(ObjectStoragePath(path)) as file:
        file.writelines(os.urandom(MIB // 16) for _ in range(16))
    folder, needed, available = numbers(error.value)
    assert (folder, available) == (str(small_disk), free)
    assert available < needed <= MIB
    assert error.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"of yesterday"
    assert sorted(each.name for each in small_disk.iterdir()) == ["old", "rows.csv"]


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "jsonl", "parquet"])
def test_each_format_says_it(small_disk, file_format):
    path = ObjectStoragePath(small_disk / f"rows.{file_format}")
    with (
        pytest.raises(DiskFullError) as error,
        open_atomic(path) as file,
        rows_to(file, ATTENDEES.columns, file_format, escape_formulas=True) as out,
    ):
        out.write(random_rows(30_000))
    assert numbers(error.value)[0] == str(small_disk)
    assert [*small_disk.iterdir()] == []


def test_a_download_says_the_size_of_the_whole_file(small_disk, clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox)
    room = clickmeeting_sandbox.add_room(name="Talk", starts_at=clickmeeting_sandbox.now, duration=1)
    clickmeeting_sandbox.add_recording(room["id"], size=3_000_000, duration=3600, name="Talk")
    url = ClickMeetingHook().list_recordings(room["id"])[0]["recording_url"]
    with pytest.raises(DiskFullError) as error:
        ClickMeetingHook().download_link(url, str(small_disk / "talk.mp4"))
    assert numbers(error.value) == (str(small_disk), 3_000_000, MIB)


def test_an_archive_stops_at_the_first_recording_that_does_not_fit(small_disk, clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox)
    rooms = [clickmeeting_sandbox.add_room(name=name, starts_at=NOON, duration=1)["id"] for name in ("One", "Two")]
    for room_id in rooms:
        clickmeeting_sandbox.add_recording(room_id, size=3_000_000, duration=3600, name="Talk")
    operator = ClickMeetingArchiveRecordingsOperator(task_id="archive", folder=str(small_disk), room_id="all")
    with pytest.raises(DiskFullError) as error:
        operator.execute({})
    assert numbers(error.value)[1:] == (3_000_000, MIB)
    assert clickmeeting_sandbox.count("media") == 1


def test_a_ledger_or_a_manifest_says_it(small_disk):
    file = versioned_file(ObjectStoragePath(small_disk / "ledger.jsonl"), 0o600)
    with pytest.raises(DiskFullError) as error:
        file.replace(b"x" * (2 * MIB), None)
    assert numbers(error.value)[:2] == (str(small_disk), 2 * MIB)
    with pytest.raises(DiskFullError):
        file.add_part("part", b"x" * (2 * MIB))


def test_an_audit_says_it_before_anything_is_deleted(small_disk, clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox)
    room = clickmeeting_sandbox.add_room(name="Old", starts_at=NOON - timedelta(days=90), duration=1)
    with (small_disk / "filler").open("wb", buffering=0) as filler:
        filler.write(b"x" * (2 * MIB))  # the system writes what fits
    audit = Audit(ClickMeetingHook(), {}, str(small_disk / "audit.jsonl"))
    with pytest.raises(DiskFullError) as error:
        audit.delete(calls.delete_conference(room["id"]), room["id"])
    assert numbers(error.value)[::2] == (str(small_disk), 0)
    assert clickmeeting_sandbox.count("delete_conference") == 0


def test_a_temporary_file_names_the_variable_that_moves_it(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with ScratchFile(1000) as file:
        file.write(b"x" * (MIB // 2))
        with pytest.raises(
            DiskFullError, match=r"needs at least 1,572,864 bytes, and 1,048,576 are free\. Free sp"
        ) as error:
            file.write(b"x" * MIB)
    assert "let TMPDIR of the workers name another folder, then clear this task." in str(error.value)


def test_a_temporary_file_says_it_also_when_its_end_goes_to_the_disk(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with ScratchFile(10) as file:
        file.write(b"x" * (MIB - 4096))
        (small_disk / "filler").write_bytes(b"x" * 4096)
        file.write(b"x" * 100)
        with pytest.raises(DiskFullError, match="needs at least 1,04"):
            file.seek(0)


def test_a_disk_with_too_many_files_says_that_there_may_be_another_limit(mount_disk: Callable[..., Path]):
    folder = mount_disk(files=3)
    for name in ("one", "two"):
        (folder / name).touch()
    with pytest.raises(DiskFullError, match="Perhaps a quota, or the number of files, is at"):
        open_atomic(ObjectStoragePath(folder / "three")).__enter__()


def test_a_write_to_a_device_that_is_always_full():
    """This needs no rights, so the error is tested everywhere."""
    with DiskFile(os.open("/dev/full", os.O_WRONLY), "/dev") as file, pytest.raises(DiskFullError) as error:
        file.write(b"some bytes")
    assert str(error.value).startswith("The disk of the folder /dev is full: a file needs at least 10 bytes, and ")
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError, match=r"^no$"), naming_full_disk(tmp_path, 1):
        raise PermissionError("no")
