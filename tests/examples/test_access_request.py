"""Test the example `access_request`: a complete answer, an incomplete one, and the demo account's own data."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from webinars import on_both_storages


@pytest.fixture
def room_id(clickmeeting_sandbox) -> int:
    """Create a room in which Ada and Bob were."""
    room_id = clickmeeting_sandbox.add_room(permanent_room=True)["id"]
    start = clickmeeting_sandbox.now - timedelta(hours=2)
    people = [{"email": "ada@example.com"}, {"email": "bob@example.com"}]
    clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), attendees=people)
    return room_id


@on_both_storages
def test_a_complete_answer(run_example, room_id, tmp_path):
    assert run_example("access_request", {"email_address": "Bob@Example.com"}).state == "success"
    (path,) = tmp_path.glob("access-requests/*.json")
    content = json.loads(path.read_text())
    assert content["complete"]
    assert [(each["room_id"], each["email"]) for each in content["attendances"]] == [(room_id, "bob@example.com")]


def test_a_session_that_cannot_be_read(run_example, clickmeeting_sandbox, room_id, tmp_path):
    clickmeeting_sandbox.fault("list_session_attendees", "status", status=403, times=None)
    assert run_example("access_request").state == "failed"
    assert not [*tmp_path.glob("access-requests/*.json")]
    assert run_example("access_request", {"max_failures": 1}).state == "success"
    (path,) = tmp_path.glob("access-requests/*.json")
    assert json.loads(path.read_text())["complete"] is False
