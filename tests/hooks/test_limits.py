"""A response of any size, at any speed, and of any depth ends in an error that says what to do."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import UnexpectedAnswerError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

LIMIT = 1 << 20


def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_a_task(client, sandbox, connect):
    connect(sandbox, extra={"total_timeout": 0.4, "timeout": 60})
    sandbox.fault("list_timezones", "drip", seconds=0.05, times=None)
    with pytest.raises(
        UnexpectedAnswerError, match=r"did not end within 0\.4 s .* Raise total_timeout in the extra of conn"
    ):
        client.ask("list_timezones")
    assert sandbox.count("list_timezones") == 1


@pytest.mark.parametrize("fault", [{"kind": "bomb", "size": 64 << 20}, {"kind": "endless"}], ids=["bomb", "endless"])
def test_a_response_does_not_fill_the_memory(client, sandbox, connect, fault):
    connect(sandbox, extra={"max_response_size": LIMIT})
    sandbox.fault("list_conferences", times=None, **fault)
    with pytest.raises(UnexpectedAnswerError, match=f"more than {LIMIT} bytes, the limit .* Raise max_response_size"):
        client.ask("list_conferences")
    assert sandbox.count("list_conferences") == 1


def test_a_long_list_is_read_through_a_file_and_not_limited(sandbox, room, connect):
    start = sandbox.now - timedelta(hours=2)
    session_id = sandbox.play(room["id"], start=start, end=start + timedelta(hours=1), count=100)
    connect(sandbox, extra={"max_response_size": 1024})
    call = calls.list_session_attendees(room["id"], session_id)
    assert len(list(ClickMeetingHook().fetched(call)())) >= 100
    with pytest.raises(UnexpectedAnswerError, match="more than 1024 bytes"):
        ClickMeetingHook().run(call)


@pytest.mark.parametrize(
    "body",
    [
        {"code": "9" * 5000, "message": "no"},
        {"code": 10**300, "errors": []},
        {"code": -1, "name": "X"},
        {"code": True, "errors": [{"name": None, "message": None}]},
    ],
)
def test_an_odd_code_is_no_code(client, sandbox, body):
    sandbox.fault("ping", "answer", json=body, status=418)
    with pytest.raises(Exception, match="ping"):
        client.run(calls.ping())


@pytest.mark.parametrize(
    "header", ["9" * 400, "Fri, 31 Dec 999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "x"]
)
@pytest.mark.parametrize("name", ["Date", "Retry-After"])
def test_an_odd_time_in_a_header_is_ignored(client, sandbox, name, header):
    sandbox.fault("get_conference", "answer", json={"id": 7}, headers={name: header})
    assert client.ask("get_conference", 7) == {"id": 7}


def test_a_signed_link_is_in_no_debug_line(client, sandbox, caplog):
    with caplog.at_level(logging.DEBUG):
        client.run(Call("GET", "ping", query={"token": "SECRET-1", "st": "SECRET-2"}))
    # the sandbox runs in this process, and uvicorn logs for it
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    assert lines
    assert not any("SECRET" in line for line in lines)
