"""Tests of ordered faults, from the side of the client."""

from __future__ import annotations

import threading
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from airflow_clickmeeting.sandbox.fault_delivery import _AROUND, _INSTEAD
from airflow_clickmeeting.sandbox.faults import KINDS

NEW = {"name": "Plan", "room_type": "webinar", "permanent_room": "1", "access_type": "1"}


def test_the_error_for_an_unknown_fault_names_the_known_ones(sandbox):
    with pytest.raises(ValueError, match=r"The fault 'boom' does not exist\. Use one of: 429, "):
        sandbox.fault("ping", "boom")
    with pytest.raises(ValueError, match=r"The operation 'pong' does not exist\. Use one of: "):
        sandbox.fault("pong", "reset")
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


def test_the_sandbox_can_deliver_every_kind_of_fault():
    assert _INSTEAD.keys() | _AROUND.keys() == KINDS.keys()
    assert not _INSTEAD.keys() & _AROUND.keys()
