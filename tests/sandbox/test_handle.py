"""Tests of the Python handle, the pytest fixture and the seeds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from airflow_clickmeeting.sandbox.demo import ROOMS, SESSIONS
from airflow_clickmeeting.sandbox.handle import Sandbox, SandboxControl


def memory() -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def test_the_fixture_leads_airflow_to_the_sandbox(clickmeeting_sandbox):
    connection = json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])
    assert connection == clickmeeting_sandbox.connection
    assert connection["host"].startswith("http://127.0.0.1:")
    assert "127.0.0.1" in os.environ["NO_PROXY"]
    assert clickmeeting_sandbox.state["counts"]["rooms"] == 0


def test_the_plugin_loads_nothing_heavy():
    code = (
        "import sys, airflow_clickmeeting.sandbox.pytest_plugin;"
        "print([name for name in ('starlette', 'uvicorn', 'airflow') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_reset_restores_an_empty_account(sandbox, api, finished):
    sandbox.switch(sizes="int")
    sandbox.fault("*", "status", times=None)
    sandbox.set_time(sandbox.now + timedelta(days=400))
    sandbox.reset()
    assert api.get("conferences/inactive").json() == []
    assert sandbox.counts == {"list_conferences": 1}
    assert sandbox.state["counts"] == dict.fromkeys(sandbox.state["counts"], 0)


def test_control_errors_name_the_wrong_value(sandbox):
    with pytest.raises(ValueError, match=r"Room 1 does not exist\. GET /_sandbox/state"):
        sandbox.play(1)
    with pytest.raises(ValueError, match=r"cannot end before it starts: `end` is .* and `start` is "):
        sandbox.play(sandbox.add_room()["id"], start=sandbox.now, end=sandbox.now - timedelta(hours=1))
    with pytest.raises(ValueError, match="timezone: This time zone is unknown"):
        sandbox.add_room(timezone="Mars/Olympus")
    with pytest.raises(ValueError, match=r"The speed of the clock must be 0 or more, not -1\.0\."):
        sandbox.set_speed(-1)
    with pytest.raises(TypeError, match=r"cannot receive .* of the type object\. Use "):
        sandbox.switch(sizes=object())
    answer = httpx.get(sandbox.url.replace("v1", "_sandbox") + "nothing", trust_env=False)
    assert answer.status_code == 400
    index = httpx.get(sandbox.url.replace("v1", "_sandbox"), trust_env=False).json()
    assert "POST /_sandbox/sessions" in index


def test_a_room_may_be_in_the_past(sandbox, api):
    start = sandbox.now - timedelta(days=30)
    room = sandbox.add_room(name="Old", starts_at=start, duration=timedelta(minutes=90), timezone="UTC")
    assert room["status"] == "inactive"
    assert room["created_at"] < room["starts_at"]
    assert [one["id"] for one in api.get("conferences/inactive").json()] == [room["id"]]


@pytest.fixture
def demo():
    with Sandbox(seed="demo", speed=0) as sandbox:
        yield sandbox


def test_the_demo_account_has_data_of_each_kind(demo):
    assert demo.state["counts"] == {
        "rooms": 13,
        "contacts": 0,
        "files": 2,
        "tokens": 5,
        "registrations": 54,
        "sessions": 45,
        "recordings": 45,
        "mails": 6,
    }
    key = {"X-Api-Key": demo.api_key}
    with httpx.Client(base_url=demo.url, headers=key, trust_env=False) as api:
        for name, session_id in SESSIONS.items():
            sessions = api.get(f"conferences/{ROOMS[name]}/sessions").json()
            if name == "Team room":  # its first session comes
                assert sessions == []
                continue
            assert [session["id"] for session in sessions] == [session_id]
            assert len(api.get(f"conferences/{ROOMS[name]}/sessions/{session_id}/attendees").json()) > 2
        assert len(api.get("chats").json()) == 5


def test_the_ids_of_the_demo_account_are_always_the_same(demo):
    rooms = demo.state["rooms"]
    assert {room["name"]: room["id"] for room in rooms} == ROOMS
    assert {room["name"]: room["sessions"][0] for room in rooms if room["sessions"]} == SESSIONS


def test_the_demo_account_has_rooms_in_every_state(demo):
    found = {room["name"]: room for room in demo._request("GET", "overview")["rooms"]}
    states = {name: room["state"] for name, room in found.items()}
    assert states.pop("Ask the experts") in ("ended", "inactive")  # it stays open until the next half hour
    assert states == {
        **dict.fromkeys(("Team room", "Customer academy"), "permanent"),
        **dict.fromkeys(("Product launch", "Board meeting", "Onboarding", "Investor call"), "planned"),
        **dict.fromkeys(("Quarterly review", "Airflow workshop", "Kick-off", "Customer training"), "inactive"),
        "Cancelled webinar": "inactive",
        "Live demo": "live",
    }
    assert found["Live demo"]["present"] > 1
    recordings = {name: (room["recordings_ready"], room["recordings_processing"]) for name, room in found.items()}
    assert recordings["Customer training"] == (1, 0)
    assert recordings["Ask the experts"] == recordings["Live demo"] == (0, 1)
    assert recordings["Team room"] == (0, 0)


def test_the_team_room_meets_again_and_again(demo):
    for meetings in (1, 2):
        demo.advance(timedelta(days=28))
        room = next(room for room in demo._request("GET", "overview")["rooms"] if room["name"] == "Team room")
        assert len(room["sessions"]) == room["recordings_ready"] == meetings


def test_two_sandboxes_do_not_share(sandbox):
    with Sandbox(api_key="other") as other:
        other.add_room()
        assert sandbox.state["counts"]["rooms"] == 0
        assert SandboxControl(other.url).state["counts"]["rooms"] == 1
        assert httpx.get(f"{other.url}ping", headers={"X-Api-Key": "sandbox"}, trust_env=False).status_code == 401


@pytest.mark.thorough
def test_a_million_rows_do_not_fill_the_memory(api, sandbox, room):
    session = sandbox.play(room, start=sandbox.now - timedelta(hours=3), count=1_000_000)
    path = f"conferences/{room}/sessions/{session}/attendees"
    before, read = memory(), 0
    with api.stream("GET", path) as answer:
        for piece in answer.iter_raw():
            read += len(piece)
            if read > 30_000_000:
                break
    assert memory() - before < 30_000


def test_the_rows_of_a_crowd_are_valid_json(api, sandbox, room):
    session = sandbox.play(room, start=sandbox.now - timedelta(hours=3), count=2_000)
    rows = api.get(f"conferences/{room}/sessions/{session}/attendees").json()
    assert len({row["uid"] for row in rows}) == 2_000
    (listed,) = api.get(f"conferences/{room}/sessions").json()
    assert listed["total_visitors"] == len(rows) == 2_200
    assert listed["max_visitors"] <= 2_000
    assert all(listed["start_date"] <= row["start_date"] <= row["end_date"] <= listed["end_date"] for row in rows)


def test_bulk(api, sandbox):
    sandbox.bulk(20, 5, 100)
    rooms = api.get("conferences/inactive").json()
    assert len(rooms) == 20
    sessions = api.get(f"conferences/{rooms[0]['id']}/sessions").json()
    assert len(sessions) == 5
    assert sessions[0]["total_visitors"] == 110
