"""Operators for the file library, which holds the files that are shown in rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import ALL, Id
from airflow_clickmeeting.extra_links import FILE_LINKS
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator
from airflow_clickmeeting.storage import upload

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import File
    from airflow_clickmeeting.hooks.clickmeeting import DownloadResult
    from airflow_clickmeeting.storage import Path

__all__ = [
    "ClickMeetingDeleteFileOperator",
    "ClickMeetingDownloadFileOperator",
    "ClickMeetingGetFileOperator",
    "ClickMeetingListConferenceFilesOperator",
    "ClickMeetingListFilesOperator",
    "ClickMeetingUploadFileOperator",
]


class FileOperator(ClickMeetingOperator):
    """Base of operators for one file.

    :param file_id: the file's id.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "file_id")

    def __init__(self, *, file_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_id = file_id


class ClickMeetingListFilesOperator(ClickMeetingOperator):
    """Return the files in the account's library, as a list of dicts."""

    def execute(self, context: Context) -> list[File]:
        return self.result(self.hook.list_files())


class ClickMeetingListConferenceFilesOperator(RoomOperator):
    """Return the files of one room, as a list of dicts."""

    def execute(self, context: Context) -> list[File]:
        return self.result(self.hook.list_conference_files(self.room_id))


class ClickMeetingGetFileOperator(FileOperator):
    """Return the data of a file as a dict: `name`, `status`, `conversion_progress`, ..."""

    def execute(self, context: Context) -> File:
        return self.result(self.hook.get_file(self.file_id))


class ClickMeetingUploadFileOperator(ClickMeetingOperator):
    """Upload a file from any object storage to the account's library or to a room; a second run uploads it again.

    The operator streams the file. If the response is lost, the hook does not repeat the upload, because ClickMeeting
    may have the file already, and the task fails.

    :param path: the file to upload.
    :param name: the file's name on ClickMeeting; by default its own name.
    :param room_id: the room that the file is for, or `all` (default) for the account's library.
    :return: the data of the uploaded file as a dict: `id`, `status` (`waiting_for_conversion`), ...
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "path", "name", "room_id")

    def __init__(self, *, path: Path, name: str | None = None, room_id: Id = ALL, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.name = name
        self.room_id = room_id

    def execute(self, context: Context) -> File:
        return self.result(self.hook.upload_file(upload(self.path, self.name), room_id=self.room_id))


class ClickMeetingDownloadFileOperator(FileOperator):
    """Download a file of the library to any object storage, streamed; a second run overwrites the file.

    :param path: the file to write, or a folder that ends in a slash; the file there has its name on ClickMeeting.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*FileOperator.template_fields, "path")
    operator_extra_links = FILE_LINKS

    def __init__(self, *, path: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context: Context) -> DownloadResult:
        from airflow_clickmeeting.api import calls

        in_folder = isinstance(self.path, str) and self.path.endswith("/")
        # only a folder needs the file's name, which takes one more request
        name = str(self.hook.get_file(self.file_id).get("name") or "") if in_folder else ""
        result = self.hook.download(calls.download_file(self.file_id), self.path, name=name)
        self.written = [result["path"]]
        return result


class ClickMeetingDeleteFileOperator(FileOperator):
    """Delete a file from the library permanently, and return whether this run deleted it.

    :param ignore_missing: whether the task succeeds if the file does not exist, as in a second run, which returns
        False.
    """

    template_fields: Sequence[str] = (*FileOperator.template_fields, "ignore_missing")

    def __init__(self, *, ignore_missing: bool | Id = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_missing = ignore_missing

    def execute(self, context: Context) -> bool:
        return self.hook.delete_file(self.file_id, ignore_missing=self.ignore_missing)
