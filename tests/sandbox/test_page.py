"""Tests of the sandbox's page: its files, what it shows, and the buttons of its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from airflow_clickmeeting.sandbox.page import page_url

HOUR = timedelta(hours=1)
OPENED_FROM_A_PAGE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def browser(sandbox):
    """Return a client that starts at the page, as a browser does."""
    page = page_url(sandbox.url, sandbox.token).partition("#")[0]
    with httpx.Client(base_url=page, trust_env=False) as client:
        yield client


@pytest.fixture
def overview(sandbox):
    """Return a function that reads what the page shows."""
    return lambda: sandbox._request("GET", "overview")


def test_the_page_runs_no_script_but_its_own(browser):
    pages = [browser.get(name, headers=OPENED_FROM_A_PAGE) for name in ("", "page.js", "page.css")]
    assert [page.headers["content-type"].partition(";")[0] for page in pages] == [
        "text/html",
        "text/javascript",
        "text/css",
    ]
    assert "default-src 'none'; script-src 'self';" in pages[0].headers["content-security-policy"]
    assert "<script>" not in pages[0].text
    assert "onclick" not in pages[0].text


def test_the_page_of_the_sandbox_does_not_open_its_data_to_other_pages(browser):
    assert browser.get("../overview", headers=OPENED_FROM_A_PAGE).status_code == 403
    assert browser.post("", headers=OPENED_FROM_A_PAGE).status_code == 403


def test_the_token_is_in_the_part_of_the_address_that_no_server_sees(sandbox):
    address = httpx.URL(page_url(sandbox.url, sandbox.token))
    assert address.fragment == f"token={sandbox.token}"
    assert sandbox.token not in f"{address.path}{address.query!r}"


def test_the_buttons_of_the_clock_need_the_token(browser, sandbox):
    sandbox.set_speed(0)
    before = sandbox.now
    for body in ({"advance": 3600}, {"to": "next event"}):
        assert browser.post("../clock", json=body).status_code == 403
    assert sandbox.now == before


def test_the_clock_goes_from_event_to_event(sandbox, overview):
    sandbox.set_speed(0)
    sandbox.set_time(datetime(2027, 3, 1, 10, tzinfo=UTC))
    start = sandbox.now + 5 * HOUR
    sandbox.add_room(name="Launch", starts_at=start, duration=1, settings={"recorder_autostart_enabled": 1})
    told = []
    while event := overview()["next_event"]:
        assert sandbox._request("POST", "clock", {"to": "next event"})["now"] == event["at"]
        told.append((datetime.fromisoformat(event["at"]) - start, event["what"], overview()["rooms"][0]["state"]))
    assert told == [
        (timedelta(0), "Launch starts", "live"),
        (HOUR, "the session of Launch ends", "ended"),
        (HOUR + timedelta(minutes=20), "the recording of Launch is ready", "ended"),
    ]
    before = sandbox.now
    sandbox._request("POST", "clock", {"to": "next event"})
    assert sandbox.now == before


def test_a_room_shows_who_is_there_who_registered_and_what_was_recorded(api, sandbox, overview, finished, register):
    sandbox.set_speed(0)
    room_id, session_id = finished
    start = sandbox.now - timedelta(minutes=10)
    live = sandbox.add_room(name="Live", starts_at=start, duration=1, registration={"enabled": 1})["id"]
    register(live)
    people = [{"email": f"{name}@example.com", "visits": [(0, leave)]} for name, leave in (("ada", 5), ("grace", None))]
    running = sandbox.play(live, start=start, attendees=people, recordings=[{"size": 5}])
    first, second = overview()["rooms"]
    url = api.get(f"conferences/{live}").json()["conference"]["room_url"]
    assert first == {
        "id": live,
        "name": "Live",
        "url": url,
        "state": "live",
        "starts_at": first["starts_at"],
        "ends_at": first["ends_at"],
        "present": 1,
        "registrations": 1,
        "sessions": [running],
        "recordings_ready": 0,
        "recordings_processing": 1,
    }
    assert (second["id"], second["sessions"], second["recordings_ready"]) == (room_id, [session_id], 1)


def test_mails_have_a_subject_and_a_text(api, sandbox, overview):
    start = datetime.fromisoformat("2027-03-01T15:00:00+01:00")
    room = sandbox.add_room(name="Launch", starts_at=start, timezone="Europe/Warsaw")
    sent = {"attendees[0][email]": "ada@example.com"}
    assert api.post(f"conferences/{room['id']}/invitation/email/en", data=sent).status_code == 200
    other = {"sender": "airflow@example.com", "recipient": "ops@example.com", "subject": "Report", "html": "<b>4</b>"}
    sandbox.add_mail(**other)
    report, invitation = overview()["mails"]
    assert {key: report[key] for key in other} == other
    assert (invitation["recipient"], invitation["subject"]) == ("ada@example.com", "Invitation: Launch")
    assert invitation["text"] == (
        "You are invited to the webinar Launch.\n\n"
        f"When: 01 March 2027, 15:00 Europe/Warsaw\nJoin: {room['room_url']}\n"
    )


def test_the_newest_requests_come_first_and_all_are_counted(api, overview):
    for path in ("conferences/active", "conferences/7"):
        api.get(path)
    found = overview()
    assert [(each["operation"], each["status"]) for each in found["requests"]] == [
        ("get_conference", 404),
        ("list_conferences", 200),
    ]
    assert found["counts"] == {"rooms": 0, "mails": 0, "requests": 2}


def test_a_large_account_shows_its_newest_rooms(sandbox, overview):
    sandbox.bulk(600, 1, 1)
    found = overview()
    assert (len(found["rooms"]), found["counts"]["rooms"]) == (500, 600)
