"""Tests of ordered faults, from the side of the client."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from airflow_clickmeeting.sandbox.fault_delivery import AROUND, CHANGES, INSTEAD
from airflow_clickmeeting.sandbox.faults import DENIALS, KINDS
from airflow_clickmeeting.sandbox.media import recording_bytes

NEW = {"name": "Plan", "room_type": "webinar", "permanent_room": "1", "access_type": "1"}


def test_the_error_for_an_unknown_fault_names_the_known_ones(sandbox):
    with pytest.raises(ValueError, match=r"The fault 'boom' does not exist\. Use one of: 429, "):
        sandbox.fault("ping", "boom")
    with pytest.raises(ValueError, match=r"The operation 'pong' does not exist\. Use one of: "):
        sandbox.fault("pong", "reset")
    with pytest.raises(ValueError, match=r"The operation 'ping' does not exist\. Use one of: media\."):
        sandbox.fault("ping", "changed_file")
    with pytest.raises(ValueError, match=r"The fault 'html' has no option 'retry_after'\. Remove the option\."):
        sandbox.fault("ping", "html", retry_after=1)
    with pytest.raises(ValueError, match=r"The fault 'cut' has no option 'bytes'\. Use one of: after\."):
        sandbox.fault("ping", "cut", bytes=1)


def test_too_many_requests(api, sandbox):
    sandbox.fault("ping", "429")
    sandbox.fault("ping", "429", retry_after=3)
    sandbox.fault("ping", "429", retry_after=5, as_date=True)
    sandbox.fault("ping", "429", retry_after="date")
    answers = [api.get("ping") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 429, 200]
    assert answers[0].json()["name"] == "TOO_MANY_REQUESTS"
    assert "retry-after" not in answers[0].headers
    assert answers[1].headers["retry-after"] == "3"
    for answer, seconds in ((answers[2], 5), (answers[3], 1)):
        wait = parsedate_to_datetime(answer.headers["retry-after"]) - parsedate_to_datetime(answer.headers["date"])
        assert timedelta(seconds=seconds) <= wait <= timedelta(seconds=seconds + 1)


@pytest.mark.parametrize("status", [403, 500, 501, 502, 503, 504])
def test_any_status_with_any_body(api, sandbox, status):
    for body in ("json", "html", "empty"):
        sandbox.fault("ping", "status", status=status, body=body)
    answers = [api.get("ping") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {status}
    assert answers[0].json()["code"] == status
    assert answers[1].text.startswith("<html>")
    assert answers[2].content == b""


def test_a_status_200_without_a_result(api, sandbox):
    for kind in ("html", "empty", "error200"):
        sandbox.fault("ping", kind)
    page, empty, error = (api.get("ping") for _ in range(3))
    assert {page.status_code, empty.status_code, error.status_code} == {200}
    assert page.headers["content-type"].startswith("text/html")
    assert empty.content == b""
    assert error.json()["code"] == 404


def test_skip_times_and_star(api, sandbox):
    sandbox.fault("*", "status", skip=1, times=2)
    assert [api.get("ping").status_code for _ in range(4)] == [200, 500, 500, 200]
    sandbox.fault("list_chats", "status", times=None)
    assert {api.get("chats").status_code for _ in range(5)} == {500}
    assert api.get("ping").status_code == 200
    sandbox.clear_faults()
    assert api.get("chats").status_code == 200


def test_a_cut_body_is_shorter_than_its_length(api, sandbox, finished):
    sandbox.fault("get_conference", "cut")
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        api.get(f"conferences/{finished[0]}")
    sandbox.fault("list_session_attendees", "cut", after=10)
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(f"conferences/{finished[0]}/sessions/{finished[1]}/attendees")
    assert api.get("ping").status_code == 200


def test_the_operation_runs_before_a_lost_response_but_not_before_a_reset(api, sandbox):
    for kind, rooms in (("reset", 0), ("lost", 1)):
        sandbox.fault("create_conference", kind)
        with pytest.raises(httpx.ReadError):
            api.post("conferences", data=NEW)
        assert sandbox.state["counts"]["rooms"] == rooms
    assert [entry["status"] for entry in sandbox.log("create_conference")] == [None, None]


def test_a_proxys_header_hides_no_connection_from_a_fault(api, sandbox):
    sandbox.fault("ping", "reset")
    with pytest.raises(httpx.ReadError):
        api.get("ping", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    assert api.get("ping").status_code == 200


def test_a_hanging_response_arrives_after_its_seconds(api, sandbox):
    sandbox.fault("ping", "hang", seconds=0.2)
    assert api.get("ping").status_code == 200


def test_the_operation_does_not_run_if_the_client_closes_a_hanging_request(api, sandbox):
    sandbox.fault("create_conference", "hang", seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        api.post("conferences", data=NEW, timeout=0.1)
    threading.Event().wait(0.6)
    assert sandbox.state["counts"]["rooms"] == 0


def test_a_redirect_leads_to_another_host(api, sandbox):
    sandbox.fault("ping", "redirect", status=307)
    answer = api.get("ping")
    assert answer.status_code == 307
    assert httpx.URL(answer.headers["location"]).port != httpx.URL(sandbox.url).port
    followed = httpx.get(answer.headers["location"], trust_env=False)
    assert followed.json() == {"elsewhere": "/v1/ping"}
    assert "x-api-key" not in sandbox.log("media")[0]["headers"]


def test_faults_of_the_file_host(api, sandbox, finished):
    (recording,) = api.get("conferences/recordings").json()
    sandbox.fault("media", "cut", after=1000)
    got: list[bytes] = []
    with (
        httpx.stream("GET", recording["recording_url"], trust_env=False) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        got.extend(answer.iter_raw())
    assert sum(map(len, got)) == 1000
    sandbox.fault("media", "status", status=503)
    assert httpx.get(recording["recording_url"], trust_env=False).status_code == 503
    sandbox.fault("*", "status", times=None)
    assert httpx.get(recording["recording_url"], trust_env=False).status_code == 200


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(api, sandbox, status):
    sandbox.fault("ping", "answer", status=status, json={"ping": "pong"})
    sandbox.fault("ping", "status", status=status, body="html")
    for _ in range(2):
        answer = api.get("ping")
        assert (answer.status_code, answer.content) == (status, b"")


def test_a_header_can_be_replaced_or_removed_in_any_spelling(api, sandbox):
    sandbox.fault("ping", "changed", headers={"Date": "Mon, 01 Jan 2035 00:00:00 GMT", "X-ClickMeeting-Sandbox": ""})
    answer = api.get("ping")
    assert answer.headers.get_list("date") == ["Mon, 01 Jan 2035 00:00:00 GMT"]
    assert "x-clickmeeting-sandbox" not in answer.headers


def test_a_changed_header_is_that_of_one_response(api, sandbox, finished):
    path = f"conferences/{finished[0]}/sessions/{finished[1]}/attendees"
    sandbox.fault("list_session_attendees", "changed", headers={"X-Name": "value"})
    assert ["x-name" in api.get(path).headers for _ in range(2)] == [True, False]


def test_a_page_of_a_proxy_with_status_404(api, sandbox, room):
    sandbox.fault("delete_conference", "html404")
    answer = api.delete(f"conferences/{room}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>404 Not Found</h1><hr>nginx" in answer.text
    assert sandbox.state["counts"]["rooms"] == 1


@pytest.mark.parametrize(("shape", "body"), DENIALS.items())
def test_a_denial_with_status_200(api, sandbox, room, shape, body):
    sandbox.fault("delete_conference", "denied", shape=shape)
    answer = api.delete(f"conferences/{room}")
    assert (answer.status_code, answer.json()) == (200, body)
    assert sandbox.state["counts"]["rooms"] == 1


def test_a_denial_says_error_by_default(api, sandbox):
    sandbox.fault("ping", "denied")
    assert api.get("ping").json() == {"result": "ERROR"}


@pytest.mark.parametrize("seconds", [40 * 86400, -3600.5])
def test_a_skewed_clock_does_not_say_that_it_is_a_sandbox(api, sandbox, seconds):
    sandbox.set_speed(0)
    sandbox.fault("ping", "clock_skew", seconds=seconds)
    skewed, right = (api.get("ping") for _ in range(2))
    assert skewed.json() == right.json()
    (date,) = skewed.headers.get_list("date")
    assert parsedate_to_datetime(date) == (sandbox.now + timedelta(seconds=seconds)).replace(microsecond=0)
    assert "x-clickmeeting-sandbox" not in skewed.headers
    assert parsedate_to_datetime(right.headers["date"]) == sandbox.now.replace(microsecond=0)
    assert right.headers["x-clickmeeting-sandbox"] == "1"


def test_a_response_about_another_object(api, sandbox, finished):
    room, session = finished
    for path, operation, wrong in (
        (f"conferences/{room}", "get_conference", lambda data: data["conference"]["id"]),
        ("conferences/inactive", "list_conferences", lambda data: data[0]["id"]),
        ("conferences/recordings", "list_all_recordings", lambda data: data[0]["conference_id"]),
    ):
        sandbox.fault(operation, "wrong_id")
        changed, right = (api.get(path).json() for _ in range(2))
        assert (wrong(changed), wrong(right)) == (room + 1, room)
    sandbox.fault("list_sessions", "wrong_id")
    listed = api.get(f"conferences/{room}/sessions").json()
    assert [one["id"] for one in listed] == [session + 1]
    sandbox.switch(room_answer="flat")
    sandbox.fault("get_conference", "wrong_id")
    assert api.get(f"conferences/{room}").json()["id"] == room + 1


def test_a_part_that_nobody_asked_for(api, sandbox, finished):
    url = api.get("conferences/recordings").json()[0]["recording_url"]
    content = b"".join(recording_bytes(api.get("conferences/recordings").json()[0]["id"], 0, 3_000_000))
    sandbox.fault("media", "unasked_206")
    part = httpx.get(url, trust_env=False)
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 0-1499999/3000000")
    assert part.content == content[:1_500_000]
    sandbox.fault("media", "unasked_206")
    asked = httpx.get(url, headers={"Range": "bytes=10-19"}, trust_env=False)
    assert (asked.status_code, asked.content) == (206, content[10:20])
    sandbox.fault("ping", "unasked_206")
    assert api.get("ping").headers["content-range"] == "bytes 0-7/16"
    sandbox.fault("list_session_attendees", "unasked_206")
    attendees = api.get(f"conferences/{finished[0]}/sessions/{finished[1]}/attendees")
    assert (attendees.headers["content-range"], len(attendees.content)) == ("bytes 0-511/*", 512)


def test_a_dripping_response_is_complete_in_the_end(api, sandbox):
    sandbox.fault("ping", "drip", seconds=0.02)
    before = time.monotonic()
    answer = api.get("ping")
    assert answer.json() == {"ping": "pong"}
    assert answer.headers["content-length"] == "16"
    assert time.monotonic() - before >= 15 * 0.02


def test_the_client_can_hang_up_on_a_dripping_response(api, sandbox, finished):
    sandbox.fault("media", "drip", seconds=0.001)
    url = api.get("conferences/recordings").json()[0]["recording_url"]
    with httpx.stream("GET", url, trust_env=False) as answer:
        assert len(next(answer.iter_raw(1))) == 1
    assert api.get("ping").status_code == 200


@pytest.mark.parametrize(
    ("operation", "path"), [("ping", "ping"), ("list_session_attendees", "conferences/{}/sessions/{}/attendees")]
)
def test_a_bomb_is_a_valid_response_that_grows_when_it_is_decoded(api, sandbox, finished, operation, path):
    right = api.get(path.format(*finished)).json()
    sandbox.fault(operation, "bomb", size=3_000_000)
    sandbox.fault(operation, "bomb", size=3_000_000)
    answer = api.get(path.format(*finished))
    assert answer.headers["content-encoding"] == "gzip"
    assert (len(answer.content), answer.json()) == (3_000_000, right)
    with api.stream("GET", path.format(*finished)) as packed:
        assert sum(map(len, packed.iter_raw())) < 10_000


def test_an_endless_list_repeats_its_items(api, sandbox, finished):
    path = f"conferences/{finished[0]}/sessions/{finished[1]}/attendees"
    rows = api.get(path).json()
    sandbox.fault("list_session_attendees", "endless")
    text = start_of(api, path, 2_000_000)
    decode, position, read = json.JSONDecoder().raw_decode, 1, []
    for _ in range(1000):
        row, position = decode(text, position)
        read.append(row)
        assert text[position : position + 2] == ", "
        position += 2
    assert read == rows * 250


def test_an_endless_object_or_empty_list_does_not_close(api, sandbox):
    for operation, path, start in (("ping", "ping", '{"ping": "pong"'), ("list_chats", "chats", "[")):
        sandbox.fault(operation, "endless")
        text = start_of(api, path, 2_000_000)
        assert text.startswith(start)
        assert text[len(start) :].isspace()


def test_an_endless_file_waits_for_its_reader(api, sandbox, finished):
    recording = api.get("conferences/recordings").json()[0]
    sandbox.fault("media", "endless")
    with httpx.stream("GET", recording["recording_url"], trust_env=False) as answer:
        assert "content-length" not in answer.headers
        pieces = answer.iter_raw()
        assert len(next(pieces)) > 0
        assert api.get("ping").status_code == 200
        read = 0
        while read < 10_000_000:
            read += len(next(pieces))
    assert api.get("ping").status_code == 200


def start_of(api: httpx.Client, path: str, characters: int) -> str:
    """Read the beginning of a response, and hang up."""
    text = ""
    with api.stream("GET", path) as answer:
        assert "content-length" not in answer.headers
        for piece in answer.iter_text():
            text += piece
            if len(text) >= characters:
                return text
    raise AssertionError(f"The response ended after {len(text)} characters.")


def test_the_page_about_the_sandbox_names_every_fault_and_option():
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for kind, options in KINDS.items():
        assert [name for name in options if f"`{name}`" not in rows[kind]] == [], kind


def test_the_sandbox_can_deliver_every_kind_of_fault():
    assert sorted([*INSTEAD, *CHANGES, *AROUND]) == sorted(KINDS)
