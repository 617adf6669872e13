"""Write an audit trail of deletions: one line before each request and one after it, in the log and in a file.

The line before the request proves who asked for a deletion, even if the worker is killed before the response.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.redact import mask
from airflow_clickmeeting.api.validate import bad_argument
from airflow_clickmeeting.exceptions import NotFoundError, summary_of
from airflow_clickmeeting.state import TASK_FACTS
from airflow_clickmeeting.storage import is_local, located, naming_full_disk, open_atomic
from airflow_clickmeeting.versioned import sync_folder

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import Path


class Audit:
    """Sends the deletions of a task, and writes JSON lines about them.

    A line has the time, the task, the connection, the operation, the room, the recordings, the blockers, `forced` and
    the `outcome`. A second run adds lines of its own, and never changes those of the first.

    :param hook: the account; the times in the lines are by ClickMeeting's clock.
    :param context: the context of the task that deletes.
    :param path: a folder with a slash at its end, in which each deletion has a file of its own; or a local file to
        which the lines are added. None writes to the log only. A line is on the disk before the request is sent.
    :param forced: whether the task deletes although a safety check blocks it.
    :raises ValueError: for a file that is not local: object storages cannot append to a file, and lose lines.
    """

    def __init__(
        self, hook: ClickMeetingHook, context: Context, path: Path | None = None, *, forced: bool = False
    ) -> None:
        self._hook = hook
        self._path = path
        is_folder = isinstance(path, str) and path.endswith("/")
        if path is not None and not is_folder and not is_local(located(path, "", argument="audit_path")):
            also = "since an object storage cannot append to a file"
            bad_argument("audit_path", str(path), f"a folder with a slash at its end, {also}")
        self._forced = forced
        task = context.get("ti")
        self._task_facts = {key: getattr(task, key, None) for key in TASK_FACTS}
        self._task_facts["connection"] = hook.clickmeeting_conn_id

    def delete(
        self,
        call: Call[bool],
        room_id: int,
        recordings: Sequence[int] = (),
        *,
        name: str | None = None,
        blockers: Sequence[str] = (),
    ) -> None:
        """Send a deletion, with a line before the request and one after it.

        The outcome before the request is "asked"; after it "deleted", "was gone", "failed" or "unconfirmed"; the last
        two have the reason under `why`. "deleted" and "was gone" are written only after ClickMeeting was asked again
        and has the room or recording no more; the next run settles what is unconfirmed. If a response is lost and the
        hook sends the request again, ClickMeeting responds that the room or recording does not exist, so the outcome is
        "was gone".

        :param call: the deletion.
        :param room_id: the room to delete, or the room of the recordings.
        :param recordings: the ids of the recordings that are deleted with this request.
        :param name: the room's name.
        :param blockers: the reasons of safety checks, if the deletion is forced.
        :raises ClickMeetingError: if the request fails, or ClickMeeting still has the room or recording afterwards; the
            line about it is written before.
        """
        write = self._line_writer(call, room_id, recordings, name, blockers)
        write("asked")
        try:
            deleted = self._hook.run(call)
        except Exception as error:
            write("failed", why=f"{type(error).__name__}: {summary_of(error)}")
            raise
        try:
            gone = self._is_gone(call, room_id, recordings)
        except Exception as error:
            write("unconfirmed", why=f"{type(error).__name__}: {summary_of(error)}")
            raise
        if not gone:
            message = "ClickMeeting accepted the deletion, but nothing was deleted; a retry of the task tries again"
            write("unconfirmed", why=message)
            cure = "Delete it in ClickMeeting's account panel, or wait"
            raise self._hook.error(ApiError("other", message, cure=cure), call)
        write("deleted" if deleted else "was gone")

    def _is_gone(self, call: Call[bool], room_id: int, recordings: Sequence[int]) -> bool:
        """Read again what was deleted, and return whether ClickMeeting says that it does not exist."""
        if "/recordings" in call.path:
            return not {each["id"] for each in self._hook.list_recordings(room_id)} & {*recordings}
        try:
            self._hook.get_conference(room_id)
        except NotFoundError:
            return True
        return False

    def record_gone(self, call: Call[bool], room_id: int) -> None:
        """Write the outcome "was gone" without a request.

        This also completes the trail of a first run that was killed between its request and the line after it.
        """
        self._line_writer(call, room_id)("was gone")

    def _line_writer(
        self,
        call: Call[bool],
        room_id: int,
        recordings: Sequence[int] = (),
        name: str | None = None,
        blockers: Sequence[str] = (),
    ) -> Callable[..., None]:
        """Return a function that writes one line; its arguments are the outcome and further keys of the line."""
        deletion = {"operation": call.name, "room_id": room_id, "name": name, "recordings": [*recordings]}
        facts = {**self._task_facts, **deletion, "blockers": [*blockers], "forced": self._forced}
        # The random part keeps retries and parallel tasks from replacing each other's file.
        file_name = f"{self._hook.now():%Y%m%dT%H%M%S}-{call.name}-{room_id}-{secrets.token_hex(4)}.jsonl"
        path = None if self._path is None else located(self._path, file_name)
        lines: list[bytes] = []

        def write(outcome: str, **more: str) -> None:
            at = self._hook.now().astimezone(UTC).isoformat(timespec="seconds")
            text = json.dumps({"at": at, **facts, "outcome": outcome, **more}, ensure_ascii=False)
            self._hook.log.info("Audit: %s", mask(text))
            lines.append(f"{text}\n".encode())
            if path is None:
                return
            if is_local(path):
                _append(LocalPath(path.path), lines[-1])
                return
            # An object storage cannot append to a file, so the deletion's own file is written again with all its lines.
            with open_atomic(path) as file:
                file.write(b"".join(lines))

        return write


def _append(path: LocalPath, line: bytes) -> None:
    """Add a line to a local file; it is on the disk when this returns. Other processes may do so at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming_full_disk(path.parent, len(line)), path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
