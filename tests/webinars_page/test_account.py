"""What the page shows of an account, and what a look costs it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.ui.account import MAX_REQUESTS, read_account, read_room

ACCOUNT = "/clickmeeting/webinars/clickmeeting_default"
DEFAULT = "clickmeeting_default"
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REGISTRATION = {"enabled": 1}


@pytest.fixture
def sandbox(clickmeeting_sandbox: Any) -> Any:
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOON)
    return clickmeeting_sandbox


def plain(html: str) -> str:
    """Return the text of a page as a person reads it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def register(room_id: int, *names: str) -> list[str]:
    for name in names:
        ClickMeetingHook().register_participant(room_id, registration={1: name, 2: "X", 3: f"{name}@example.com"})
    return [f"{name}@example.com" for name in names]


def webinar(sandbox: Any, name: str, starts_in: timedelta, **wanted: Any) -> int:
    planned = {"starts_at": sandbox.now + starts_in, "registration": REGISTRATION}
    return int(sandbox.add_room(name=name, **{**planned, **wanted})["id"])


def live_webinar(sandbox: Any) -> int:
    """Start an event to which four had registered; two of them are there, one has left, and so is somebody else."""
    now = sandbox.now
    room_id = webinar(sandbox, "Live one", timedelta(0))
    ada, grace, mary, _ = register(room_id, "ada", "grace", "mary", "joan")
    people = [
        {"email": "host@example.com", "role": "host", "visits": [(0, None)]},
        {"email": ada, "visits": [(0, None)]},
        {"email": grace, "visits": [(1, 5), (7, None)]},
        {"email": mary, "visits": [(2, 9)]},
        {"email": "walk@example.com", "visits": [(3, None)]},
    ]
    sandbox.play(room_id, start=now, end=now + HOUR, attendees=people)
    sandbox.advance(20 * timedelta(minutes=1))
    return room_id


@pytest.mark.parametrize("running_end", ["null", "absent", "now"])
async def test_what_is_live_has_the_number_present(browser, sandbox, running_end):
    sandbox.switch(running_end=running_end)
    room_id = live_webinar(sandbox)
    text = plain((await browser.get(ACCOUNT)).text)
    assert "Live one live since" in text
    assert "Present 3 Came so far 4 Registered 4" in text
    text = plain((await browser.get(f"{ACCOUNT}/rooms/{room_id}")).text)
    assert "Present now" in text
    assert "Present 3 Registered 4 Came 4 1 unregistered Show-up rate 75% 3 of 4" in text


async def test_an_event_that_nobody_entered_is_planned_now(browser, sandbox):
    webinar(sandbox, "Waiting one", timedelta(minutes=10))
    text = plain((await browser.get(ACCOUNT)).text)
    assert "Waiting one planned now" in text
    assert "Nobody has entered yet." in text


async def test_coming_rooms_stand_in_the_order_of_their_starts_with_their_registrations(browser, sandbox):
    later = webinar(sandbox, "Later", 3 * DAY)
    webinar(sandbox, "Open to all", 2 * DAY, registration=None)
    sooner = webinar(sandbox, "Sooner", DAY)
    webinar(sandbox, "Cancelled", 4 * DAY, status="inactive")
    register(sooner, "ada", "grace")
    sandbox.advance(HOUR)
    register(sooner, "mary")
    sandbox.advance(11 * HOUR)
    found = await read_account(DEFAULT)
    assert [found.details[each].registrations for each in (sooner, later)] == [3, 0]
    response = await browser.get(ACCOUNT)
    text = plain(response.text)
    assert re.search(r"Coming 4 .*Sooner .* in 1[12] hours 3 Open to all .* no registration Later", text)
    assert re.search(r"Cancelled .* This room is inactive\.", text)
    # three people in two steps, half of the time is over
    assert 'd="M0 40H0V14H8V2H100"' in response.text


async def test_the_last_session_has_its_numbers(browser, sandbox):
    room_id = webinar(sandbox, "Last one", HOUR)
    ada, _ = register(room_id, "ada", "grace")
    people = [{"email": ada, "visits": [(0, 50)]}, {"email": "walk@example.com", "visits": [(10, 20)]}]
    session_id = sandbox.play(room_id, attendees=people)
    webinar(sandbox, "Nobody came", timedelta(minutes=30))
    sandbox.advance(DAY)
    response = await browser.get(ACCOUNT)
    row = response.text[response.text.index("Last one") :]
    assert f'href="{ACCOUNT}/rooms/{room_id}/sessions/{session_id}"' in row
    assert re.search(r"UTC 2 2 50%", plain(row)), "registered, came, show-up rate"
    report = await browser.get(f"{ACCOUNT}/rooms/{room_id}/sessions/{session_id}")
    text = plain(report.text)
    assert "Registered 2 Came 2 1 unregistered Show-up rate 50% 1 of 2 Median stay 30 min Peak 2" in text
    assert "2 at " in text, "the curve, with its peak"


async def test_a_session_that_is_not_there(browser, sandbox):
    room_id = webinar(sandbox, "Launch", DAY)
    text = plain((await browser.get(f"{ACCOUNT}/rooms/{room_id}/sessions/7")).text)
    assert "ClickMeeting lists no session 7 of this room." in text
    assert "Nobody has entered this room yet." in text


