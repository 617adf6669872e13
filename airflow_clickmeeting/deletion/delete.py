"""Delete a room or recordings: read them, run the safety checks, write an audit line, and then send the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.deletion.checks import RoomSnapshot, meeting_blockers, recording_blockers, refusal
from airflow_clickmeeting.exceptions import DeletionRefusedError
from airflow_clickmeeting.recordings.manifest import Manifest

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Recording
    from airflow_clickmeeting.audit import Audit
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class Deletion(TypedDict):
    """The result of a deletion.

    `deleted` is whether the room or recording existed and was deleted. `recordings` are the ids of the recordings that
    are deleted with it. `blockers` are the reasons of safety checks; the list is empty unless `dry_run` or `force` is
    set.
    """

    room_id: int
    name: str | None
    recordings: list[int]
    deleted: bool
    dry_run: bool
    blockers: list[str]


@dataclass(frozen=True)
class Deleter:
    """Deletes rooms and recordings, unless a safety check blocks the deletion.

    :param hook: the account.
    :param audit: sends the deletions, and writes a line before and after each.
    :param grace: how long ago the last session must have ended.
    :param archive: the folder of the archive's manifests; with None, no recording counts as archived.
    :param force: whether to delete although a safety check blocks it.
    :param dry_run: whether to delete nothing.
    """

    hook: ClickMeetingHook
    audit: Audit
    grace: timedelta
    archive: ObjectStoragePath | None
    force: bool
    dry_run: bool

    def read_room(self, room_id: int) -> RoomSnapshot:
        """Read a room, its sessions and its recordings.

        :raises NotFoundError: if the room does not exist.
        """
        room = self.hook.get_conference(room_id)
        return RoomSnapshot(room, self.hook.list_sessions(room_id), self.hook.list_recordings(room_id))

    def delete(self, call: Call[bool], found: RoomSnapshot) -> Deletion:
        """Send a deletion, unless a safety check blocks it or this is a dry run, and return the result.

        :param call: the deletion.
        :param found: the room, and the recordings that would be deleted.
        :raises DeletionRefusedError: with all blockers, if a safety check blocks the deletion.
        :raises ClickMeetingError: if the request fails, or ClickMeeting still has the room or recording afterwards.
        """
        judged = self.judge(found)
        if self.dry_run:
            self._log_dry_run(call, judged)
            return judged
        if judged["blockers"] and not self.force:
            raise DeletionRefusedError(refusal(call.name, found.room, judged["blockers"]))
        self.audit.delete(
            call, judged["room_id"], judged["recordings"], name=judged["name"], blockers=judged["blockers"]
        )
        return {**judged, "deleted": True}

    def judge(self, found: RoomSnapshot) -> Deletion:
        """Run the safety checks, and return a result with `blockers`, as before a deletion."""
        covered, manifest_errors = self._archive_check(found)
        now, clock_error = self.hook.earliest_now(), self.hook.clock_error()
        return {
            **self._not_deleted(found.room["id"]),
            "name": found.room.get("name"),
            "recordings": [recording["id"] for recording in found.recordings],
            "blockers": [
                *([clock_error] if clock_error else []),
                *meeting_blockers(found, self.grace, now),
                *recording_blockers(found.recordings, covered),
                *manifest_errors,
            ],
        }

    def gone(self, call: Call[bool], room_id: int) -> Deletion:
        """Return the result for a room or recording that does not exist any more, after an audit line about it.

        :raises ClickMeetingError: if the API itself is not there, since at a wrong URL nothing exists.
        """
        self.hook.ping()
        if not self.dry_run:
            self.audit.record_gone(call, room_id)
        return self._not_deleted(room_id)

    def _not_deleted(self, room_id: int) -> Deletion:
        return {
            "room_id": room_id,
            "name": None,
            "recordings": [],
            "deleted": False,
            "dry_run": self.dry_run,
            "blockers": [],
        }

    def _log_dry_run(self, call: Call[bool], judged: Deletion) -> None:
        outcome = "would be refused" if judged["blockers"] and not self.force else "would be sent"
        blockers = "; ".join(judged["blockers"]) or "nothing"
        message = "Dry run: %s of room %d (%r) with recordings %s %s; blocked by: %s"
        target = (judged["room_id"], judged["name"], judged["recordings"])
        self.hook.log.info(message, call.name, *target, outcome, blockers)

    def _archive_check(self, found: RoomSnapshot) -> tuple[Callable[[Recording], bool], list[str]]:
        """Return a function that says whether a recording is archived, and the error if the manifest is not valid."""
        if self.archive is None or not found.recordings:
            return lambda _: False, []
        try:
            return Manifest(self.archive, found.room["id"]).proves, []
        except ValueError as error:
            return lambda _: False, [str(error)]
