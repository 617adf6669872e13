"""The file library: what is shown in rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator
from airflow_clickmeeting.storage import upload

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import File
    from airflow_clickmeeting.hooks.clickmeeting import DownloadResult
    from airflow_clickmeeting.storage import Path


class FileOperator(ClickMeetingOperator):
    """Base of operators for one file.

    :param file_id: the file's id.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "file_id")

    def __init__(self, *, file_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_id = file_id


class ClickMeetingListFilesOperator(ClickMeetingOperator):
    """Return the files of the account's library."""

    def execute(self, context: Context) -> list[File]:
        """Read the list."""
        return self.result(self.hook.list_files())


class ClickMeetingListConferenceFilesOperator(RoomOperator):
    """Return the files of one room."""

    def execute(self, context: Context) -> list[File]:
        """Read the list."""
        return self.result(self.hook.list_conference_files(self.room_id))


class ClickMeetingGetFileOperator(FileOperator):
    """Return what is known of a file: `name`, `status`, `conversion_progress`, ..."""

    def execute(self, context: Context) -> File:
        """Read it."""
        return self.result(self.hook.get_file(self.file_id))


class ClickMeetingUploadFileOperator(ClickMeetingOperator):
    """Put a file from any object storage into the account's library, or into a room; a second run adds it again.

    The file is streamed. When the answer is lost, nothing is sent again by itself, and the task fails.

    :param path: the file.
    :param name: the name it gets on ClickMeeting; by default its own.
    :param room_id: the room it is for.
    :return: what is known of it: `id`, `status` (`waiting_for_conversion`), ...
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "path", "name", "room_id")

    def __init__(self, *, path: Path, name: str | None = None, room_id: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.name = name
        self.room_id = room_id

    def execute(self, context: Context) -> File:
        """Send it."""
        return self.result(self.hook.upload_file(upload(self.path, self.name), room_id=self.room_id))


class ClickMeetingDownloadFileOperator(FileOperator):
    """Save a file of the library to any object storage, streamed; a second run overwrites it.

    :param path: the file to write, or a folder with a slash at its end.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*FileOperator.template_fields, "path")

    def __init__(self, *, path: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context: Context) -> DownloadResult:
        """Download it; its name is looked up where only a folder is given."""
        from airflow_clickmeeting.api import calls

        in_folder = isinstance(self.path, str) and self.path.endswith("/")
        name = self.hook.get_file(self.file_id)["name"] if in_folder else ""
        return self.hook.download(calls.download_file(self.file_id), self.path, name=name)


class ClickMeetingDeleteFileOperator(FileOperator):
    """Delete a file of the library, for good; returns whether this run did it.

    :param ignore_missing: whether it is fine that it is gone already, as in a second run.
    """

    template_fields: Sequence[str] = (*FileOperator.template_fields, "ignore_missing")

    def __init__(self, *, ignore_missing: bool | Id = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_missing = ignore_missing

    def execute(self, context: Context) -> bool:
        """Delete it."""
        return self.hook.delete_file(self.file_id, ignore_missing=self.ignore_missing)
