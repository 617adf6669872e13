"""Recordings of rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator
from airflow_clickmeeting.operators.deletion import RoomDeletionOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.shapes import Recording
    from airflow_clickmeeting.operators.net import Findings


class ClickMeetingListRecordingsOperator(RoomOperator):
    """Return a room's recordings, an empty list where there are none.

    Their links are secrets and live for minutes: `include_secrets` keeps them, to be used at once.
    """

    def execute(self, context: Context) -> list[Recording]:
        """Read the list."""
        return self.result(self.hook.list_recordings(self.room_id))


class ClickMeetingListAllRecordingsOperator(ClickMeetingOperator):
    """Return the recordings of the whole account, each with its `conference_id`; links only with `include_secrets`."""

    def execute(self, context: Context) -> list[Recording]:
        """Read the list."""
        return self.result(self.hook.list_all_recordings())


class RecordingsDeletionOperator(RoomDeletionOperator):
    """Base of operators that delete recordings of a room."""

    def concerned(self, found: Findings) -> Findings:
        """Return the room with the recordings that would go; what is not listed is gone."""
        from airflow_clickmeeting.api.errors import Problem
        from airflow_clickmeeting.exceptions import NotFoundError

        wanted = [recording for recording in found.recordings if self.wants(recording)]
        if not wanted:
            call = self.call()
            problem = Problem("not_found", "it is not among the recordings that ClickMeeting lists")
            raise NotFoundError(problem, call.name, self.clickmeeting_conn_id, call.path)
        return found._replace(recordings=wanted)

    def wants(self, recording: Recording) -> bool:
        """Tell whether a recording would go."""
        return True


class ClickMeetingDeleteRecordingOperator(RecordingsDeletionOperator):
    """Delete one recording, for good, unless something speaks against it; a second run finds it gone.

    :param recording_id: the recording.
    :return: `deleted`, whether it was there and is gone now; `recordings`, its id in a list; `room_id` and the room's
        `name`; `dry_run`; and `against`, what speaks against it.
    """

    template_fields: Sequence[str] = (*RecordingsDeletionOperator.template_fields, "recording_id")

    def __init__(self, *, recording_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recording_id = recording_id

    def call(self) -> Call[bool]:
        """Return the deletion."""
        from airflow_clickmeeting.api import calls

        return calls.delete_recording(self.room_id, self.recording_id, ignore_missing=self.ignore_missing)

    def wants(self, recording: Recording) -> bool:
        """Tell whether it is the one."""
        return recording["id"] == int(self.recording_id)


class ClickMeetingDeleteAllRecordingsOperator(RecordingsDeletionOperator):
    """Delete all recordings of a room, for good, unless something speaks against it; a second run finds none.

    :return: `deleted`, whether there were some and they are gone now; `recordings`, their ids; `room_id` and the room's
        `name`; `dry_run`; and `against`, what speaks against it.
    """

    def call(self) -> Call[bool]:
        """Return the deletion."""
        from airflow_clickmeeting.api import calls

        return calls.delete_all_recordings(self.room_id, ignore_missing=self.ignore_missing)
