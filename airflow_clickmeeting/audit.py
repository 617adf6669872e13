"""Who deleted what and when: a line in the log, and in a file, before each deletion and after it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.storage import add_line, located, open_atomic

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import Path

TASK = ("dag_id", "task_id", "run_id", "map_index", "try_number")


class Audit:
    """Writes down the deletions of a task, as JSON objects of one line.

    :param hook: the account, whose clock says when.
    :param context: whose task it is.
    :param path: a file that gets the lines too, or a folder with a slash at its end, in which each deletion has a file
        of its own; None is the log alone.
    :param forced: whether reasons against deletions are passed over.
    """

    def __init__(
        self, hook: ClickMeetingHook, context: Context, path: Path | None = None, *, forced: bool = False
    ) -> None:
        self._hook = hook
        self._path = path
        self._forced = forced
        task = context.get("ti")
        self._who = {key: getattr(task, key, None) for key in TASK} | {"connection": hook.clickmeeting_conn_id}

    def deletion(
        self,
        call: Call[bool],
        room_id: int,
        recordings: Sequence[int] = (),
        *,
        name: str | None = None,
        blockers: Sequence[str] = (),
    ) -> None:
        """Make a call that deletes something: "asked" is written before, and "deleted", "was gone" or "failed" after.

        Where the answer was lost, ClickMeeting says to the next attempt that it was gone.

        :param call: the deletion.
        :param room_id: the room that goes, or loses recordings.
        :param recordings: the recordings that go.
        :param name: the room's name.
        :param against: what blocked it.
        """
        entry = self._entry(call, room_id, recordings, name, blockers)
        entry.write("asked")
        try:
            deleted = self._hook.run(call)
        except Exception as error:
            entry.write("failed", why=f"{type(error).__name__}: {error}")
            raise
        entry.write("deleted" if deleted else "was gone")

    def gone(self, call: Call[bool], room_id: int) -> None:
        """Write that there was nothing to delete, which also tells the end of a deletion that was broken off."""
        self._entry(call, room_id).write("was gone")

    def _entry(
        self,
        call: Call[bool],
        room_id: int,
        recordings: Sequence[int] = (),
        name: str | None = None,
        blockers: Sequence[str] = (),
    ) -> _Entry:
        what = {"operation": call.name, "room_id": room_id, "name": name, "recordings": [*recordings]}
        told = {**self._who, **what, "blockers": [*blockers], "forced": self._forced}
        return _Entry(self._hook, told, self._path)


class _Entry:
    """The lines of one deletion: in the log, and at the end of a file or in one of their own in a folder.

    :param hook: the account.
    :param told: who deletes what.
    :param path: the file, or the folder with a slash at its end; None is the log alone.
    """

    def __init__(self, hook: ClickMeetingHook, told: dict[str, Any], path: Path | None) -> None:
        self._hook = hook
        self._told = told
        self._has_own = isinstance(path, str) and path.endswith("/")
        # with chance in it, so that another try, or another task, has another file
        name = f"{hook.now():%Y%m%dT%H%M%S}-{told['operation']}-{told['room_id']}-{secrets.token_hex(4)}.jsonl"
        self._file = None if path is None else located(path, name)
        self._written = b""

    def write(self, outcome: str, **more: str) -> None:
        at = self._hook.now().astimezone(UTC).isoformat(timespec="seconds")
        text = json.dumps({"at": at, **self._told, "outcome": outcome, **more}, ensure_ascii=False)
        self._hook.log.info("Audit: %s", text)
        line = f"{text}\n".encode()
        self._written += line
        if self._file is None:
            return
        if not self._has_own:
            add_line(self._file, line)
            return
        with open_atomic(self._file) as file:  # most object storages cannot add to a file
            file.write(self._written)
