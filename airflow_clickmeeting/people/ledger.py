"""Keep the outcome of each person of a list in a file, so that a second run continues where the first one stopped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, cast

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.storage import OWNER_ONLY, located, open_atomic

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.storage import Path


FORMAT = 1
#: the least seconds between two writes
EVERY = 5.0
#: the largest share of the time that writes may take
MAX_TIME_SHARE = 0.05
# Values in `info` of a file that change when it is replaced; each storage has some of them.
VERSION_KEYS = ("ETag", "etag", "ino", "mtime", "created", "size")

log = logging.getLogger(__name__)


class Entry(TypedDict, total=False):
    """The outcome of a person.

    `email` is None if the row has no valid address. `row` is the row's number in the list, `outcome` a word, and `why`
    the reason for people. There may be other keys.
    """

    email: str | None
    row: int
    outcome: str
    why: str | None


class Ledger:
    """A JSON lines file with the latest outcome of each person, after a header with the operation and the room.

    Object storages cannot append to files. So the ledger is written as a whole, beside its place, and then moved there:

    - at the beginning, so that a ledger that cannot be written stops the task before a request is sent;
    - while entries are added, at most every five seconds, and for a twentieth of the time at most;
    - at the end, also after an error.

    If a task is killed, the entries since the last write are missing. An entry takes about 450 bytes of memory, so
    100,000 entries take 45 MB.

    Two tasks must not use one ledger at the same time. A task fails when it finds that another one has written to its
    ledger, for example an earlier try that Airflow gave up but that still runs.

    Use the ledger as a context manager.

    :param path: the file, or a folder with a slash at its end; None keeps nothing.
    :param operation: what is done with people, such as `registrations`.
    :param room_id: the room, if the operation has one.
    :param mode: the permissions of a local file.
    :raises ValueError: if the file is the ledger of another operation or room, is damaged, or is not a ledger.
    """

    def __init__(
        self, path: Path | None, operation: str, room_id: int | None = None, *, mode: int = OWNER_ONLY
    ) -> None:
        self._header = {"ledger": FORMAT, "operation": operation, "room_id": room_id}
        self.path: ObjectStoragePath | None = None
        if path is not None:
            name = f"{operation if room_id is None else f'{operation}-{room_id}'}.jsonl"
            self.path = located(path, name, argument="ledger")
        self._mode = mode
        self._version = self._read_version()
        self._lines: dict[str, bytes] = {} if self.path is None else self._read_lines(self.path)
        self._has_changes = True
        self._next_write_at = 0.0

    def __enter__(self) -> Self:
        self.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.flush()
        except Exception:
            if error is None:
                raise
            log.exception(
                "The ledger %s could not be written after an error; outcomes since its last write are missing in it",
                self.path,
            )

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, email: str) -> Entry | None:
        """Return the latest entry of a person; None if there is none, or if the ledger keeps nothing.

        :param email: the person's address in the spelling of `validate.email_key`.
        """
        line = self._lines.get(email)
        return None if line is None else cast("Entry", json.loads(line))

    def put(self, email: str | None, *, row: int, outcome: str, why: str | None = None, **more: Any) -> None:
        """Add or replace the entry of a person, and write the file if the last write is long enough ago.

        :param email: the person's address in the spelling of `validate.email_key`; None for a row without a valid
            address, which the next run checks again.
        :param row: the number of the row in the list.
        :param outcome: a word for the outcome.
        :param why: the reason, for people.
        :param more: further values to keep, as plain JSON.
        :raises AirflowException: if another task has written to the file.
        """
        if self.path is None:
            return
        entry = {"email": email, "row": row, "outcome": outcome, "why": why, **more}
        self._lines[email or f"row {row}"] = _format_line(entry)
        self._has_changes = True
        if time.monotonic() >= self._next_write_at:
            self.flush()

    def flush(self) -> None:
        """Write the file now, if an entry was added since the last write.

        :raises AirflowException: if another task has written to the file.
        """
        if self.path is None or not self._has_changes:
            return
        started_at = time.monotonic()
        if self._read_version() != self._version:
            raise AirflowException(
                f"Another task has written to the ledger {self.path} while this task used it. This task stops, so that "
                "nobody is contacted twice. Make sure that only one task at a time uses the ledger, and run it again."
            )
        header = _format_line(self._header)
        with open_atomic(self.path, self._mode) as file:
            file.write(header)
            file.writelines(self._lines.values())
        self._has_changes = False
        self._version = self._read_version()
        ended_at = time.monotonic()
        self._next_write_at = ended_at + max(EVERY, (ended_at - started_at) / MAX_TIME_SHARE)

    def _read_version(self) -> list[Any] | None:
        """Return values that identify the file's present version; None if there is no file."""
        if self.path is None:
            return None
        # the storage's cache of listings would hide a write of another task
        self.path.fs.invalidate_cache(self.path.path)
        try:
            found = self.path.fs.info(self.path.path)
        except FileNotFoundError:
            return None
        return [found.get(key) for key in VERSION_KEYS]

    def _read_lines(self, path: ObjectStoragePath) -> dict[str, bytes]:
        number = 1
        lines = {}
        try:
            with path.open("rb") as file:
                self._check_header(_parse_line(file.readline()), path)
                for number, line in enumerate(file, start=2):  # noqa: B007 - the error shows it
                    email = _email_of(_parse_line(line))
                    if email is not None:
                        lines[validate.email_key(email)] = line
        except FileNotFoundError:  # not path.exists(), which may return False for any error of the storage
            return {}
        except _DamagedLine as error:
            raise ValueError(
                f"The ledger {path} is damaged. Line {number} {error}. Fix the line, or move the file "
                "away to start over (people may then be contacted twice)."
            ) from None
        return lines

    def _check_header(self, header: Mapping[str, Any], path: ObjectStoragePath) -> None:
        if header.get("ledger") != FORMAT:
            raise _DamagedLine("is not the header of a ledger that this version can read")
        if header != self._header:
            validate.bad_argument(
                "ledger", str(path), f"the ledger of {_describe(self._header)}, not of {_describe(header)}"
            )


class _DamagedLine(Exception):  # noqa: N818 - becomes a ValueError with the number of the line
    pass


def _parse_line(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not line.endswith(b"\n"):
        raise _DamagedLine("is not a complete JSON object")
    return found


def _email_of(entry: Mapping[str, Any]) -> str | None:
    if not {"email", "row", "outcome"} <= entry.keys() or not isinstance(entry["email"], str | None):
        raise _DamagedLine("has no email, row or outcome")
    return entry["email"]


def _describe(header: Mapping[str, Any]) -> str:
    room = "" if header.get("room_id") is None else f" of room {header['room_id']}"
    return f"{header.get('operation')}{room}"


def _format_line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
