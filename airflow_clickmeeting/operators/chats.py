"""Operators for the chats of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import FILE_LINKS
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Chat
    from airflow_clickmeeting.hooks.clickmeeting import DownloadResult
    from airflow_clickmeeting.storage import Path

__all__ = ["ClickMeetingDownloadChatOperator", "ClickMeetingListChatsOperator"]


class ClickMeetingListChatsOperator(ClickMeetingOperator):
    """Return the sessions whose chat can be downloaded, as a list of dicts; each `id` is the id of a session."""

    def execute(self, context: Context) -> list[Chat]:
        return self.result(self.hook.list_chats())


class ClickMeetingDownloadChatOperator(ClickMeetingOperator):
    """Download a session's chat, a ZIP archive of CSV files, to any object storage; a second run overwrites the file.

    If there is no chat, the task fails with a `ClickMeetingError`, and Airflow retries it, since the chat may appear
    some time after the session.

    :param session_id: the session.
    :param path: the file to write, or a folder that ends in a slash.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read it, since it names people. Object storages have no file modes.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "session_id", "path", "file_mode")
    operator_extra_links = FILE_LINKS

    def __init__(self, *, session_id: Id, path: Path, file_mode: Id = "600", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.path = path
        self.file_mode = file_mode

    def execute(self, context: Context) -> DownloadResult:
        from airflow_clickmeeting.api import calls
        from airflow_clickmeeting.exceptions import NotFoundError

        call = calls.download_chat(self.session_id)
        try:
            result = self.hook.download(call, self.path, name=f"chat-{self.session_id}.zip", file_mode=self.file_mode)
        except NotFoundError as error:
            raise error.retryable("the session has no chat, or does not have it yet") from None
        self.written = [result["path"]]
        return result
