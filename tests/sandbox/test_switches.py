"""Tests of each value of each switch."""

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


def test_the_error_for_an_unknown_switch_or_value_names_the_known_ones(sandbox):
    with pytest.raises(ValueError, match=r"The switch 'size' does not exist\. Use one of: .*sizes"):
        sandbox.switch(size="int")
    with pytest.raises(ValueError, match=r"The switch 'sizes' cannot be 'float'\. Use one of: string, int\."):
        sandbox.switch(latency=0, sizes="float")
    with pytest.raises(ValueError, match=r"The switch 'ranges' cannot be 'maybe'\. Use true or false\."):
        sandbox.switch(ranges="maybe")
    with pytest.raises(ValueError, match=r"The switch 'latency' cannot be 'nan'\. Use a number from 0 to 1e\+09\."):
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


def test_the_extension_may_decide_how_the_deletion_of_a_room_is_answered(api, sandbox):
    sandbox.switch(delete_answer="by_extension")
    first, second = (sandbox.add_room()["id"] for _ in range(2))
    assert api.delete(f"conferences/{first}.json").json() == {"result": "OK"}
    assert api.delete(f"conferences/{first}.json").json()["code"] == 404
    assert api.delete(f"conferences/{second}").json() == "200 OK"
    assert api.delete(f"conferences/{second}/").json() == "404 Not Found"


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


@pytest.mark.parametrize("position", ["conference_id", "room_id", "bare"])
def test_the_list_of_all_recordings_may_name_rooms_otherwise(api, sandbox, finished, position):
    sandbox.switch(all_recordings=position)
    (listed,) = api.get("conferences/recordings").json()
    (alone,) = api.get(f"conferences/{finished[0]}/recordings").json()
    assert listed["id"] == alone["id"]
    added = {key: listed[key] for key in set(listed) - set(alone)}
    assert added == ({} if position == "bare" else {position: finished[0]})


def test_there_may_be_no_list_of_all_recordings(api, sandbox, finished):
    sandbox.switch(all_recordings="404")
    answer = api.get("conferences/recordings")
    assert (answer.status_code, answer.json()["code"]) == (404, 404)
    assert len(api.get(f"conferences/{finished[0]}/recordings").json()) == 1


@pytest.fixture
def unready(sandbox, room):
    """Return a room whose session ends in a minute. Its recording of 1001 bytes is ready 1000 seconds later."""
    sandbox.set_speed(0)
    sandbox.set_time(sandbox.now.replace(second=0, microsecond=0))
    end = sandbox.now + timedelta(minutes=1)
    recordings = [{"size": 1001, "duration": 60, "ready_after": 1000}]
    sandbox.play(room, start=end - timedelta(hours=1), end=end, recordings=recordings)
    return room


@pytest.fixture
def sizes(api):
    """Return a function that returns the sizes of a room's recordings, and checks the list of the account."""

    def sizes(room):
        answer = api.get(f"conferences/{room}/recordings").json()
        none = isinstance(answer, dict) and answer["code"] == 404
        listed = [] if none else [one["recording_file_size"] for one in answer]
        assert none or listed
        assert listed == [one["recording_file_size"] for one in api.get("conferences/recordings").json()]
        return listed

    return sizes


@pytest.mark.parametrize(
    ("position", "seen"),
    [
        ("hidden", [[], [], [], [], ["1001"]]),
        ("sizeless", [[], [None], [None], [None], ["1001"]]),
        ("growing", [[], ["1"], ["501"], ["1000"], ["1001"]]),
    ],
)
def test_a_recording_in_the_making(sandbox, unready, sizes, position, seen):
    sandbox.switch(unready_recordings=position)
    for seconds, expected in zip((59, 1, 500, 499, 1), seen, strict=True):
        sandbox.advance(timedelta(seconds=seconds))
        assert sizes(unready) == expected


def test_a_growing_size_may_be_a_number(sandbox, unready, sizes):
    sandbox.switch(unready_recordings="growing", sizes="int")
    sandbox.advance(timedelta(seconds=560))
    assert sizes(unready) == [501]


@pytest.mark.parametrize("position", ["hidden", "sizeless"])
def test_a_recording_in_the_making_is_deleted_with_all_when_it_is_listed(api, sandbox, unready, position):
    sandbox.switch(unready_recordings=position)
    sandbox.advance(timedelta(minutes=2))
    api.delete(f"conferences/{unready}/recordings")
    sandbox.advance(timedelta(hours=1))
    assert len(api.get("conferences/recordings").json()) == (position == "hidden")


def test_a_recording_is_in_the_making_from_the_end_of_a_session_that_was_cut_short(api, sandbox, sizes):
    sandbox.set_speed(0)
    room = sandbox.add_room(duration=2, settings={"recorder_autostart_enabled": 1})["id"]
    sandbox.switch(unready_recordings="sizeless")
    sandbox.advance(timedelta(hours=2))
    assert sizes(room) == []
    api.put(f"conferences/{room}", data={"status": "inactive"})
    assert sizes(room) == [None]
    sandbox.advance(timedelta(minutes=20))
    assert sizes(room) == ["7200000"]


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


@pytest.mark.parametrize(
    ("switches", "allowed", "retry_after"),
    [
        ({"rate_limit": 5}, 5, "1"),
        ({"rate_limit": 0.25}, 1, "4"),
        ({"rate_limit_per_minute": 6}, 6, "10"),
        ({"rate_limit_per_minute": 6, "rate_limit": 2}, 2, "1"),
        ({"rate_limit_per_minute": 6, "rate_limit_retry_after": False}, 6, None),
    ],
)
def test_a_limit_of_requests(api, sandbox, room, mocker, switches, allowed, retry_after):
    clock = mocker.patch("airflow_clickmeeting.sandbox.api.monotonic", return_value=1e6)
    sandbox.switch(**switches)
    sandbox.fault("get_conference", "status", skip=allowed)
    answers = [api.get(f"conferences/{room}") for _ in range(allowed + 2)]
    assert [answer.status_code for answer in answers] == [200] * allowed + [429, 429]
    assert answers[-1].json()["name"] == "TOO_MANY_REQUESTS"
    assert answers[-1].headers.get("retry-after") == retry_after
    clock.return_value += 60
    assert api.get(f"conferences/{room}").status_code == 500  # a refused request uses up no fault
    sandbox.reset()
    assert api.get("ping").status_code == 200


def test_recordings_may_take_longer(api, sandbox, room):
    sandbox.switch(recordings_delay=7200)
    sandbox.play(room, start=sandbox.now - timedelta(hours=2), recordings=[{"size": 10}])
    assert api.get("conferences/recordings").json() == []
    sandbox.advance(timedelta(hours=2))
    assert len(api.get("conferences/recordings").json()) == 1


def test_the_chat_format_of_2016(api, sandbox, finished):
    sandbox.switch(chat_format="2016")
    with zipfile.ZipFile(io.BytesIO(api.get(f"chats/{finished[1]}").content)) as archive:
        assert archive.namelist() == ["chat.csv"]
        assert archive.read("chat.csv").decode().splitlines()[0].endswith("Guest,Hello")


def test_the_page_about_the_sandbox_names_every_switch():
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert [name for name in SWITCHES if f"| `{name}` |" not in page] == []