async def test_recordings_are_processing_or_ready(browser, sandbox):
    room_id = webinar(sandbox, "Recorded", DAY)
    sandbox.switch(unready_recordings="sizeless")
    sandbox.add_recording(room_id, size=2_500_000, duration=5400, name="Part 1")
    part = {"size": 9, "name": "Part 2", "ready_after": 7200}
    sandbox.play(room_id, start=sandbox.now, end=sandbox.now + HOUR, recordings=[part])
    sandbox.advance(HOUR * 2)
    for path in (ACCOUNT, f"{ACCOUNT}/rooms/{room_id}"):
        text = plain((await browser.get(path)).text)
        assert re.search(r"Part 1 ready \S+ \S+ UTC 1 h 30 min 2.5 MB", text)
        assert "Part 2 processing" in text
    assert "1 ready, 1 processing, 2.5 MB on ClickMeeting" in plain((await browser.get(ACCOUNT)).text)


@pytest.mark.parametrize("no_recordings", ["error200", "404", "empty"])
@pytest.mark.parametrize("no_sessions", ["empty", "404"])
async def test_a_room_without_anything_is_no_error_and_costs_no_more(sandbox, no_recordings, no_sessions):
    sandbox.switch(no_recordings=no_recordings, no_sessions=no_sessions)
    room_id = webinar(sandbox, "New", DAY)
    found = await read_room(DEFAULT, room_id)
    assert (found.details.sessions, found.details.recordings, found.details.errors) == ([], [], [])
    assert sandbox.counts == {
        "get_conference": 1,
        "list_registrations": 1,
        "list_sessions": 1,
        "list_recordings": 1,
    }


@pytest.mark.parametrize("kept", ["ignored", "honoured"])
async def test_a_list_without_pages_ends(sandbox, kept):
    sandbox.switch(active_pages=kept, past_last_page="repeat")
    webinar(sandbox, "Only one", DAY)
    found = await read_account(DEFAULT)
    assert [room.name for room in found.rooms] == ["Only one"]
    assert found.is_complete


async def test_the_filter_leads_to_a_path_and_finds_by_a_part_of_the_name(browser, sandbox):
    for name in ("Weekly news", "Daily / short", "WEEKLY review"):
        webinar(sandbox, name, DAY)
    response = await browser.get(ACCOUNT, params={"name": " weekly "})
    assert (response.status_code, response.headers["location"]) == (303, f"{ACCOUNT}/find/weekly")
    text = (await browser.get(f"{ACCOUNT}/find/weekly")).text
    assert ["Weekly news" in text, "Daily / short" in text, "WEEKLY review" in text] == [True, False, True]
    response = await browser.get(ACCOUNT, params={"name": "/ s"})
    assert response.headers["location"] == f"{ACCOUNT}/find/%2F%20s"
    assert "Daily / short" in (await browser.get(response.headers["location"])).text
    assert "No room has this name" in (await browser.get(f"{ACCOUNT}/find/nothing")).text
    assert sandbox.count("list_conferences") == 2, "the cache answered the rest"


async def test_a_look_at_a_small_account_costs_little_and_serves_everybody_for_a_minute(browser, sandbox):
    live_webinar(sandbox)
    for number in range(5):
        webinar(sandbox, f"Coming {number}", (number + 1) * DAY)
        webinar(sandbox, f"Over {number}", -(number + 1) * DAY)
    sandbox.forget_requests()
    assert (await browser.get(ACCOUNT)).status_code == 200
    cost = sandbox.count()
    assert 9 <= cost <= MAX_REQUESTS
    for path in (ACCOUNT, f"{ACCOUNT}/all", f"{ACCOUNT}/find/over"):
        assert (await browser.get(path)).status_code == 200
    assert sandbox.count() == cost


@pytest.mark.parametrize(("rooms", "is_complete"), [(990, True), (1000, True), (2500, False)])
async def test_a_thousand_rooms_cost_no_more_and_come_from_the_cache(browser, sandbox, rooms, is_complete):
    sandbox.bulk(rooms=rooms, sessions_per_room=1, attendees_per_session=2)
    live_webinar(sandbox)
    webinar(sandbox, "Coming", DAY)
    sandbox.forget_requests()
    response = await browser.get(ACCOUNT)
    assert sandbox.count() <= MAX_REQUESTS
    assert "Present 3 Came so far 4" in plain(response.text)
    assert response.text.count("<tr>") < 100
    assert ("The account has more rooms than" in response.text) is not is_complete
    for _ in range(5):
        assert (await browser.get(ACCOUNT)).status_code == 200
    everything = await browser.get(f"{ACCOUNT}/all")
    assert (everything.text.count('class="room"') >= rooms) is is_complete
    assert sandbox.count() <= MAX_REQUESTS


async def test_a_room_costs_five_requests(browser, sandbox):
    room_id = live_webinar(sandbox)
    sandbox.forget_requests()
    for _ in range(2):
        assert (await browser.get(f"{ACCOUNT}/rooms/{room_id}")).status_code == 200
    assert sandbox.count() == 5
    assert sandbox.count("list_session_attendees") == 1


async def test_what_cannot_be_read_is_left_out(browser, sandbox):
    room_id = webinar(sandbox, "Odd", DAY)
    odd: dict[str, list[dict[str, Any]]] = {
        "list_registrations": [{"id": 1, "email": "ada@example.com", "registration_date": "soon"}],
        "list_sessions": [
            {"id": 5, "start_date": "soon"},
            {"id": 6, "start_date": NOON.isoformat(), "end_date": "later"},
            {"id": 7, "start_date": NOON.isoformat(), "end_date": None},
        ],
        "list_recordings": [{"id": 3, "recorder_start_date": "soon", "recording_file_size": 999}],
        "list_session_attendees": [{"uid": "7", "start_date": "soon"}],
    }
    for operation, answer in odd.items():
        sandbox.fault(operation, "answer", json=answer)
    text = plain((await browser.get(f"{ACCOUNT}/rooms/{room_id}")).text)
    assert "Registered 1" in text
    assert "Sessions 1" in text
    assert "Recording 3 ready 999 B" in text
    assert "Nobody in the audience was there for a minute or longer." in text
