"""The trigger of deferred sensors, run against the sandbox in this process."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pkgutil import resolve_name

import pytest

from airflow_clickmeeting.conditions import SessionEnded
from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.triggers import waiting
from airflow_clickmeeting.triggers.waiting import WaitTrigger


@pytest.fixture
def trigger(clickmeeting_sandbox, monkeypatch):
    """A trigger for the next session of a room, which looks every few milliseconds."""
    monkeypatch.setattr(waiting, "SHORTEST_INTERVAL", 0.02)

    def make(room_id: int | None = None, *, seconds: float = 30) -> WaitTrigger:
        room_id = room_id or clickmeeting_sandbox.add_room(permanent_room=True)["id"]
        since = (clickmeeting_sandbox.now - timedelta(days=1)).isoformat()
        condition = SessionEnded(room_id=room_id, since=since)
        return WaitTrigger(condition.to_json(), "clickmeeting_default", 0.02, time.time() + seconds)

    return make


async def fired(trigger: WaitTrigger) -> dict:
    return (await anext(trigger.run())).payload


async def test_it_fires_with_the_session_that_ended(trigger, clickmeeting_sandbox):
    waits = trigger()
    room_id = waits.condition["values"]["room_id"]
    now = clickmeeting_sandbox.now
    session_id = clickmeeting_sandbox.play(room_id, start=now - timedelta(hours=1), end=now - timedelta(minutes=30))
    event = await fired(waits)
    assert (event["seen"]["room_id"], event["seen"]["session_id"]) == (room_id, session_id)


@pytest.mark.parametrize("answer", ["empty", "404"])
async def test_a_room_where_nobody_came_is_not_there_yet_until_time_is_up(trigger, clickmeeting_sandbox, answer):
    clickmeeting_sandbox.switch(no_sessions=answer)
    assert await fired(trigger(seconds=0.3)) == {"timed_out": True}
    assert clickmeeting_sandbox.count("list_sessions") > 1


async def test_a_room_that_is_not_there_fails_at_once(trigger, clickmeeting_sandbox):
    with pytest.raises(NotFoundError, match="Meeting room not found"):
        await fired(trigger(room_id=99999999))
    assert clickmeeting_sandbox.count("list_sessions") == 1


async def test_the_deadline_has_passed_already_when_it_is_restarted(trigger, clickmeeting_sandbox):
    assert await fired(trigger(seconds=-1)) == {"timed_out": True}
    assert clickmeeting_sandbox.count("list_sessions") == 0


def test_it_is_made_again_from_plain_json_without_any_secret(trigger, clickmeeting_sandbox):
    path, arguments = trigger().serialize()
    assert clickmeeting_sandbox.api_key not in json.dumps(arguments).replace("clickmeeting_sandbox", "")
    assert resolve_name(path)(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


def test_it_sleeps_before_its_first_look_however_short_the_interval():
    condition = SessionEnded(room_id=1, since="2027-03-01T12:00:00Z")
    hasty = WaitTrigger(condition.to_json(), "clickmeeting_default", 0.1, 0)
    assert hasty._pause() == waiting.SHORTEST_INTERVAL == 5


def test_triggers_that_start_together_do_not_ask_together():
    condition = SessionEnded(room_id=1, since="2027-03-01T12:00:00Z")
    slow = WaitTrigger(condition.to_json(), "clickmeeting_default", 60, 0)
    pauses = {slow._pause() for _ in range(20)}
    assert len(pauses) > 1
    assert all(54 <= pause <= 66 for pause in pauses)
