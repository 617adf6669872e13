"""Lists that are fetched by several threads, and read later: `fetched` answers as `run` does."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
)
from airflow_clickmeeting.hooks import clickmeeting

COUNT = 40


@pytest.fixture
def session(sandbox, room) -> tuple[int, int]:
    start = sandbox.now - timedelta(hours=2)
    return room["id"], sandbox.play(room["id"], start=start, end=start + timedelta(hours=1), count=COUNT)


@pytest.fixture(params=["whole", "long"])
def length(request, mocker):
    """Have every list kept whole, or taken for a long one that lies in a file."""
    if request.param == "long":
        mocker.patch.object(clickmeeting, "MAX_IN_MEMORY", 1000)
        mocker.patch.object(clickmeeting, "PARSED_AT_ONCE", 7)


@pytest.mark.usefixtures("length")
def test_the_items_are_those_that_run_returns_and_can_be_had_again(hook, session):
    call = calls.list_session_attendees(*session)
    items = hook.fetched(call)
    assert list(items()) == list(items()) == hook.run(call)


def test_a_long_list_is_not_parsed_whole(hook, sandbox, room):
    start = sandbox.now - timedelta(hours=2)
    session_id = sandbox.play(room["id"], start=start, end=start + timedelta(hours=1), count=10_000)
    items = hook.fetched(calls.list_session_attendees(room["id"], session_id))
    tracemalloc.start()
    assert sum(1 for _ in items()) == 11_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("position", ["empty", "error200", "404"])
def test_a_room_without_recordings_has_an_empty_list(hook, sandbox, room, position):
    sandbox.switch(no_recordings=position)
    assert list(hook.fetched(calls.list_recordings(room["id"]))()) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "error200"}, NotFoundError),
        ({"kind": "html"}, UnexpectedAnswerError),
        ({"kind": "empty"}, UnexpectedAnswerError),
        ({"kind": "status", "status": 500}, ServerError),
        ({"kind": "429", "retry_after": 3600}, RateLimitedError),
    ],
)
def test_what_is_no_list_is_told_at_once(hook, sandbox, session, fault, error):
    sandbox.fault("list_session_attendees", **fault)
    with pytest.raises(error):
        hook.fetched(calls.list_session_attendees(*session))


@pytest.mark.parametrize(
    "fault", [{"kind": "429"}, {"kind": "status", "status": 503}, {"kind": "cut"}, {"kind": "reset"}]
)
def test_it_is_asked_for_again_where_that_may_help(hook, sandbox, session, fault):
    sandbox.fault("list_session_attendees", **fault)
    assert len(list(hook.fetched(calls.list_session_attendees(*session))())) == COUNT + COUNT // 10
    assert sandbox.count("list_session_attendees") == 2


@pytest.mark.parametrize("kept", ["whole", "long"])
def test_items_of_another_shape_are_told_when_they_are_read(hook, sandbox, session, mocker, kept):
    mocker.patch.object(clickmeeting, "MAX_IN_MEMORY", 1000 if kept == "long" else 1 << 20)
    call = calls.list_session_attendees(*session)

    def bad_argument(items):
        raise ParseError("no uid")

    object.__setattr__(call, "read", bad_argument)
    items = hook.fetched(call)
    with pytest.raises(UnexpectedAnswerError, match="list_session_attendees: no uid"):
        list(items())


def test_threads_share_a_hook_and_each_has_a_connection(hook, sandbox, session, caplog):
    hook.get_conn()
    with ThreadPoolExecutor(16) as pool:
        fetched = list(pool.map(hook.fetched, [calls.list_session_attendees(*session)] * 64))
    assert {len(list(items())) for items in fetched} == {COUNT + COUNT // 10}
    assert sandbox.count("list_session_attendees") == 64
    assert "Connection pool is full" not in caplog.text


def test_an_error_does_not_show_the_key(hook, sandbox, session):
    sandbox.fault("list_session_attendees", "html")
    with pytest.raises(ClickMeetingError) as error:
        hook.fetched(calls.list_session_attendees(*session))
    assert hook.settings.key not in str(error.value)
