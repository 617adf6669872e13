"""Read a file with its version, and replace it only if nobody has changed it since.

Each storage has its own way: S3 compares ETags, Google Cloud Storage compares generations, Azure compares ETags, and on
a file system a lock of the kernel stands around the comparison and the replacement. `versioned_file` chooses the way.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pathlib
import time
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from airflow_clickmeeting.object_store import naming_right
from airflow_clickmeeting.storage import DEFAULT_MODE, LOCAL_PROTOCOLS, OWNER_ONLY, naming_full_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import ObjectStoragePath

#: for how many seconds to wait for another process that writes the same local file
LOCK_TIMEOUT = 30.0
#: the HTTP status, and S3's errors, for a file that is not the version that was read
CHANGED = 412
CHANGED_ON_S3 = ("PreconditionFailed", "ConditionalRequestConflict")

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The bytes of a file, and a text that is different for each version of it."""

    body: bytes
    version: str


class VersionedFile:
    """A file that is replaced as a whole, and only if it is still the version that was read.

    Some storages compare the content. So if it matters who wrote a body, put something random into each.

    The class itself is for storages that cannot compare. There it reads the file, compares it and writes it; only tasks
    of one process are kept apart. The subclasses do it in one step.

    :param path: the file.
    :param mode: the permissions of a local file; None leaves them to the system. Other storages ignore it.
    """

    #: how much later than the true time the storage may date a file, and how coarse its clock is, in seconds
    slack = 2.0
    _lock = Lock()

    def __init__(self, path: ObjectStoragePath, mode: int | None) -> None:
        self.path = path
        self._mode = mode

    @cached_property
    def _fs(self) -> Any:
        return self.path.fs

    def read(self) -> Found | None:
        """Return the file as it is now; None if there is no file."""
        try:
            body = self._fs.cat_file(self.path.path)
        except FileNotFoundError:
            return None
        return Found(body, hashlib.sha256(body).hexdigest())

    def replace(self, body: bytes, version: str | None) -> str | None:
        """Write the file, unless it has changed.

        :param body: the whole content.
        :param version: the version that was read; None if there was no file.
        :return: the new version; None if the file is another version by now, and nothing was written.
        """
        written = self._write(body, version)
        # A file system may send a request again by itself, and then the second one meets the file of the first.
        if written is None and (found := self.read()) is not None and found.body == body:
            return found.version
        return written

    def _write(self, body: bytes, version: str | None) -> str | None:
        with self._locked():
            found = self.read()
            if (found and found.version) != version:
                return None
            self._put(body)
        return hashlib.sha256(body).hexdigest()

    def _locked(self) -> AbstractContextManager[object]:
        return self._lock

    def _put(self, body: bytes) -> None:
        self._fs.makedirs(str(self.path.parent.path), exist_ok=True)
        self._save(self.path.path, body)

    def _save(self, path: str, body: bytes) -> None:
        self._fs.pipe_file(path, body)

    def age(self) -> float:
        """Return how many seconds ago the file was written, by the storage's clock: a new file beside it shows that."""
        probe = f"{self.path.path}.clock"
        self._fs.pipe_file(probe, b"-")
        self._fs.invalidate_cache(str(self.path.parent.path))
        now, then = self._fs.modified(probe), self._fs.modified(self.path.path)
        with suppress(OSError):
            self._fs.rm_file(probe)
        return float((now - then).total_seconds())

    def add_part(self, name: str, body: bytes) -> None:
        """Write a file into the same folder; no other task may write a file of this name."""
        self._save(self._beside(name), body)

    def read_part(self, name: str) -> bytes:
        """Read a file of the same folder.

        :raises FileNotFoundError: if it does not exist.
        """
        return bytes(self._fs.cat_file(self._beside(name)))

    def remove_part(self, name: str) -> None:
        """Remove a file of the same folder, if it exists."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._beside(name))

    def _beside(self, name: str) -> str:
        # a name from a file that somebody edited stays in the folder
        return str((self.path.parent / name.rpartition("/")[2]).path)


class _LocalFile(VersionedFile):
    """A file on a file system, perhaps one that several machines share.

    A hidden file beside it holds the lock, which the kernel releases when a process ends. Each write is on the disk
    when the method returns.
    """

    slack = 0.1

    @cached_property
    def _fs(self) -> Any:
        # not Airflow's, see `storage.is_local`
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

        return LocalFileSystem()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = pathlib.Path(self.path.path).parent
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
        name = folder / f".{self.path.name}.lock"
        descriptor = os.open(name, flags, self._mode or DEFAULT_MODE)
        deadline = time.monotonic() + LOCK_TIMEOUT
        try:
            # a process that was stopped in the middle of a write keeps the lock
            while not _is_locked(descriptor):
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"Another process has held the lock {name} for {LOCK_TIMEOUT:g} s, so {self.path} was not "
                        "written. If that process was stopped, continue or kill it, then clear this task."
                    )
                time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)

    def _put(self, body: bytes) -> None:
        new = self._beside(f".{self.path.name}.new")
        self._save(new, body)
        pathlib.Path(new).replace(self.path.path)
        sync_folder(self.path.parent.path)

    def _save(self, path: str, body: bytes) -> None:
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW
        permission = DEFAULT_MODE if self._mode is None else OWNER_ONLY
        try:
            with os.fdopen(os.open(path, flags, permission), "wb") as file:
                if self._mode is not None:
                    os.fchmod(file.fileno(), self._mode)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with naming_full_disk(self.path.parent.path, len(body)):
                raise


class _S3File(VersionedFile):
    """An object on S3, which answers a conditional PUT with 412."""

    _denied: PermissionError | None = None

    def read(self) -> Found | None:
        from fsspec.asyn import sync  # type: ignore[import-untyped]

        try:
            found = self._call("get_object")
        except FileNotFoundError:
            return None
        except PermissionError as error:
            # without s3:ListBucket, S3 answers so for an object that does not exist; the conditional PUT will tell
            self._denied = error
            return None
        self._denied = None
        return Found(sync(self._fs.loop, found["Body"].read), found["ETag"])

    def _write(self, body: bytes, version: str | None) -> str | None:
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            with naming_right(self.path, "write"):
                return str(self._call("put_object", Body=body, **condition)["ETag"])
        except FileExistsError:
            pass
        except FileNotFoundError:
            if version is None:  # the bucket
                raise
        except OSError as error:
            if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") not in CHANGED_ON_S3:
                raise
        if self._denied is not None:
            with naming_right(self.path, "read"):
                raise self._denied
        return None

    def _call(self, method: str, **arguments: Any) -> Any:
        bucket, _, key = self.path.path.partition("/")
        return self._fs.call_s3(method, Bucket=bucket, Key=key, **arguments)


class _GcsFile(VersionedFile):
    """An object on Google Cloud Storage, which answers with 412 to a write of another generation."""

    def read(self) -> Found | None:
        try:
            with naming_right(self.path, "read"):
                headers, body = self._fs.call("GET", self._fs.url(self.path.path))
        except FileNotFoundError:
            return None
        return Found(body, str(headers["x-goog-generation"]))

    def _write(self, body: bytes, version: str | None) -> str | None:
        bucket, _, key = self.path.path.partition("/")
        # gcsfs has no argument for the generation that must be there; 0 stands for none
        where = f"{self._fs._location}/upload/storage/v1/b/{quote(bucket)}/o"  # noqa: SLF001
        query = {"uploadType": "media", "name": key, "ifGenerationMatch": version or "0"}
        try:
            with naming_right(self.path, "write"):
                return str(self._fs.call("POST", where, data=body, json_out=True, **query)["generation"])
        except Exception as error:
            if str(getattr(error, "code", "")) != str(CHANGED):
                raise
            return None


class _AzureFile(VersionedFile):
    """A blob on Azure, which answers with 412 to a write of another ETag."""

    def read(self) -> Found | None:
        self._fs.invalidate_cache()
        try:
            with naming_right(self.path, "read"):
                # in this order: if the blob changes in between, a later write finds it changed
                version = str(self._fs.info(self.path.path)["etag"])
                return Found(self._fs.cat_file(self.path.path), version)
        except FileNotFoundError:
            return None

    def _write(self, body: bytes, version: str | None) -> str | None:
        condition = {}
        if version is not None:
            from azure.core import MatchConditions  # type: ignore[import-not-found,unused-ignore]

            condition = {"etag": version, "match_condition": MatchConditions.IfNotModified}
        try:
            with naming_right(self.path, "write"):
                self._fs.pipe_file(self.path.path, body, overwrite=version is not None, **condition)
        except FileExistsError:
            return None
        except Exception as error:
            if CHANGED not in (getattr(error, "status_code", None), getattr(error.__cause__, "status_code", None)):
                raise
            return None
        # the response to the write is lost in adlfs; if another task wrote since, this task has lost the file
        found = self.read()
        return found.version if found is not None and found.body == body else None


def _is_locked(descriptor: int) -> bool:
    """Lock a file for this process if no other process has locked it, and return whether that was so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_CLASSES: dict[str, type[VersionedFile]] = {
    **dict.fromkeys(LOCAL_PROTOCOLS, _LocalFile),
    **dict.fromkeys(("s3", "s3a"), _S3File),
    **dict.fromkeys(("gs", "gcs"), _GcsFile),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), _AzureFile),
    "memory": VersionedFile,
}


def versioned_file(path: ObjectStoragePath, mode: int | None) -> VersionedFile:
    """Return the file at a path, in the way of its storage.

    :param path: the file.
    :param mode: the permissions of a local file; None leaves them to the system.
    """
    if (found := _CLASSES.get(path.protocol)) is None:
        log.warning(
            "%s cannot replace a file only if it is unchanged, so tasks that use %s at one time are not kept apart; "
            "let only one of them run, with a pool of one slot",
            path.protocol,
            path,
        )
    return (found or VersionedFile)(path, mode)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Write the names in a local folder to the disk, so that a new file is still there after a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
