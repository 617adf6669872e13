"""Write a file to an object storage in one piece, and name the right that the storage's connection lacks.

On S3, Google Cloud Storage and Azure, an object appears whole when a request creates it, or when a multipart upload is
completed. So a file needs no temporary name there, which would cost a copy, and the rights to list and to delete.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: bytes of a file to hold in memory. S3 takes parts of 5 MiB or more, and 10,000 of them: files of up to 80 GB.
BLOCK_SIZE = 8 << 20
S3 = {"write": "s3:PutObject", "read": "s3:GetObject, or s3:ListBucket if there is no such file,"}
GCS = {
    "write": "storage.objects.create, or storage.objects.delete if the file replaces another one,",
    "read": "storage.objects.get",
}
AZURE = {"write": "of the role Storage Blob Data Contributor", "read": "of the role Storage Blob Data Reader"}
#: how each storage calls the rights to write and to read an object, by the scheme of its paths
RIGHTS = {
    **dict.fromkeys(("s3", "s3a", "s3n"), S3),
    **dict.fromkeys(("gs", "gcs"), GCS),
    **dict.fromkeys(("abfs", "abfss", "adl", "az"), AZURE),
}
#: the schemes of storages on which a file appears whole, and never in parts
OBJECT_STORES = RIGHTS.keys()
#: what S3 answers to a key that is valid and lacks a right; the last one stands for a response without a body
DENIED = {"AccessDenied", "AllAccessDisabled", "403"}

log = logging.getLogger(__name__)


class MissingRightError(PermissionError):
    """An object storage refuses access; the message names the right that is missing, and says what to do."""


@contextmanager
def naming_right(path: ObjectStoragePath, action: Literal["read", "write"]) -> Iterator[None]:
    """Turn an error of the block into one that names the missing right, if the object storage refuses access.

    :param path: the file.
    :param action: what the block does with it.
    :raises MissingRightError: naming the right and the file. A retry may help, because new rights need a while.
    :raises FileNotFoundError: naming the file, if S3 says that its bucket does not exist.
    """
    try:
        yield
    except Exception as error:
        if _s3_code(error) == "NoSuchBucket":
            message = (
                f"The bucket of {path} does not exist. Create the bucket, or correct the path, then clear this task."
            )
            raise FileNotFoundError(message) from error
        if path.protocol not in OBJECT_STORES or not _is_denied(error):
            raise
        verb = "write to" if action == "write" else "read"
        message = (
            f"The storage does not let its connection {verb} {path}: the right {RIGHTS[path.protocol][action]} is "
            "missing. Give the connection's user or role this right on the bucket, then clear this task."
        )
        raise MissingRightError(message) from error


def _is_denied(error: BaseException) -> bool:
    if code := _s3_code(error):
        return code in DENIED
    of_azure = 403 in (getattr(error, "status_code", None), getattr(error.__cause__, "status_code", None))
    return of_azure or str(error).startswith("Forbidden: ")  # as gcsfs writes it


def _s3_code(error: BaseException) -> str | None:
    """Return the code in S3's response to a request that failed, or None."""
    response = getattr(error.__cause__, "response", None)  # of boto's error, which s3fs replaces by its own
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


class ObjectUpload(io.RawIOBase):
    """A file that is written to an object storage under its own name; it appears when `complete` is called.

    Up to 8 MiB are held in memory, and are one request at the end. A larger file is a multipart upload in parts of this
    size. Close it with `complete` or `abort`; a process that is killed leaves no file, but possibly an unfinished
    upload, which only a lifecycle rule of the bucket removes.

    :param path: the file, on one of `OBJECT_STORES`.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        super().__init__()
        self._path = path
        self._block = io.BytesIO()
        self._multipart: Any = None
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any, /) -> int:
        """Write bytes, and send them when there are enough of them for a part."""
        with naming_right(self._path, "write"):
            written: int = (self._multipart or self._block).write(data)
            self._size += written
            if self._multipart is None and self._size >= BLOCK_SIZE:
                self._multipart = self._path.fs.open(self._path.path, "wb", block_size=BLOCK_SIZE)
                self._multipart.write(self._block.getvalue())
                self._block = io.BytesIO()
        return written

    def complete(self) -> None:
        """Send what has not been sent; the file then replaces an older one."""
        with naming_right(self._path, "write"):
            if self._multipart is None:
                self._path.fs.pipe_file(self._path.path, self._block.getvalue())
            else:
                self._multipart.close()
        self.close()
        self._block = io.BytesIO()

    def abort(self) -> None:
        """Remove the parts that were sent; an older file stays."""
        if (multipart := self._multipart) is not None:
            try:
                multipart.discard()
            except Exception as error:  # noqa: BLE001 - the error that led here matters more
                log.warning(
                    "The unfinished upload of %s was not removed (%s); let a lifecycle rule of the bucket remove it",
                    self._path,
                    error,
                )
            # Otherwise its close(), which also Python calls when it deletes the object, would complete the upload.
            multipart.closed = True
        self.close()
        self._block = io.BytesIO()
