"""Chats of sessions."""

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


class ClickMeetingListChatsOperator(ClickMeetingOperator):
    """Return the sessions whose chat can be downloaded; the `id` of each is the session's."""

    def execute(self, context: Context) -> list[Chat]:
        """Read the list."""
        return self.result(self.hook.list_chats())


class ClickMeetingDownloadChatOperator(ClickMeetingOperator):
    """Save a session's chat, a ZIP of CSV files, to any object storage; a second run overwrites it.

    :param session_id: the session.
    :param path: the file to write, or a folder with a slash at its end.
    :return: `path`, `size` in bytes and `sha256`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "session_id", "path")

    def __init__(self, *, session_id: Id, path: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.path = path

    def execute(self, context: Context) -> DownloadResult:
        """Download it."""
        from airflow_clickmeeting.api import calls

        return self.hook.download(calls.download_chat(self.session_id), self.path, name=f"chat-{self.session_id}.zip")
