"""Who deleted what and when: a line in the log, and in a file, before each deletion and after it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from airflow_clickmeeting.storage import add_line, located, open_atomic

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import Path

TASK = ("dag_id", "task_id", "run_id", "map_index", "try_number")


class Audit:
    """Writes the deletions of a task as JSON lines.

    :param hook: the account; the times in the lines are by its clock.
    :param context: the context of the task that deletes.
    :param path: a file that gets the lines too, or a folder with a slash at its end, in which each deletion has a file
        of its own; None is the log alone.
    :param forced: whether the task deletes although a safety check blocks it.
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
        """Delete something: "asked" is written before the request, and "deleted", "was gone" or "failed" after it.

        When a response is lost and the request is sent again, ClickMeeting responds that the thing was gone.

        :param call: the deletion.
        :param room_id: the room that is deleted, or whose recordings are.
        :param recordings: the recordings that are deleted.
        :param name: the room's name.
        :param blockers: why safety checks blocked the deletion, where it is forced.
        """
        write = self._writer(call, room_id, recordings, name, blockers)
        write("asked")
        try:
            deleted = self._hook.run(call)
        except Exception as error:
            write("failed", why=f"{type(error).__name__}: {error}")
            raise
        write("deleted" if deleted else "was gone")

    def gone(self, call: Call[bool], room_id: int) -> None:
        """Write that there was nothing to delete; this also completes the lines of a try that was interrupted."""
        self._writer(call, room_id)("was gone")

    def _writer(
        self,
        call: Call[bool],
        room_id: int,
        recordings: Sequence[int] = (),
        name: str | None = None,
        blockers: Sequence[str] = (),
    ) -> Callable[..., None]:
        """Return a function that writes a line about one deletion, given the outcome and further keys."""
        what = {"operation": call.name, "room_id": room_id, "name": name, "recordings": [*recordings]}
        facts = {**self._who, **what, "blockers": [*blockers], "forced": self._forced}
        has_own_file = isinstance(self._path, str) and self._path.endswith("/")
        # the random part gives each try and each task another file
        file_name = f"{self._hook.now():%Y%m%dT%H%M%S}-{call.name}-{room_id}-{secrets.token_hex(4)}.jsonl"
        path = None if self._path is None else located(self._path, file_name)
        lines: list[bytes] = []

        def write(outcome: str, **more: str) -> None:
            at = self._hook.now().astimezone(UTC).isoformat(timespec="seconds")
            text = json.dumps({"at": at, **facts, "outcome": outcome, **more}, ensure_ascii=False)
            self._hook.log.info("Audit: %s", text)
            lines.append(f"{text}\n".encode())
            if path is None:
                return
            if not has_own_file:
                add_line(path, lines[-1])
                return
            with open_atomic(path) as file:  # most object storages cannot append to a file, so it is written again
                file.write(b"".join(lines))

        return write
