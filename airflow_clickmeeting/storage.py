"""Read and write files on any object storage.

A file gets its name only when it is complete. So a reader never sees half a file, and a task that fails leaves the old
file unchanged. On a disk, what a killed task leaves behind is removed by the next task that writes the same file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import logging
import os
import pathlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_clickmeeting.api.validate import is_left_out
from airflow_clickmeeting.object_store import BLOCK_SIZE, OBJECT_STORES, ObjectUpload, naming_right

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.call import Upload

    Path = str | ObjectStoragePath

LOCAL_PROTOCOLS = ("", "file", "local")
OWNER_ONLY = 0o600
#: what the system gives a new file, less the umask
DEFAULT_MODE = 0o666
TEMPORARY = re.compile(r"(.+)\.[0-9a-f]{16}\.part", re.DOTALL)
#: Each write changes the time of a temporary file, and no task writes once a day only.
ABANDONED_AFTER = timedelta(days=1)
#: the largest share of the time that listing a folder may take
MAX_TIME_SHARE = 0.01
FULL = (errno.ENOSPC, errno.EDQUOT)
WRITE_FIRST = "Correct the path, or write the file, then clear this task."

log = logging.getLogger(__name__)


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
    if not isinstance(path, str) or is_left_out(path):
        raise ValueError(f"{argument} must be a file, or a folder with a slash at its end; got {path!r}.")
    return ObjectStoragePath(path) / safe_name(name) if path.endswith("/") else ObjectStoragePath(path)


def safe_name(name: str) -> str:
    """Return the last part of a file name that ClickMeeting or a user gave, or `file` if nothing usable is left.

    The result cannot point to another folder, as `../../etc/passwd` would.
    """
    last = "".join(filter(str.isprintable, name.replace("\\", "/").rsplit("/", 1)[-1])).strip()
    return last if last not in ("", ".", "..") else "file"


def is_local(path: ObjectStoragePath) -> bool:
    """Return whether a path is on this machine's disk, where files have permissions.

    What writes such a file does not use Airflow's file system, which imports the object stores of all providers: that
    takes longer than to write most files.
    """
    return path.protocol in LOCAL_PROTOCOLS


class UnreadableFileError(ValueError):
    """A file does not exist, or is not complete; as it may come, Airflow retries the task."""


class DiskFullError(OSError):
    """A disk has no space left; the message has the folder, the bytes needed and the bytes free."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def naming_full_disk(
    folder: str | os.PathLike[str], needed: int, *, incomplete: int = 0, advice: str = "choose another folder"
) -> Iterator[None]:
    """Turn an error of the block about a full disk into one that says what is needed.

    :param folder: the folder of the file that the block writes.
    :param needed: the bytes of the whole file, as far as they are known.
    :param incomplete: the bytes that the file has already; they are free for the next try.
    :param advice: what people can do besides freeing space.
    :raises DiskFullError: instead of the system's error.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, DiskFullError):
            raise
        free = shutil.disk_usage(folder).free + incomplete
        also = " Perhaps a quota, or the number of files, is at its limit." * (free >= needed)
        message = (
            f"The disk of the folder {os.fspath(folder)} is full: a file needs at least {needed:,} bytes, and {free:,} "
            f"are free.{also} Free space or {advice}, then clear this task."
        )
        raise DiskFullError(error.errno, message) from error


class DiskFile(io.FileIO):
    """A file on the disk of this machine, whose error about a full disk says what is needed.

    :param descriptor: the open file.
    :param folder: its folder.
    :param mode: how the descriptor was opened.
    :param advice: `advice` for `naming_full_disk`.
    """

    #: the bytes that the whole file will have, if they are known
    expected = 0

    def __init__(self, descriptor: int, folder: str | os.PathLike[str], mode: str = "wb", **advice: str) -> None:
        super().__init__(descriptor, mode)
        self._folder = folder
        self._advice = advice

    def write(self, data: Any, /) -> int:
        """Write bytes, perhaps not all of them, and return how many."""
        try:
            return super().write(data)
        except OSError:
            size = os.fstat(self.fileno()).st_size
            with naming_full_disk(self._folder, max(self.expected, size + len(data)), incomplete=size, **self._advice):
                raise


class AtomicFile:
    """A file that gets its name, or replaces the older file of this name, only when it is complete.

    On S3, Google Cloud Storage and Azure it is an `ObjectUpload`. Elsewhere it is written as `NAME.RANDOM.part` in the
    same folder, which is created if it does not exist, and is renamed to `NAME`; see `PartFile`.

    :param path: the file.
    :param mode: the permissions of a local file; until it is complete, only its owner can read it. By default the
        system decides. Other storages ignore it.
    """

    def __init__(self, path: ObjectStoragePath, mode: int | None = None) -> None:
        self._path = path
        self._mode = mode
        if path.protocol not in OBJECT_STORES:
            folder = pathlib.Path(path.parent.path) if is_local(path) else path.parent
            folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
        self._open()

    def _open(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._output: ObjectUpload | PartFile
        if self._path.protocol in OBJECT_STORES:
            self._output = upload = ObjectUpload(self._path)
            self.file = cast("IO[bytes]", upload)
        else:
            self._output = part = PartFile(self._path, self._mode)
            self.file = part.file

    @property
    def sha256(self) -> str:
        """The SHA-256 checksum of the bytes written so far, as hexadecimal digits."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> None:
        """Write bytes, and update `size` and `sha256`; bytes written to `file` directly are not counted."""
        self.file.write(data)
        self.size += len(data)
        self._sha256.update(data)

    def expect(self, size: int | None) -> None:
        """Take the size that the file will have, if it is known; the error for a full disk says it."""
        if size is not None and isinstance(self._output, PartFile):
            self._output.expect(size)

    def restart(self) -> None:
        """Discard the bytes written so far, and start with an empty file, as for a download that is tried again."""
        self.discard()
        self._open()

    def commit(self) -> None:
        """Close the file and give it its own name, which replaces an older file; or discard it if that fails.

        Another thread may do this when the file is written.
        """
        with self.discard_on_error():
            self._output.complete()

    @contextmanager
    def discard_on_error(self) -> Iterator[None]:
        """Discard the file if the block raises an error."""
        try:
            yield
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove what was written; an older file with the final name stays."""
        self._output.abort()


class PartFile:
    """A file under a temporary name in the same folder, and its lock if it is on the disk of this machine.

    The temporary name is new, so that two tasks which write the same file do not mix their bytes, and no link in its
    place is followed. The next one of the same name removes what a killed task left: on the disk of a machine at once,
    because the lock of a running task shows which files are in use; on other storages after a day.
    """

    def __init__(self, path: ObjectStoragePath, mode: int | None) -> None:
        self._path = path
        self._mode = mode
        self._part = path.parent / f"{path.name}.{token_hex(8)}.part"
        folder = self._part.parent.path
        with naming_full_disk(folder, 1):
            self._lock = _create_locked(self._part.path, mode) if is_local(path) else None
        self.file: IO[bytes]
        if self._lock is None:
            # the path's own `open` would report the temporary file to Airflow's lineage
            self.file = self._part.fs.open(self._part.path, mode="wb")
        else:
            self._disk_file = DiskFile(os.dup(self._lock), folder)
            self.file = cast("IO[bytes]", io.BufferedWriter(self._disk_file))

    def expect(self, size: int) -> None:
        """Take the size that the file will have, which the error for a full disk says."""
        if self._lock is not None:
            self._disk_file.expected = size

    def complete(self) -> None:
        """Close the file and rename it; an older file with this name is replaced."""
        self.file.close()
        if self._lock is None:
            self._part.rename(self._path)
            return
        if self._mode is not None:
            os.fchmod(self._lock, self._mode)
        pathlib.Path(self._part.path).replace(self._path.path)
        self._unlock()

    def abort(self) -> None:
        """Remove the temporary file."""
        with suppress(Exception):  # such as that of a full disk, which has no place for what is still in the buffer
            self.file.close()
        self._part.unlink(missing_ok=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _create_locked(path: str, mode: int | None) -> int:
    """Create a file, and return its descriptor; until that is closed, the file is locked.

    With a mode, only the owner can open the file. This must be so before the first byte is written: a process that has
    opened a file can read on after the permissions change.

    :raises FileExistsError: if there is a file or a link at this path.
    """
    permission = DEFAULT_MODE if mode is None else OWNER_ONLY
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, permission)
    with suppress(OSError):  # a network file system without locks: there, nothing is removed later
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)  # another task took the file for a leftover just before it was locked
    return _create_locked(path, mode)


_last_listed: tuple[str, float, list[str]] = ("", 0.0, [])


def _temporary_names(path: ObjectStoragePath) -> list[str]:
    """Return the names of temporary files in the folder of a file, at least of those that belong to the file.

    An export may write many thousand files into one folder. So the folder is listed again only when that takes no more
    than one percent of the time.
    """
    global _last_listed
    folder = path.parent
    list_folder = os.listdir if is_local(path) else partial(path.fs.ls, detail=False)
    listed, valid_until, names = _last_listed
    started_at = time.monotonic()
    if listed != str(folder) or started_at >= valid_until:
        found = [str(each).rpartition("/")[2] for each in list_folder(folder.path)]
        names = [name for name in found if TEMPORARY.fullmatch(name)]
        ended_at = time.monotonic()
        _last_listed = str(folder), ended_at + (ended_at - started_at) / MAX_TIME_SHARE, names
    return names


def _remove_leftovers(path: ObjectStoragePath) -> None:
    """Remove the temporary files of a file whose writers were killed; no error of this stops a task."""
    with suppress(Exception):
        for name in _temporary_names(path):
            if (match := TEMPORARY.fullmatch(name)) and match[1] == path.name:
                with suppress(Exception):
                    _remove_leftover(path.parent / name)


def _remove_leftover(part: ObjectStoragePath) -> None:
    """Remove a temporary file unless its writer still lives."""
    if not is_local(part):
        if datetime.now(UTC) - part.fs.modified(part.path) < ABANDONED_AFTER:
            return
        part.unlink()
    else:
        descriptor = os.open(part.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
        finally:
            os.close(descriptor)
    log.info("Removed the incomplete file %s, which a killed task had left", part)


@contextmanager
def atomic_file(path: ObjectStoragePath, mode: int | None = None) -> Iterator[AtomicFile]:
    """Yield an `AtomicFile`, and commit it at the end of the block, or discard it if the block raises an error.

    :param path: the file.
    :param mode: as in `AtomicFile`.
    """
    atomic = AtomicFile(path, mode)
    with atomic.discard_on_error():
        yield atomic
    atomic.commit()


@contextmanager
def open_atomic(path: ObjectStoragePath, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it replaces an older file only at the end of the block.

    If the block raises an error, the older file stays.

    :param path: the file.
    :param mode: as in `AtomicFile`.
    """
    with atomic_file(path, mode) as atomic:
        yield atomic.file


def upload(path: Path, name: str | None = None) -> Upload:
    """Return a file as an `Upload`, the argument that `upload_file` takes; the file is read only when it is sent.

    :param path: a file on any object storage.
    :param name: the file's name on ClickMeeting; by default its own.
    :raises UnreadableFileError: a `ValueError`, if the file does not exist or is empty.
    """
    from airflow_clickmeeting.api.call import Upload

    source = located(path, "")
    found: dict[str, Any] = {}
    with naming_right(source, "read"), suppress(FileNotFoundError, NotADirectoryError):
        found = source.fs.info(source.path)
    if found.get("type") != "file":
        raise UnreadableFileError(f"path must be a file that exists; there is none at {str(source)!r}. {WRITE_FIRST}")
    if not found["size"]:
        raise UnreadableFileError(f"path must be a file with something in it; {str(source)!r} is empty. {WRITE_FIRST}")

    def open_source() -> IO[bytes]:
        with naming_right(source, "read"):
            file: IO[bytes] = source.open("rb", block_size=BLOCK_SIZE)
            return file

    return Upload(name=safe_name(name or source.name), size=found["size"], open=open_source)
