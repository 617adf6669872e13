"""Tests of the clock and of the events that depend on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

NOON = datetime(2031, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def webinar(sandbox, register):
    """Return a recorded webinar at noon with eight registered people. The clock stands at eleven."""
    sandbox.set_speed(0)
    sandbox.set_time(NOON - timedelta(hours=1))
    settings = {"recorder_autostart_enabled": 1}
    room = sandbox.add_room(starts_at=NOON, duration="1:20", registration={"enabled": 1}, settings=settings)
    for number in range(8):
        register(room["id"], f"guest{number}@example.com")
    return room["id"]


def sessions(api, room):
    return api.get(f"conferences/{room}/sessions").json()


def test_the_clock_can_be_stopped_moved_and_set(sandbox, api):
    assert abs(sandbox.now - datetime.now(UTC)) < timedelta(seconds=5)
    sandbox.set_speed(0)
    before = sandbox.now
    sandbox.advance(timedelta(days=2))
    assert sandbox.now == before + timedelta(days=2)
    sandbox.set_time(NOON)
    assert sandbox.now == NOON
    assert parsedate_to_datetime(api.get("ping").headers["date"]) == NOON
    sandbox.set_speed(100_000)
    assert sandbox.now > NOON + timedelta(seconds=1)


def test_every_answer_is_dated_once_by_the_sandbox(sandbox, api, finished):
    sandbox.set_time(NOON)
    sandbox.set_speed(0)
    url = api.get("conferences/recordings").json()[0]["recording_url"]
    for answer in (api.get("ping"), api.get("nowhere"), httpx.get(url, trust_env=False)):
        assert answer.headers.get_list("date") == ["Wed, 05 Mar 2031 12:00:00 GMT"]


def test_a_session_happens_by_itself(sandbox, api, webinar):
    assert sessions(api, webinar) == []
    sandbox.set_time(NOON + timedelta(minutes=30))
    (running,) = sessions(api, webinar)
    assert running["start_date"] == "2031-03-05T12:55:00+01:00"
    assert running["end_date"] is None
    path = f"conferences/{webinar}/sessions/{running['id']}/attendees"
    assert None in {row["end_date"] for row in api.get(path).json()}
    sandbox.set_time(NOON + timedelta(hours=2))
    (ended,) = sessions(api, webinar)
    assert ended["end_date"] == "2031-03-05T14:20:00+01:00"
    rows = api.get(path).json()
    assert rows == api.get(path).json()
    assert rows[0]["role"] == "host"
    assert [row["email"] for row in rows].count(None) == 1
    came = {row["email"] for row in rows} - {None, "hanna.host@example.com"}
    assert 3 <= len(came) <= 8
    assert len(rows) == ended["total_visitors"]
    registrations = api.get(f"conferences/{webinar}/registrations/all").json()
    assert {one["email"] for one in registrations if one["session_id"] == ended["id"]} == came
    assert api.get("chats").json()[0]["id"] == ended["id"]


def test_the_recording_is_ready_after_twenty_minutes(sandbox, api, webinar):
    sandbox.set_time(NOON + timedelta(minutes=99))
    assert api.get(f"conferences/{webinar}/recordings").json()["code"] == 404
    sandbox.set_time(NOON + timedelta(minutes=100))
    (recording,) = api.get(f"conferences/{webinar}/recordings").json()
    assert recording["recording_duration"] == 80 * 60


def test_a_room_retires_at_the_next_half_hour(sandbox, api, webinar):
    def room():
        return api.get(f"conferences/{webinar}").json()["conference"]

    sandbox.set_time(NOON + timedelta(minutes=89))
    assert room()["status"] == "active"
    sandbox.set_time(NOON + timedelta(minutes=90))
    assert room()["status"] == "inactive"
    assert room()["updated_at"] == "2031-03-05T14:30:00+01:00"
    assert [one["id"] for one in api.get("conferences/inactive").json()] == [webinar]


def test_sessions_disappear_when_the_clock_is_set_back(sandbox, api, webinar):
    sandbox.set_time(NOON + timedelta(hours=2))
    (before,) = sessions(api, webinar)
    sandbox.set_time(NOON - timedelta(hours=1))
    assert sessions(api, webinar) == []
    sandbox.set_time(NOON + timedelta(hours=2))
    assert sessions(api, webinar) == [before]


def test_a_moved_room_runs_at_its_new_time_only(sandbox, api, webinar):
    later = {"starts_at": "2031-03-06 13:00", "permanent_room": 0}
    assert api.put(f"conferences/{webinar}", data=later).status_code == 200
    sandbox.set_time(NOON + timedelta(hours=5))
    assert sessions(api, webinar) == []
    sandbox.set_time(NOON + timedelta(days=2))
    assert [one["start_date"] for one in sessions(api, webinar)] == ["2031-03-06T12:55:00+01:00"]


def test_a_prolonged_room_runs_longer(sandbox, api, webinar):
    sandbox.set_time(NOON + timedelta(minutes=30))
    assert len(sessions(api, webinar)) == 1
    api.put(f"conferences/{webinar}", data={"duration": "2:00", "permanent_room": 0})
    sandbox.set_time(NOON + timedelta(hours=3))
    assert [one["end_date"] for one in sessions(api, webinar)] == ["2031-03-05T15:00:00+01:00"]
    assert api.get(f"conferences/{webinar}/recordings").json()[0]["recording_duration"] == 7200


def test_closing_a_room_ends_its_session(sandbox, api, webinar):
    sandbox.set_time(NOON + timedelta(minutes=30))
    api.put(f"conferences/{webinar}", data={"status": "inactive"})
    assert [one["end_date"] for one in sessions(api, webinar)] == ["2031-03-05T13:30:00+01:00"]


def test_a_closed_room_holds_no_session(sandbox, api, webinar):
    api.put(f"conferences/{webinar}", data={"status": "inactive"})
    sandbox.set_time(NOON + timedelta(hours=2))
    assert sessions(api, webinar) == []


def test_a_script_replaces_the_schedule(sandbox, api, webinar):
    played = sandbox.play(webinar, attendees=[{"email": "guest0@example.com"}])
    sandbox.set_time(NOON + timedelta(hours=2))
    (session,) = sessions(api, webinar)
    assert (session["id"], session["total_visitors"]) == (played, 1)
    assert session["start_date"] == "2031-03-05T13:00:00+01:00"


def test_without_automatic_sessions_nothing_happens(sandbox, api, webinar):
    sandbox.switch(auto_sessions=False)
    sandbox.set_time(NOON + timedelta(hours=2))
    assert sessions(api, webinar) == []


def test_the_report_takes_a_minute_or_three_polls(sandbox, api, finished):
    room, session = finished
    path = f"conferences/{room}/sessions/{session}"
    polls = [api.get(f"{path}/generate-pdf/en").json() for _ in range(3)]
    assert [poll["status"] for poll in polls] == ["NEW", "IN PROGRESS", "FINISHED"]
    assert [set(poll) for poll in polls] == [{"status", "progress"}] * 2 + [{"status", "progress", "url"}]
    document = httpx.get(polls[2]["url"], trust_env=False)
    assert document.headers["content-type"] == "application/pdf"
    assert document.content.startswith(b"%PDF-")
    assert api.get(f"{path}/generate-pdf/de").json()["status"] == "NEW"
    assert api.get(path).json()["pdf"]["de"]["status"] == "IN PROGRESS"
    sandbox.advance(timedelta(minutes=1))
    assert api.get(f"{path}/generate-pdf/de").json()["status"] == "FINISHED"
    assert api.get(f"{path}/generate-pdf/xx").status_code == 404
    assert httpx.get(f"{polls[2]['url']}0", trust_env=False).status_code == 404


def test_lists_may_lag_behind(sandbox, api, webinar):
    sandbox.switch(sessions_delay=600, attendees_delay=3600)
    sandbox.set_time(NOON)
    assert sessions(api, webinar) == []
    sandbox.set_time(NOON + timedelta(minutes=85))
    (session,) = sessions(api, webinar)
    assert session["end_date"] is None
    rows = api.get(f"conferences/{webinar}/sessions/{session['id']}/attendees").json()
    assert all(row["end_date"] is None for row in rows if row["role"] == "host")
    sandbox.set_time(NOON + timedelta(minutes=80 + 60))
    rows = api.get(f"conferences/{webinar}/sessions/{session['id']}/attendees").json()
    assert all(row["end_date"] for row in rows)
