"""Operators for the chats of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
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

    :param session_id: the session.
    :param path: the file to write, or a folder that ends in a slash.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "session_id", "path")

    def __init__(self, *, session_id: Id, path: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.path = path

    def execute(self, context: Context) -> DownloadResult:
        from airflow_clickmeeting.api import calls

        return self.hook.download(calls.download_chat(self.session_id), self.path, name=f"chat-{self.session_id}.zip")
