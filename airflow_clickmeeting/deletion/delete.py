"""How something is deleted from ClickMeeting: looked at, judged, written down, and only then asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.deletion.checks import Findings, against_meetings, against_recordings, refusal
from airflow_clickmeeting.exceptions import DeletionRefusedError
from airflow_clickmeeting.recordings.manifest import Manifest

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Recording
    from airflow_clickmeeting.audit import Audit
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class Deletion(TypedDict):
    """What became of a deletion.

    `deleted` tells whether it was there and is gone now, `recordings` are the ids of those that go with it, and
    `against` tells what speaks against it, which only `dry_run` and `force` bear.
    """

    room_id: int
    name: str | None
    recordings: list[int]
    deleted: bool
    dry_run: bool
    against: list[str]


@dataclass(frozen=True)
class Deleter:
    """Deletes what nothing speaks against.

    :param hook: the account.
    :param audit: is told of each deletion.
    :param grace: how long the end of the last session must lie back.
    :param archive: where the manifests are.
    :param force: whether to delete whatever speaks against it.
    :param dry_run: whether to delete nothing.
    """

    hook: ClickMeetingHook
    audit: Audit
    grace: timedelta
    archive: ObjectStoragePath | None
    force: bool
    dry_run: bool

    def look(self, room_id: int) -> Findings:
        """Read what there is of a room.

        :raises NotFoundError: when it is gone.
        """
        room = self.hook.get_conference(room_id)
        return Findings(room, self.hook.list_sessions(room_id), self.hook.list_recordings(room_id))

    def delete(self, call: Call[bool], found: Findings) -> Deletion:
        """Delete something, unless that is refused, or only to be tried.

        :param call: the deletion.
        :param found: the room, and the recordings that would go.
        :raises DeletionRefusedError: telling what speaks against it.
        """
        judged = self.judge(found)
        if self.dry_run:
            self._tell(call, judged)
            return judged
        if judged["against"] and not self.force:
            raise DeletionRefusedError(refusal(call.name, found.room, judged["against"]))
        self.audit.deletion(
            call, judged["room_id"], judged["recordings"], name=judged["name"], against=judged["against"]
        )
        return {**judged, "deleted": True}

    def judge(self, found: Findings) -> Deletion:
        """Return what would go, and what speaks against it."""
        covered, damage = self._archived(found)
        return {
            **self._nothing(found.room["id"]),
            "name": found.room.get("name"),
            "recordings": [recording["id"] for recording in found.recordings],
            "against": [
                *against_meetings(found, self.grace, self.hook.now()),
                *against_recordings(found.recordings, covered),
                *damage,
            ],
        }

    def gone(self, call: Call[bool], room_id: int) -> Deletion:
        """Return what there is to tell where nothing is left to delete."""
        if not self.dry_run:
            self.audit.gone(call, room_id)
        return self._nothing(room_id)

    def _nothing(self, room_id: int) -> Deletion:
        return {
            "room_id": room_id,
            "name": None,
            "recordings": [],
            "deleted": False,
            "dry_run": self.dry_run,
            "against": [],
        }

    def _tell(self, call: Call[bool], judged: Deletion) -> None:
        told = "would be refused" if judged["against"] and not self.force else "would be sent"
        against = "; ".join(judged["against"]) or "nothing"
        words = "Dry run: %s of room %d (%r) with recordings %s %s; against it: %s"
        self.hook.log.info(words, call.name, judged["room_id"], judged["name"], judged["recordings"], told, against)

    def _archived(self, found: Findings) -> tuple[Callable[[Recording], bool], list[str]]:
        """Return what tells whether a recording is in the archive, and what is wrong with the room's manifest."""
        if self.archive is None or not found.recordings:
            return lambda _: False, []
        try:
            return Manifest(self.archive, found.room["id"]).proves, []
        except ValueError as error:
            return lambda _: False, [str(error)]
