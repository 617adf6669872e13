"""What became of each person, kept on object storage, so that a second try goes on where the first one stopped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, cast

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.storage import located, open_atomic

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.storage import Path


FORMAT = 1
EVERY = 5.0
MAX_TIME_SHARE = 0.05
# what storages tell of a file that was replaced
TRAITS = ("ETag", "etag", "ino", "mtime", "created", "size")

log = logging.getLogger(__name__)


class Entry(TypedDict, total=False):
    """What became of a person; `email` is None where a row names nobody. There may be more keys."""

    email: str | None
    row: int
    outcome: str
    why: str | None


class Ledger:
    """A JSON lines file: a header that says what it is of, and the last word on each person.

    Object stores cannot append, so it is written whole, beside its place, and moved there: when it is opened, so that
    one that cannot be written stops the task before anything is sent; at the end, also after an error; and while
    entries come, every five seconds, but for a twentieth of the time at most. What a killed task had not written is
    missing. An entry costs about 450 bytes of memory: a hundred thousand, 45 MB. Two tasks must not share a ledger:
    one that finds that the other has written to it, such as a try that was given up but still runs, fails.

    Use it as a context manager.

    :param path: the file, or a folder with a slash at its end; None keeps nothing.
    :param operation: what is done with people, such as `registrations`.
    :param room_id: the room, if it is of one.
    :raises ValueError: when the file is the ledger of something else, is damaged, or is no ledger.
    """

    def __init__(self, path: Path | None, operation: str, room_id: int | None = None) -> None:
        self._header = {"ledger": FORMAT, "operation": operation, "room_id": room_id}
        self.path: ObjectStoragePath | None = None
        if path is not None:
            name = f"{operation if room_id is None else f'{operation}-{room_id}'}.jsonl"
            self.path = located(path, name, argument="ledger")
        self._traits = self._present_traits()
        self._lines: dict[str, bytes] = {} if self.path is None else self._read(self.path)
        self._changed = True
        self._due = 0.0

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
            log.exception("The ledger %s could not be written after an error", self.path)

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, email: str) -> Entry | None:
        """Return the last word on a person."""
        line = self._lines.get(email.casefold())
        return None if line is None else cast("Entry", json.loads(line))

    def put(self, email: str | None, *, row: int, outcome: str, why: str | None = None, **more: Any) -> None:
        """Note what became of a person, and write the ledger if it is time to.

        :param email: the person; None for a row that names nobody, which the next task judges anew.
        :param row: the number of the row in the list.
        :param outcome: a word.
        :param why: the reason, for people.
        :param more: what else is to be kept; plain JSON.
        """
        if self.path is None:
            return
        email = email and email.casefold()
        entry = {"email": email, "row": row, "outcome": outcome, "why": why, **more}
        self._lines[email or f"row {row}"] = _line(entry)
        self._changed = True
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Write it now, if there is anything new in it.

        :raises AirflowException: when another task has written to it.
        """
        if self.path is None or not self._changed:
            return
        begin = time.monotonic()
        if self._present_traits() != self._traits:
            raise AirflowException(f"Another task has written to the ledger {self.path}; this one stops.")
        header = _line(self._header)
        with open_atomic(self.path) as file:
            file.write(header)
            file.writelines(self._lines.values())
        self._changed = False
        self._traits = self._present_traits()
        end = time.monotonic()
        self._due = end + max(EVERY, (end - begin) / MAX_TIME_SHARE)

    def _present_traits(self) -> list[Any] | None:
        """Return what tells the file that is there now from any other, or None if there is none."""
        if self.path is None:
            return None
        self.path.fs.invalidate_cache(self.path.path)
        try:
            found = self.path.fs.info(self.path.path)
        except FileNotFoundError:
            return None
        return [found.get(trait) for trait in TRAITS]

    def _read(self, path: ObjectStoragePath) -> dict[str, bytes]:
        number = 1
        lines = {}
        try:
            with path.open("rb") as file:
                self._check(_object(file.readline()), path)
                for number, line in enumerate(file, start=2):  # noqa: B007 - the error names it
                    email = _email(_object(line))
                    if email is not None:
                        lines[email] = line
        except FileNotFoundError:  # to ask first would take any failure of the storage for an absent file
            return {}
        except _Damaged as error:
            raise ValueError(
                f"The ledger {path} is damaged. Line {number} {error}. Fix the line, or move the file "
                "away to start over (people may then be contacted twice)."
            ) from None
        return lines

    def _check(self, header: Mapping[str, Any], path: ObjectStoragePath) -> None:
        if header.get("ledger") != FORMAT:
            raise _Damaged("is not the header of a ledger that this version can read")
        if header != self._header:
            validate.bad_argument("ledger", str(path), f"the ledger of {_what(self._header)}, not of {_what(header)}")


class _Damaged(Exception):  # noqa: N818 - becomes a ValueError that says where
    pass


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not line.endswith(b"\n"):
        raise _Damaged("is not a complete JSON object")
    return found


def _email(entry: Mapping[str, Any]) -> str | None:
    if not {"email", "row", "outcome"} <= entry.keys() or not isinstance(entry["email"], str | None):
        raise _Damaged("has no email, row or outcome")
    return entry["email"]


def _what(header: Mapping[str, Any]) -> str:
    room = "" if header.get("room_id") is None else f" of room {header['room_id']}"
    return f"{header.get('operation')}{room}"


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
