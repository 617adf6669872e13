"""Operators for the recordings of rooms: list, delete, and archive them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.validate import ALL, Id
from airflow_clickmeeting.extra_links import FILE_LINKS, ROOM_LINKS
from airflow_clickmeeting.operators.base import (
    ClickMeetingOperator,
    RoomDeletionOperator,
    RoomOperator,
    StatefulOperator,
)

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Recording
    from airflow_clickmeeting.deletion.checks import RoomSnapshot
    from airflow_clickmeeting.recordings.archive import Archive
    from airflow_clickmeeting.storage import Path

__all__ = [
    "ClickMeetingArchiveRecordingsOperator",
    "ClickMeetingDeleteAllRecordingsOperator",
    "ClickMeetingDeleteRecordingOperator",
    "ClickMeetingListAllRecordingsOperator",
    "ClickMeetingListRecordingsOperator",
]


class ClickMeetingListRecordingsOperator(RoomOperator):
    """Return a room's recordings as a list of dicts, which is empty if the room has none.

    The links of the recordings are secrets, and expire after minutes. The result has them only with `include_secrets`;
    use them at once.
    """

    def execute(self, context: Context) -> list[Recording]:
        return self.result(self.hook.list_recordings(self.room_id))


class ClickMeetingListAllRecordingsOperator(ClickMeetingOperator):
    """Return the recordings of the whole account as a list of dicts, each with its room's id as `conference_id`.

    The result has the links of the recordings only with `include_secrets`.
    """

    def execute(self, context: Context) -> list[Recording]:
        return self.result(self.hook.list_all_recordings())


class RecordingsDeletionOperator(RoomDeletionOperator):
    """Base of operators that delete recordings of a room."""

    def concerned(self, found: RoomSnapshot) -> RoomSnapshot:
        """Return the room with only the recordings to delete.

        :raises NotFoundError: if ClickMeeting lists none of them.
        """
        from airflow_clickmeeting.api.errors import ApiError
        from airflow_clickmeeting.exceptions import NotFoundError

        wanted = [recording for recording in found.recordings if self.wants(recording)]
        if not wanted:
            call = self.call()
            message = f"ClickMeeting lists no such recording in room {self.room_id}"
            problem = ApiError("not_found", message, cure="Correct the ids, or set ignore_missing to accept this")
            raise NotFoundError(problem, call.name, self.clickmeeting_conn_id, call.path)
        return found._replace(recordings=wanted)

    def wants(self, recording: Recording) -> bool:
        """Return whether the operator is to delete a recording of the room."""
        return True


class ClickMeetingDeleteRecordingOperator(RecordingsDeletionOperator):
    """Delete one recording permanently, unless a safety check blocks it; a second run deletes nothing.

    :param recording_id: the recording.
    :return: `deleted`, whether the recording existed and was deleted; `recordings`, its id in a list; `room_id` and the
        room's `name`; `dry_run`; and `blockers`, the reasons of the safety checks against it.
    """

    template_fields: Sequence[str] = (*RecordingsDeletionOperator.template_fields, "recording_id")

    def __init__(self, *, recording_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recording_id = recording_id

    def call(self) -> Call[bool]:
        from airflow_clickmeeting.api import calls

        return calls.delete_recording(self.room_id, self.recording_id, ignore_missing=self.ignore_missing)

    def wants(self, recording: Recording) -> bool:
        return recording["id"] == int(self.recording_id)


class ClickMeetingDeleteAllRecordingsOperator(RecordingsDeletionOperator):
    """Delete all recordings of a room permanently, unless a safety check blocks it; a second run deletes nothing.

    :return: `deleted`, whether the room had recordings and they were deleted; `recordings`, their ids; `room_id` and
        the room's `name`; `dry_run`; and `blockers`, the reasons of the safety checks against it.
    """

    def call(self) -> Call[bool]:
        from airflow_clickmeeting.api import calls

        return calls.delete_all_recordings(self.room_id, ignore_missing=self.ignore_missing)


#: the numbers of the result of an archive that its log shows
COUNTS = ("archived", "unchanged", "deleted", "pending", "bytes")


class ClickMeetingArchiveRecordingsOperator(StatefulOperator):
    """Download recordings into a folder, with a manifest for each room that proves which recordings the folder holds.

    A second run downloads only recordings for which the manifest and the file's size do not prove that the folder holds
    them. Two tasks that archive the same room into the same folder at the same time lose nothing, but may download a
    recording twice.

    :param folder: the folder for the files `recording-ROOM-ID.mp4` and the manifests `recordings-ROOM.json`, on any
        object storage.
    :param room_id: a room's id, a list of ids, or `all` for the whole account; None is an error, so that a skipped task
        upstream does not mean all rooms.
    :param session_id: a session of the room, to archive only its recordings, or `all`. These are the recordings that
        overlap the session in time, since ClickMeeting does not return which session a recording belongs to. It needs
        one `room_id`.
    :param delete_after: whether to delete recordings from ClickMeeting permanently, after the task downloaded them and
        verified the checksums of their files. The next run retries a deletion that failed.
    :param max_deletions: how many recordings one run may delete; if it would delete more, it deletes none and fails,
        after everything was archived.
    :param max_failures: how many failures the task accepts, after everything else is done: a number, or a float below
        1 as a share of all recordings and rooms tried.
    :return: `folder`; the numbers of recordings `archived`, `unchanged` because they were in the folder already,
        `deleted` from ClickMeeting, and `pending` because ClickMeeting still processes them; the `bytes` downloaded;
        the paths of the `manifests`; the first hundred `failures`, each with `room_id`, `recording_id` (unless the
        whole room failed) and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (
        *StatefulOperator.template_fields,
        "folder",
        "room_id",
        "session_id",
        "delete_after",
        "max_deletions",
        "max_failures",
    )
    operator_extra_links = (*ROOM_LINKS, *FILE_LINKS)
    state_fields = ("folder",)

    def __init__(
        self,
        *,
        folder: Path,
        room_id: Id | Sequence[Id],
        session_id: Id = ALL,
        delete_after: bool | Id = False,
        max_deletions: Id = 10,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.room_id = room_id
        self.session_id = session_id
        self.delete_after = delete_after
        self.max_deletions = max_deletions
        self.max_failures = max_failures

    def execute(self, context: Context) -> Archive:
        """Download the missing recordings of all rooms, then delete those with an intact file.

        :raises ValueError: naming the argument and its valid values.
        :raises DeletionRefusedError: if there would be more than `max_deletions` deletions, and none was deleted.
        :raises AirflowException: if there are more than `max_failures` failures; an `AirflowFailException` if no retry
            can cure any of them.
        """
        from airflow.sdk import ObjectStoragePath

        from airflow_clickmeeting.audit import Audit
        from airflow_clickmeeting.failures import FailureLog
        from airflow_clickmeeting.recordings.archive import (
            RoomArchive,
            delete_archived,
            rooms_with_recordings,
            those_of,
        )

        validate.filled("folder", str(self.folder))
        folder = ObjectStoragePath(self.folder)
        delete_after = bool(validate.flag("delete_after", self.delete_after))
        max_deletions = validate.whole_number("max_deletions", self.max_deletions)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        rooms, session_id = validate.rooms_and_session(self.room_id, self.session_id)
        failures = FailureLog(self.hook.log, "recordings", missing_may_pass=rooms is None)
        self.hook.log_level = logging.DEBUG  # the hook would log lines for each room
        done: Archive = {
            "folder": str(folder),
            "archived": 0,
            "unchanged": 0,
            "deleted": 0,
            "pending": 0,
            "bytes": 0,
            "manifests": [],
            "failures": failures.kept,
            "failure_count": 0,
        }
        self.written = [str(folder)]
        audit, tried = Audit(self.hook, context), 0
        archived = []
        for room_id in rooms_with_recordings(self.hook) if rooms is None else rooms:
            wanted = those_of(self.hook.get_session(room_id, session_id)) if session_id else None
            room = RoomArchive(self.hook, room_id, folder, done, audit, failures, wanted)
            tried += room.download_missing()
            archived.append(room)
        if delete_after:
            delete_archived(archived, max_deletions)
        failures.log_counts()
        counts = ", ".join(f"{done[name]:,} {name}" for name in COUNTS)  # type: ignore[literal-required]
        self.log.info("Recordings of %d rooms: %s, %d failed", len(archived), counts, failures.count)
        failures.check(
            max_failures,
            tried,
            "The rest was archived, and a retry does only what is missing. Correct what failed, or set a higher "
            "max_failures",
        )
        return {**done, "failure_count": failures.count}
