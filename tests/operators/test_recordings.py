"""Recordings: listing and deleting them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.operators.recordings import (
    ClickMeetingDeleteAllRecordingsOperator,
    ClickMeetingDeleteRecordingOperator,
    ClickMeetingListAllRecordingsOperator,
    ClickMeetingListRecordingsOperator,
)

NONE = pytest.mark.parametrize("none", ["error200", "404", "empty"])


@pytest.fixture
def recordings_in(room_in):
    def recordings_in(room_id):
        return room_in(room_id)["recordings"]

    return recordings_in


class TestList:
    @pytest.mark.parametrize("sizes", ["string", "int"])
    def test_of_a_room(self, run, sandbox, finished, sizes):
        sandbox.switch(sizes=sizes)
        (recording,) = run(ClickMeetingListRecordingsOperator, room_id=finished.room_id)
        assert (recording["id"], recording["recording_file_size"]) == (finished.recording_id, 3_000_000)
        assert recording["recording_duration"] == 3600
        assert "recording_url" not in recording

    def test_with_links_for_immediate_use(self, run, finished):
        (recording,) = run(ClickMeetingListRecordingsOperator, room_id=finished.room_id, include_secrets=True)
        assert "?st=" in recording["recording_url"]

    @NONE
    @pytest.mark.parametrize("code", ["int", "string"])
    def test_none_yet_is_an_empty_list_however_clickmeeting_says_so(self, run, sandbox, room_id, none, code):
        sandbox.switch(no_recordings=none, error_code=code)
        assert run(ClickMeetingListRecordingsOperator, room_id=room_id) == []

    @NONE
    def test_a_missing_room_is_no_empty_list(self, run, sandbox, none):
        sandbox.switch(no_recordings=none)
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingListRecordingsOperator, room_id=404)

    def test_of_the_whole_account(self, run, sandbox, finished, room_id):
        other = sandbox.add_recording(room_id, size=10)
        found = {
            recording["id"]: recording["conference_id"] for recording in run(ClickMeetingListAllRecordingsOperator)
        }
        assert found == {finished.recording_id: finished.room_id, other: room_id}

    @NONE
    def test_of_an_account_without_any(self, run, sandbox, none):
        sandbox.switch(no_recordings=none)
        assert run(ClickMeetingListAllRecordingsOperator) == []


class TestDelete:
    """Safety checks are tested in test_deleting."""

    def test_one_recording_goes_the_others_stay(self, run, sandbox, finished, recordings_in):
        other = sandbox.add_recording(finished.room_id, size=10)
        one = {"room_id": finished.room_id, "recording_id": str(finished.recording_id)}
        done = run(ClickMeetingDeleteRecordingOperator, **one, force=True)
        assert (done["deleted"], done["recordings"]) == (True, [finished.recording_id])
        assert recordings_in(finished.room_id) == [other]

    def test_all_of_a_room_go_those_of_others_stay(self, run, sandbox, finished, room_id, recordings_in):
        other = sandbox.add_recording(room_id, size=10)
        assert run(ClickMeetingDeleteAllRecordingsOperator, room_id=finished.room_id, force=True)["deleted"] is True
        assert recordings_in(finished.room_id) == []
        assert recordings_in(room_id) == [other]

    @pytest.mark.parametrize(
        "operator", [ClickMeetingDeleteRecordingOperator, ClickMeetingDeleteAllRecordingsOperator], ids=["one", "all"]
    )
    def test_a_second_run_finds_them_gone_already(self, run, finished, operator, recordings_in):
        one = {"recording_id": finished.recording_id} if operator is ClickMeetingDeleteRecordingOperator else {}
        arguments = {"room_id": finished.room_id, "force": True, **one}
        assert [run(operator, **arguments)["deleted"] for _ in range(2)] == [True, False]
        with pytest.raises(NotFoundError, match="ClickMeeting lists no such recording in room"):
            run(operator, **arguments, ignore_missing=False)
        assert recordings_in(finished.room_id) == []

    def test_one_that_is_not_listed_yet_is_not_deleted_either(self, run, sandbox, finished, recordings_in):
        later = sandbox.add_recording(finished.room_id, size=10, ready_at=sandbox.now + timedelta(hours=1))
        one = {"room_id": finished.room_id, "recording_id": later, "force": True}
        assert run(ClickMeetingDeleteRecordingOperator, **one)["deleted"] is False
        assert later in recordings_in(finished.room_id)

    def test_a_missing_room(self, run):
        assert run(ClickMeetingDeleteAllRecordingsOperator, room_id=404)["deleted"] is False
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingDeleteAllRecordingsOperator, room_id=404, ignore_missing=False)
