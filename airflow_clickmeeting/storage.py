"""Read and write files on any object storage.

A file is written under a temporary name, and gets its own name only when it is complete. So a reader never sees half a
file, and a task that fails leaves the old file unchanged.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from airflow_clickmeeting.api.validate import bad_argument

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.call import Upload

    Path = str | ObjectStoragePath

__all__ = [
    "AtomicFile",
    "add_line",
    "atomic_file",
    "is_local",
    "located",
    "open_atomic",
    "permissions",
    "safe_name",
    "upload",
]

PART_SUFFIX = ".part"
LOCAL_PROTOCOLS = ("", "file", "local")
OWNER_ONLY = 0o600


def located(path: Path, name: str, *, argument: str = "path") -> ObjectStoragePath:
    """Return the path of a file; if `path` is a folder, that is, ends with a slash, the path of a file in it.

    :param path: a file or a folder on any object storage.
    :param name: the file's name in a folder; only its last part is used, see `safe_name`.
    :param argument: the name of the argument, for errors.
    :raises ValueError: if the path is blank, or the text `None`, which a template renders for a missing value.
    """
    from airflow.sdk import ObjectStoragePath

    if isinstance(path, ObjectStoragePath):
        return path
    if not isinstance(path, str) or not path.strip() or path == "None":
        raise ValueError(f"{argument} must be a file, or a folder with a slash at its end; got {path!r}.")
    return ObjectStoragePath(path) / safe_name(name) if path.endswith("/") else ObjectStoragePath(path)


def safe_name(name: str) -> str:
    """Return the last part of a file name that ClickMeeting or a user gave, or `file` if nothing usable is left.

    The result cannot point to another folder, as `../../etc/passwd` would.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1].replace("\0", "").strip()
    return last if last not in ("", ".", "..") else "file"


def permissions(name: str, value: int | str) -> int:
    """Return the permissions of a file as a number.

    :param name: the argument's name, for the error.
    :param value: a number such as `0o600`, or octal digits as text such as `"600"`.
    :raises ValueError: for anything else; also for the number 600, which is most likely meant as octal digits.
    """
    text = f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) else str(value).strip()
    if not re.fullmatch("(0o)?0?[0-7]{1,3}", text):
        bad_argument(name, value, "permissions in octal digits, such as '600' or 0o600")
    return int(text, 8)


def is_local(path: ObjectStoragePath) -> bool:
    """Return whether a path is on this machine's disk, where files have permissions."""
    return path.protocol in LOCAL_PROTOCOLS


class AtomicFile:
    """A file that is written as `NAME.part` in the same folder, and renamed to `NAME` when it is complete.

    The folder is created if it does not exist.

    :param path: the file.
    :param mode: the permissions of a local file; until it is complete, only its owner can read it. By default the
        system decides. Other storages ignore it.
    """

    def __init__(self, path: ObjectStoragePath, mode: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._part = path.parent / f"{path.name}{PART_SUFFIX}"
        self._mode = mode if is_local(path) else None
        if self._mode is not None:
            self._create_private()
        self._open()

    def _create_private(self) -> None:
        """Create an empty file that only its owner can open.

        The permissions must be set before the first byte is written: a process that has opened a file can read on after
        the permissions change.
        """
        self._part.unlink(missing_ok=True)
        os.close(os.open(self._part.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))

    def _open(self) -> None:
        # The path's own `open` would report the temporary file to Airflow's lineage.
        self.file: IO[bytes] = self._part.fs.open(self._part.path, mode="wb")
        self.size = 0
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 checksum of the bytes written so far, as hexadecimal digits."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> None:
        """Write bytes, and update `size` and `sha256`; bytes written to `file` directly are not counted."""
        self.file.write(data)
        self.size += len(data)
        self._sha256.update(data)

    def restart(self) -> None:
        """Discard the bytes written so far, and start with an empty file, as for a download that is tried again."""
        self.file.close()
        self._open()

    def commit(self) -> None:
        """Close the file and give it its own name; an older file with this name is replaced."""
        self.file.close()
        if self._mode is not None:
            pathlib.Path(self._part.path).chmod(self._mode)
        self._part.rename(self._path)

    def discard(self) -> None:
        """Remove the temporary file; an older file with the final name stays."""
        self.file.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: ObjectStoragePath, mode: int | None = None) -> Iterator[AtomicFile]:
    """Yield an `AtomicFile`, and commit it at the end of the block, or discard it if the block raises an error.

    :param path: the file.
    :param mode: as in `AtomicFile`.
    """
    atomic = AtomicFile(path, mode)
    try:
        yield atomic
        atomic.commit()
    except BaseException:
        atomic.discard()
        raise


@contextmanager
def open_atomic(path: ObjectStoragePath, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it replaces an older file only at the end of the block.

    If the block raises an error, the older file stays.

    :param path: the file.
    :param mode: as in `AtomicFile`.
    """
    with atomic_file(path, mode) as atomic:
        yield atomic.file


def add_line(path: ObjectStoragePath, line: bytes) -> None:
    """Append a line to a file, and create the file and its folder if they do not exist.

    Many object storages cannot append to a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("ab")
    except FileNotFoundError:  # some storages append only to a file that exists
        file = path.open("wb")
    with file:
        file.write(line)


def upload(path: Path, name: str | None = None) -> Upload:
    """Return a file as an `Upload`, the argument that `upload_file` takes; the file is read only when it is sent.

    :param path: a file on any object storage.
    :param name: the file's name on ClickMeeting; by default its own.
    :raises ValueError: if the file does not exist or is empty.
    """
    from airflow_clickmeeting.api.call import Upload

    source = located(path, "")
    if not source.is_file():
        raise ValueError(f"path must be a file that exists; there is none at {str(source)!r}.")
    size = source.stat().st_size
    if not size:
        raise ValueError(f"path must be a file with something in it; {str(source)!r} is empty.")

    def open_source() -> IO[bytes]:
        file: IO[bytes] = source.open("rb")
        return file

    return Upload(name=safe_name(name or source.name), size=size, open=open_source)
