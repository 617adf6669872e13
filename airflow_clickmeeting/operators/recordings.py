"""Recordings of rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomDeletionOperator, RoomOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Recording


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


class ClickMeetingDeleteRecordingOperator(RoomDeletionOperator):
    """Delete one recording, for good; returns whether this run did it.

    :param recording_id: the recording.
    """

    template_fields: Sequence[str] = (*RoomDeletionOperator.template_fields, "recording_id")

    def __init__(self, *, recording_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recording_id = recording_id

    def execute(self, context: Context) -> bool:
        """Delete it."""
        return self.hook.delete_recording(self.room_id, self.recording_id, ignore_missing=self.ignore_missing)


class ClickMeetingDeleteAllRecordingsOperator(RoomDeletionOperator):
    """Delete all recordings of a room, for good; returns whether this run did it."""

    def execute(self, context: Context) -> bool:
        """Delete them."""
        return self.hook.delete_all_recordings(self.room_id, ignore_missing=self.ignore_missing)
