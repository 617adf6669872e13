"""Who may read a file, from its first byte on."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.storage import open_atomic


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Where everybody may read what nothing else is said of."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o000, 0o777])
@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_a_file_is_its_owners_alone_until_it_is_whole(tmp_path, scheme, mode):
    path = tmp_path / "some" / "links.csv"
    path.parent.mkdir()
    path.write_text("older, and everybody's")
    with open_atomic(ObjectStoragePath(f"{scheme}{path}"), mode) as file:
        file.write(b"secret")
        file.flush()
        assert mode_of(path.with_name("links.csv.part")) == "600"
    assert mode_of(path) == f"{mode:o}"
    path.chmod(0o600)
    assert path.read_bytes() == b"secret"


def test_what_a_killed_task_left_is_not_written_into(tmp_path):
    left = tmp_path / "links.csv.part"
    left.write_text("left")
    with left.open() as reader:
        with open_atomic(ObjectStoragePath(tmp_path / "links.csv"), 0o600) as file:
            file.write(b"secret")
        assert reader.read() == "left"


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
