"""Recordings from ClickMeeting to an archive of one's own, on any object storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import Context

from airflow_clickmeeting.api import values
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path
    from airflow_clickmeeting.transfers.archiving import Archive


class ClickMeetingArchiveRecordingsOperator(ClickMeetingOperator):
    """Keep recordings in a folder, with a manifest for each room that proves what is there.

    A second run downloads only what the manifest and the size of the file do not prove to be there. Two tasks must not
    archive the same room into the same folder at the same time.

    :param folder: where the files `recording-ROOM-ID.mp4` and the manifests `recordings-ROOM.json` go, on any object
        storage.
    :param room_id: a room, or a list of rooms; None is the whole account.
    :param session_id: a session of the one room, whose recordings alone are wanted: those that ran while it did, since
        ClickMeeting does not say which session a recording is of.
    :param delete_after: whether recordings are deleted from ClickMeeting, for good, once they were downloaded and
        their files read back from the folder. A deletion that fails is tried again by the next run.
    :param fail_on_failed: whether the task fails, after all else is done, when something could not be archived or
        deleted.
    :return: `folder`; the numbers of recordings `archived`, `skipped` since they were there, `deleted` from
        ClickMeeting, and `pending` since they are still processed; the `bytes` downloaded; the paths of the
        `manifests`; and what `failed`, with why.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "folder",
        "room_id",
        "session_id",
        "delete_after",
        "fail_on_failed",
    )

    def __init__(
        self,
        *,
        folder: Path,
        room_id: Id | Sequence[Id] | None = None,
        session_id: Id | None = None,
        delete_after: bool | Id = False,
        fail_on_failed: bool | Id = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.room_id = room_id
        self.session_id = session_id
        self.delete_after = delete_after
        self.fail_on_failed = fail_on_failed

    def execute(self, context: Context) -> Archive:
        """Go through the rooms, and in each download what is missing, then delete what is proved."""
        from airflow.sdk import ObjectStoragePath

        from airflow_clickmeeting.operators.audit import Audit
        from airflow_clickmeeting.transfers.archiving import RoomArchive, rooms_with_recordings, those_of, told
        from airflow_clickmeeting.transfers.scope import scope_of

        values.filled("folder", str(self.folder))
        folder = ObjectStoragePath(self.folder)
        delete_after = bool(values.flag("delete_after", self.delete_after))
        fail_on_failed = values.flag("fail_on_failed", self.fail_on_failed)
        scope = scope_of(self.room_id, self.session_id)
        done: Archive = {
            "folder": str(folder),
            "archived": 0,
            "skipped": 0,
            "deleted": 0,
            "pending": 0,
            "bytes": 0,
            "manifests": [],
            "failed": [],
        }
        audit = Audit(self.hook, context)
        for room_id in rooms_with_recordings(self.hook) if scope.rooms is None else scope.rooms:
            wanted = those_of(self.hook.get_session(room_id, scope.session_id)) if scope.session_id else None
            RoomArchive(self.hook, room_id, folder, done, audit, wanted).update(delete_after=delete_after)
        if done["failed"] and fail_on_failed:
            raise AirflowException(f"All else is done, but {told(done['failed'])}")
        return done
