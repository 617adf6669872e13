"""Each doubtful point of the API, both ways."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox
from airflow_clickmeeting.sandbox.switches import SWITCHES, Switches

NEW = {"name": "Plan & go", "room_type": "webinar", "permanent_room": "1", "access_type": "1"}


def test_an_unknown_switch_or_value_is_explained(sandbox):
    with pytest.raises(ValueError, match=r"There is no switch 'size'\. There are: .*sizes"):
        sandbox.switch(size="int")
    with pytest.raises(ValueError, match="'sizes' may be string, int, not 'float'"):
        sandbox.switch(latency=0, sizes="float")
    with pytest.raises(ValueError, match="'ranges' may be true or false"):
        sandbox.switch(ranges="maybe")
    with pytest.raises(ValueError, match="'latency' is a number"):
        sandbox.switch(latency="nan")


def test_defaults_are_the_first_choice():
    positions = Switches().as_dict()
    assert set(positions) == set(SWITCHES)
    assert all(positions[name] == one.choices[0] for name, one in SWITCHES.items() if one.choices)


def test_a_sandbox_keeps_its_own_switches_over_a_reset():
    with Sandbox(switches={"created_status": 200}) as sandbox:
        key = {"X-Api-Key": "sandbox"}
        sandbox.switch(created_status=201)
        sandbox.reset()
        assert httpx.post(f"{sandbox.url}conferences", data=NEW, headers=key, trust_env=False).status_code == 200


def test_rooms(api, sandbox):
    sandbox.switch(created_status="200", room_answer="flat", escape_names=True, lobby_enabled="string")
    created = api.post("conferences", data=NEW)
    assert created.status_code == 200
    room = api.get(f"conferences/{created.json()['room']['id']}").json()
    assert room["name"] == "Plan &amp; go"
    assert room["lobby_enabled"] == "1"
    assert "id" in api.put(f"conferences/{room['id']}", data={"lobby_enabled": 0}).json()


def test_deleting_a_room_may_answer_with_a_string(api, sandbox, room):
    sandbox.switch(delete_answer="string")
    assert api.delete(f"conferences/{room}").json() == "200 OK"
    again = api.delete(f"conferences/{room}")
    assert (again.status_code, again.json()) == (404, "404 Not Found")


@pytest.mark.parametrize(("position", "status"), [("error200", 200), ("404", 404), ("empty", 200)])
def test_no_recordings(api, sandbox, room, position, status):
    sandbox.switch(no_recordings=position)
    answer = api.get(f"conferences/{room}/recordings")
    assert answer.status_code == status
    assert answer.json() == [] if position == "empty" else answer.json()["code"] == 404


def test_no_sessions(api, sandbox, room):
    assert api.get(f"conferences/{room}/sessions").json() == []
    sandbox.switch(no_sessions="404")
    assert api.get(f"conferences/{room}/sessions").status_code == 404


def test_sizes(api, sandbox, finished):
    sandbox.switch(sizes="int")
    assert api.get("conferences/recordings").json()[0]["recording_file_size"] == 3_000_000


@pytest.mark.parametrize(("position", "shape"), [("array", list), ("object", dict), ("string", str)])
def test_token_by_email(api, sandbox, token_room, position, shape):
    api.post(f"conferences/{token_room}/tokens")
    api.post(f"conferences/{token_room}/invitation/email/en", data={"attendees[0][email]": "ada@example.com"})
    sandbox.switch(token_answer=position)
    answer = api.post(f"conferences/{token_room}/token", data={"email": "ada@example.com"}).json()
    assert isinstance(answer, shape)


def test_running_end(api, sandbox, room):
    sandbox.play(room, start=sandbox.now - timedelta(minutes=10), attendees=[{"email": "a@example.com"}])
    path = f"conferences/{room}/sessions"
    assert api.get(path).json()[0]["end_date"] is None
    sandbox.switch(running_end="absent")
    assert "end_date" not in api.get(path).json()[0]
    sandbox.switch(running_end="now")
    assert api.get(path).json()[0]["end_date"].startswith("20")


def test_ping_may_ignore_the_key(sandbox):
    sandbox.switch(ping_checks_key=False)
    assert httpx.get(f"{sandbox.url}ping", trust_env=False).status_code == 200
    assert httpx.get(f"{sandbox.url}chats", trust_env=False).status_code == 401


def test_pages(api, sandbox, room):
    page = {"page": 7}
    sandbox.switch(past_last_page="repeat")
    assert [one["id"] for one in api.get("conferences/active", params=page).json()] == [room]
    assert api.get("conferences/inactive", params=page).json() == []
    sandbox.switch(past_last_page="404")
    assert api.get("conferences/active", params=page).status_code == 404
    sandbox.switch(active_pages="ignored")
    assert len(api.get("conferences/active", params=page).json()) == 1


def test_an_empty_deactivation_may_wipe(api, sandbox, token_room):
    api.post(f"conferences/{token_room}/tokens", data={"how_many": 3})
    sandbox.switch(empty_deactivate="wipe")
    assert api.delete(f"conferences/{token_room}/tokens").status_code == 200
    assert api.get(f"conferences/{token_room}/tokens").json() == {"access_tokens": []}


def test_the_code_of_an_error_may_be_a_string(api, sandbox):
    sandbox.switch(error_code="string")
    assert api.get("conferences/1").json()["code"] == "404"


def test_a_quota(api, sandbox):
    sandbox.switch(max_rooms=1)
    assert api.post("conferences", data=NEW).status_code == 201
    assert api.post("conferences", data=NEW).status_code == 403


def test_latency(api, sandbox):
    sandbox.switch(latency=0.2)
    before = time.monotonic()
    api.get("ping")
    assert time.monotonic() - before >= 0.2


def test_recordings_may_take_longer(api, sandbox, room):
    sandbox.switch(recordings_delay=7200)
    sandbox.play(room, start=sandbox.now - timedelta(hours=2), recordings=[{"size": 10}])
    assert api.get("conferences/recordings").json() == []
    sandbox.advance(timedelta(hours=2))
    assert len(api.get("conferences/recordings").json()) == 1


def test_chats_of_old(api, sandbox, finished):
    sandbox.switch(chat_format="2016")
    with zipfile.ZipFile(io.BytesIO(api.get(f"chats/{finished[1]}").content)) as archive:
        assert archive.namelist() == ["chat.csv"]
        assert archive.read("chat.csv").decode().splitlines()[0].endswith("Guest,Hello")


def test_the_page_about_the_sandbox_names_every_switch():
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert [name for name in SWITCHES if f"| `{name}` |" not in page] == []
