"""Keep the outcome of each person of a list in a file, so that a second run continues where the first one stopped."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path as LocalPath
from secrets import token_hex
from threading import RLock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, cast

from airflow_clickmeeting import state
from airflow_clickmeeting.api import validate
from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.storage import LOCAL_PROTOCOLS, OWNER_ONLY
from airflow_clickmeeting.versioned import versioned_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_clickmeeting.storage import Path
    from airflow_clickmeeting.versioned import Found, VersionedFile


FORMAT = 1
#: for how many seconds after its last write a task holds the ledger
LEASE = 60.0
#: the least seconds between two writes
EVERY = 5.0
#: the largest share of the time that writes may take
MAX_TIME_SHARE = 0.05
#: how many bytes of entries the file may have before they move to a part file, which is not written again
MAX_BYTES = 128 * 1024
#: what Airflow keeps of a ledger that was begun, besides what identifies the task
KEPT_BY_AIRFLOW = ("id", "fence", "host", "since")

#: seconds on a clock that also runs while the machine sleeps
clock = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

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

    A task holds the ledger from its opening to its end, and for 60 seconds after its last write at most. Each write
    replaces the file only if it is still what this task wrote last. So of two tasks with one ledger the second stops at
    its opening; and a task that was paused so long that another one took the ledger over stops at its next write.

    The file is written

    - at the opening, so that a ledger that cannot be written stops the task before a request is sent;
    - while entries are added, at most every five seconds, and for a twentieth of the time at most;
    - every 20 seconds without entries, from a thread of its own, which keeps the lease;
    - at the end, also after an error; this also gives the ledger free.

    After 128 KiB of entries, they move to a part file beside the ledger, so that a write stays small. The last write
    puts all entries into one file again, and removes the parts. If a task is killed, the entries since its last write
    are missing. An entry takes about 450 bytes of memory, so 100,000 entries take 45 MB.

    Use the ledger as a context manager.

    :param path: the file, or a folder with a slash at its end; None keeps nothing.
    :param operation: what is done with people, such as `registrations`.
    :param room_id: the room, if the operation has one.
    :param mode: the permissions of a local file.
    :param context: the context of the task. The header says which task wrote the ledger, and Airflow keeps that the
        ledger was begun, so that a later try which does not find it stops.
    :raises ValueError: if the file is the ledger of another operation or room, is damaged, or is not a ledger.
    """

    def __init__(
        self,
        path: Path | None,
        operation: str,
        room_id: int | None = None,
        *,
        mode: int = OWNER_ONLY,
        context: Context | None = None,
    ) -> None:
        self._of = {"ledger": FORMAT, "operation": operation, "room_id": room_id}
        self._context: Context = context or {}
        task = self._context.get("ti")
        self._task = {name: getattr(task, name, None) for name in state.TASK_FACTS}
        self._file = _file_at(path, f"{operation if room_id is None else f'{operation}-{room_id}'}.jsonl", mode)
        #: the file; None if nothing is kept
        self.path = None if self._file is None else self._file.path
        self._lock = RLock()
        self._lines: dict[str, bytes] = {}
        # those that are in no part file
        self._recent: dict[str, bytes] = {}
        self._parts: list[str] = []
        self._version: str | None = None
        self._header: dict[str, Any] = {}
        self._has_changes = False
        self._next_write_at = 0.0
        self._held_until = 0.0
        self._lost: AirflowException | None = None
        self._timer: Timer | None = None
        # not path.exists(), which may return False for any error of the storage
        if self._file is not None and (found := self._file.read()) is not None:
            self._load(self._file, found)

    def __enter__(self) -> Self:
        if self._file is not None:
            if self._context:
                self._check_begun(self._file)
            self._claim(self._file)
            self._renew_later()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        try:
            with self._lock:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                if self._lost is None:
                    self._write(self._file, release=True)
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
        :raises AirflowException: if another task holds the ledger now.
        """
        if self._file is None:
            return
        entry = {"email": email, "row": row, "outcome": outcome, "why": why, **more}
        with self._lock:
            key = email or f"row {row}"
            self._lines[key] = self._recent[key] = _format_line(entry)
            self._has_changes = True
            if clock() >= self._next_write_at:
                self._write(self._file)

    def flush(self) -> None:
        """Write the file now, if an entry was added since the last write.

        :raises AirflowException: if another task holds the ledger now.
        """
        if self._file is not None and self._has_changes:
            with self._lock:
                self._write(self._file)

    def check(self) -> None:
        """Make sure that this task holds the ledger; call it directly before a request that cannot be undone.

        It sends nothing while more than half of the lease is left.

        :raises AirflowException: if another task holds the ledger now.
        """
        if self._file is None or clock() < self._held_until - LEASE / 2:
            return
        with self._lock:
            self._write(self._file)
        if clock() >= self._held_until:
            raise AirflowException(
                f"Writing the ledger {self.path} took longer than its lease of {LEASE:g} s, so another task may hold "
                "it by now. This task stopped before it sent more. Find out why the storage is slow, then clear "
                "this task."
            )

    def _check_begun(self, file: VersionedFile) -> None:
        """Stop if an earlier try or run has begun a ledger at this path, and this is not it.

        A file whose header has no id was written by a person, or by an older version; it is accepted.
        """
        host = socket.gethostname()
        for begun in state.recall(self._context):
            if begun["ledger"] != str(self.path):
                continue
            found = None if self._version is None else self._header.get("id", begun["id"])
            if found != begun["id"] or self._header.get("fence", begun["fence"]) < begun["fence"]:
                there = "no such file" if found is None else "an older file, or another one, there"
                raise self._not_there(
                    f"The ledger {self.path} was begun or continued by {_describe_task(begun)} on host {begun['host']} "
                    f"at {begun['since']}, but host {host} has {there}"
                )
        # without a store, nothing says whether the first try came so far; a shared storage would have the file
        is_unsure = self._context.get("task_state_store") is None and file.path.protocol in LOCAL_PROTOCOLS
        if self._version is None and is_unsure and (self._task["try_number"] or 1) > 1:
            raise self._not_there(
                f"This is try {self._task['try_number']}, but host {host} has no ledger {self.path} of an earlier try"
            )

    def _not_there(self, what: str) -> AirflowFailException:
        return AirflowFailException(
            f"{what}. Nothing was sent, since people whom the earlier try contacted would be contacted again. Keep "
            "ledgers on a storage that all workers share, such as s3://; or restore the file, then clear this task. To "
            "start over instead (people may then be contacted twice), write a file with this one line: "
            f"{self._first_line}"
        )

    @property
    def _first_line(self) -> str:
        return _format_line(self._of).decode().strip()

    def _claim(self, file: VersionedFile) -> None:
        """Write a header of this task, unless another task holds the ledger."""
        before = self._header
        left = 0.0
        if before.get("lease") and not _has_ended(before):
            left = before["lease"] + file.slack - file.age()
        if left > 0:
            until = datetime.now(UTC) + timedelta(seconds=left)
            raise AirflowException(
                f"The ledger {self.path} is held by {_describe_task(before)} on host {before['host']} since "
                f"{before['since']}, until {until:%Y-%m-%dT%H:%M:%SZ} unless that task renews it. Nothing was sent. "
                "If that task died, clear this task after that time. Otherwise let only one task at a time use a "
                "ledger, with a pool of one slot or max_active_tis_per_dag=1, then clear this task."
            )
        fence = before.get("fence", 0)
        # what a killed task left: a part that its header does not name yet, or parts that were merged
        left_over = [f"{file.path.name}.{fence}-{len(self._parts) + 1}"] * bool(before.get("lease"))
        self._header = {
            **self._of,
            "id": before.get("id") or token_hex(8),
            "fence": fence + 1,
            **self._task,
            "host": socket.gethostname(),
            "process": _process(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._write(file)
        for name in [*left_over, *before.get("merged", [])]:
            file.remove_part(name)
        if self._context:
            kept = {name: self._header[name] for name in (*KEPT_BY_AIRFLOW, *state.TASK_FACTS)}
            state.remember(self._context, {"ledger": str(self.path), **kept})

    def _write(self, file: VersionedFile, *, release: bool = False) -> None:
        """Replace the file by the header and the entries that are in no part."""
        if self._lost is not None:
            raise self._lost
        started_at = clock()
        parts, lines, more = self._parts, self._recent, {"lease": LEASE, "parts": self._parts}
        if release:
            lines, more = self._lines, {"lease": 0, **({"merged": parts} if parts else {})}
        elif sum(map(len, lines.values())) > MAX_BYTES:
            name = f"{file.path.name}.{self._header['fence']}-{len(parts) + 1}"
            file.add_part(name, b"".join(lines.values()))
            parts, lines = [*parts, name], {}
            more["parts"] = parts
        header = _format_line({**self._header, **more, "nonce": token_hex(8)})
        began_at = clock()
        version = file.replace(header + b"".join(lines.values()), self._version)
        if version is None:
            self._lost = AirflowException(
                f"Another task has written to the ledger {self.path} while this task used it. This task stops, so that "
                "nobody is contacted twice. Let only one task at a time use the ledger, then clear this task."
            )
            raise self._lost
        self._version, self._held_until = version, began_at + LEASE
        if release:
            for name in parts:
                file.remove_part(name)
        self._parts, self._recent = parts, lines
        self._has_changes = False
        ended_at = clock()
        self._next_write_at = ended_at + max(EVERY, (ended_at - started_at) / MAX_TIME_SHARE)

    def _renew_later(self) -> None:
        self._timer = Timer(LEASE / 3, self._renew)
        self._timer.daemon = True
        self._timer.start()

    def _renew(self) -> None:
        """Write the file from the timer's thread, so that the lease does not run out during a long request."""
        with self._lock:
            if self._timer is None or self._file is None:
                return
            try:
                self._write(self._file)
            except Exception:
                if self._lost is None:
                    log.warning("The lease of the ledger %s was not renewed; trying again", self.path, exc_info=True)
            if self._lost is None:
                self._renew_later()

    def _load(self, file: VersionedFile, found: Found) -> None:
        self._version = found.version
        first, *rest = found.body.splitlines(keepends=True) or [b""]
        self._header = self._parse_line(file.path.name, 1, first)
        if self._header.get("ledger") != FORMAT:
            raise self._damaged(file.path.name, 1, "is not the header of a ledger that this version can read")
        if any(self._header.get(name) != value for name, value in self._of.items()):
            validate.bad_argument(
                "ledger", str(file.path), f"the ledger of {_describe(self._of)}, not of {_describe(self._header)}"
            )
        try:
            # a task that holds the ledger may merge the parts at this moment
            parts = {name: file.read_part(name) for name in self._header.get("parts", [])}
        except FileNotFoundError as error:
            if (again := file.read()) is not None and again.version != found.version:
                return self._load(file, again)
            raise ValueError(
                f"The ledger {self.path} is damaged: a part does not exist, {error}. Restore it; or start over (people "
                f"may then be contacted twice) with a file that has this one line: {self._first_line}"
            ) from None
        self._lines = {}
        for name, body in parts.items():
            self._lines |= self._read_lines(name, body.splitlines(keepends=True), 1)
        self._recent = self._read_lines(file.path.name, rest, 2)
        self._lines |= self._recent
        self._parts = [*parts]
        return None

    def _read_lines(self, name: str, lines: Iterable[bytes], start: int) -> dict[str, bytes]:
        found = {}
        for number, line in enumerate(lines, start):
            entry = self._parse_line(name, number, line)
            if not {"email", "row", "outcome"} <= entry.keys() or not isinstance(entry["email"], str | None):
                raise self._damaged(name, number, "has no email, row or outcome")
            if entry["email"] is not None:
                found[validate.email_key(entry["email"])] = line
        return found

    def _parse_line(self, name: str, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not line.endswith(b"\n"):
            raise self._damaged(name, number, "is not a complete JSON object")
        return found

    def _damaged(self, name: str, number: int, why: str) -> ValueError:
        return ValueError(
            f"The ledger {self.path} is damaged. Line {number} of {name} {why}. Fix the line; or start over (people "
            f"may then be contacted twice) with a file that has this one line: {self._first_line}"
        )


def _file_at(path: Path | None, name: str, mode: int) -> VersionedFile | None:
    """Return the ledger's file; if `path` is a folder, that is, ends with a slash, one in it."""
    if path is None:
        return None
    from airflow.sdk import ObjectStoragePath

    validate.filled("ledger", str(path))
    return versioned_file(ObjectStoragePath(f"{path}{name}" if str(path).endswith("/") else path), mode)


def _process() -> str:
    """Return what no other process on any machine has; empty if the system does not say it."""
    try:
        return f"{_processes()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return ""


def _has_ended(header: Mapping[str, Any]) -> bool:
    """Return whether the task that wrote a header certainly ended, because its process was on this machine.

    So a retry on the same machine does not have to wait until the lease of a killed task is over.
    """
    *processes, number, started = str(header.get("process") or "- 0 0").split(" ")
    try:
        return " ".join(processes) == _processes() and _started(int(number)) != started
    except OSError:
        return False


def _processes() -> str:
    """Return what identifies the processes that this one can see: the start of the machine, and the container."""
    boot = LocalPath("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {LocalPath('/proc/self/ns/pid').readlink()}"


def _started(number: int) -> str | None:
    """Return when a process started, in ticks since the machine's start; None if it ended."""
    try:
        status, *values = LocalPath(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if status in "ZX" else values[18]


def _describe(header: Mapping[str, Any]) -> str:
    room = "" if header.get("room_id") is None else f" of room {header['room_id']}"
    return f"{header.get('operation')}{room}"


def _describe_task(facts: Mapping[str, Any]) -> str:
    if facts.get("dag_id") is None:
        return "a process that is not a task"
    mapped = "" if facts["map_index"] in (None, -1) else f"[{facts['map_index']}]"
    return f"try {facts['try_number']} of task {facts['dag_id']}.{facts['task_id']}{mapped} in run {facts['run_id']}"


def _format_line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
