"""Chats of sessions, as ZIP archives."""

from __future__ import annotations

import io
import zipfile

import pytest

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.operators.chats import ClickMeetingDownloadChatOperator, ClickMeetingListChatsOperator


def test_the_sessions_that_have_one(run, finished):
    (chat,) = run(ClickMeetingListChatsOperator)
    assert (chat["id"], chat["name"], chat["timezone"]) == (finished.session_id, "Finished", "Europe/Warsaw")


def test_no_chat_yet(run, room_id):
    assert run(ClickMeetingListChatsOperator) == []


@pytest.mark.parametrize("where", ["chat.zip", ""])
def test_a_chat_is_saved_to_a_file_or_into_a_folder(run, finished, folder, content, where):
    done = run(ClickMeetingDownloadChatOperator, session_id=str(finished.session_id), path=f"{folder}/{where}")
    assert done["path"] == f"{folder}/{where or f'chat-{finished.session_id}.zip'}"
    assert done["size"] == len(content(done["path"]))
    with zipfile.ZipFile(io.BytesIO(content(done["path"]))) as archive:
        assert b"Ada,Hello" in archive.read("public.csv")


def test_a_session_without_one(run, room_id, folder):
    with pytest.raises(ClickMeetingError, match=r"^download_chat\b.*; the session has no chat, or does not") as error:
        run(ClickMeetingDownloadChatOperator, session_id=404, path=f"{folder}/chat.zip")
    assert not isinstance(error.value, AirflowFailException)
