"""Files on any object storage: written beside their place and moved there whole, read in pieces."""

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

PART = ".part"
LOCAL = ("", "file", "local")
OWNERS_ALONE = 0o600


def located(path: Path, name: str) -> ObjectStoragePath:
    """Return a path, completed by a file name where it ends with a slash.

    :raises ValueError: when the path is blank.
    """
    from airflow.sdk import ObjectStoragePath

    if isinstance(path, ObjectStoragePath):
        return path
    if not isinstance(path, str) or not path.strip() or path == "None":
        raise ValueError(f"path must be a file, or a folder with a slash at its end; got {path!r}.")
    return ObjectStoragePath(path) / safe_name(name) if path.endswith("/") else ObjectStoragePath(path)


def safe_name(name: str) -> str:
    """Return the last part of a file name from outside, which cannot lead to another folder."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1].replace("\0", "").strip()
    return last if last not in ("", ".", "..") else "file"


def permissions(name: str, value: int | str) -> int:
    """Return the permissions of a file, from a number or from octal digits in a text.

    :raises ValueError: naming the argument; 600 as a number is most likely meant as octal digits.
    """
    text = f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) else str(value).strip()
    if not re.fullmatch("(0o)?0?[0-7]{1,3}", text):
        bad_argument(name, value, "permissions in octal digits, such as '600' or 0o600")
    return int(text, 8)


def is_local(path: ObjectStoragePath) -> bool:
    """Tell whether a path is on this machine's disk, where files have permissions."""
    return path.protocol in LOCAL


class AtomicFile:
    """A file in the making: `NAME.part` beside its place, which it takes when it is whole.

    :param path: the place.
    :param mode: its permissions where it is local; until it is whole it is its owner's alone. By default the system
        decides.
    """

    def __init__(self, path: ObjectStoragePath, mode: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._place = path
        self._part = path.parent / f"{path.name}{PART}"
        self._mode = mode if is_local(path) else None
        if self._mode is not None:
            self._claim()
        self._open()

    def _claim(self) -> None:
        """Make an empty file of the owner's own, for who opens one before it is closed to him can read on."""
        self._part.unlink(missing_ok=True)
        os.close(os.open(self._part.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNERS_ALONE))

    def _open(self) -> None:
        # not the path's own `open`, which would tell Airflow's lineage of a file that is soon gone
        self.file: IO[bytes] = self._part.fs.open(self._part.path, mode="wb")
        self.size = 0
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hexadecimal digits."""
        return self._sha256.hexdigest()

    def write(self, piece: bytes) -> None:
        """Add some bytes, and count and hash them."""
        self.file.write(piece)
        self.size += len(piece)
        self._sha256.update(piece)

    def restart(self) -> None:
        """Drop what was written so far."""
        self.file.close()
        self._open()

    def commit(self) -> None:
        """Move it to its place, where it replaces an older file."""
        self.file.close()
        if self._mode is not None:
            pathlib.Path(self._part.path).chmod(self._mode)
        self._part.rename(self._place)

    def discard(self) -> None:
        """Remove it; an older file in its place stays."""
        self.file.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: ObjectStoragePath, mode: int | None = None) -> Iterator[AtomicFile]:
    """Yield a file in the making, which is kept at the end, or dropped when the writing fails.

    :param mode: as of a `AtomicFile`.
    """
    part = AtomicFile(path, mode)
    try:
        yield part
        part.commit()
    except BaseException:
        part.discard()
        raise


@contextmanager
def open_atomic(path: ObjectStoragePath, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its place, and any older file's, only when all of it is there.

    :param mode: as of a `AtomicFile`.
    """
    with atomic_file(path, mode) as part:
        yield part.file


def add_line(path: ObjectStoragePath, line: bytes) -> None:
    """Add a line to the end of a file, which is made if it is not there; not every object storage can do that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("ab")
    except FileNotFoundError:  # some storages add only to what is there
        file = path.open("wb")
    with file:
        file.write(line)


def upload(path: Path, name: str | None = None) -> Upload:
    """Return what `upload_file` sends: the file at a path.

    :param path: a file on any object storage.
    :param name: the name it gets on ClickMeeting; by default its own.
    :raises ValueError: when there is no such file, or when it is empty.
    """
    from airflow_clickmeeting.api.call import Upload

    source = located(path, "")
    if not source.is_file():
        raise ValueError(f"path must be a file that exists; there is none at {str(source)!r}.")
    size = source.stat().st_size
    if not size:
        raise ValueError(f"path must be a file with something in it; {str(source)!r} is empty.")

    def opened() -> IO[bytes]:
        file: IO[bytes] = source.open("rb")
        return file

    return Upload(name=safe_name(name or source.name), size=size, open=opened)
