"""Recordings of rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.shapes import Recording
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator


class ClickMeetingListRecordingsOperator(RoomOperator):
    """Return a room's recordings, an empty list where there are none.

    Their links are secrets and live for minutes: `include_secrets` keeps them, to be used at once.
    """

    def execute(self, context: Context) -> list[Recording]:
        """Read the list."""
        return self.result(self.ask_for_list(calls.list_recordings(self.room_id)))


class ClickMeetingListAllRecordingsOperator(ClickMeetingOperator):
    """Return the recordings of the whole account, each with its `conference_id`."""

    def execute(self, context: Context) -> list[Recording]:
        """Read the list."""
        return self.result(self.ask(calls.list_all_recordings()))


class ClickMeetingDeleteAllRecordingsOperator(RoomOperator):
    """Delete all recordings of a room, for good.

    :param ignore_missing: whether it is fine that there are none, as in a second run.
    :return: whether this run deleted any.
    """

    def __init__(self, *, ignore_missing: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_missing = ignore_missing

    def execute(self, context: Context) -> bool:
        """Delete them."""
        return self.ask(calls.delete_all_recordings(self.room_id, ignore_missing=self.ignore_missing))


class ClickMeetingDeleteRecordingOperator(ClickMeetingDeleteAllRecordingsOperator):
    """Delete one recording, for good.

    :param recording_id: the recording.
    :param ignore_missing: whether it is fine that it is gone already, as in a second run.
    :return: whether this run deleted it.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "recording_id")

    def __init__(self, *, recording_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recording_id = recording_id

    def execute(self, context: Context) -> bool:
        """Delete it."""
        call = calls.delete_recording(self.room_id, self.recording_id, ignore_missing=self.ignore_missing)
        return self.ask(call)
