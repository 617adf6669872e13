"""Triggers that want to know the same ask once: the board, over real HTTP against the sandbox."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.exceptions import AuthenticationError, ServerError
from airflow_clickmeeting.sandbox.handle import Sandbox
from airflow_clickmeeting.waiting import shared
from airflow_clickmeeting.waiting.conditions import Fingerprint, fingerprint_of_rows
from airflow_clickmeeting.waiting.shared import RequestSharer, shared_requests

LATER = 60


@pytest.fixture
async def board(sandbox):
    with shared_requests("clickmeeting_default") as board:
        yield board


@pytest.fixture
def room(room_id):
    """Ask for the room; each call is built anew."""
    return lambda: calls.get_conference(room_id)


def waiting(board: RequestSharer, *asked, within: float = 0) -> asyncio.Future:
    """Let somebody wait for the answer to each of some calls."""
    return asyncio.gather(*[board.next_response(call, within) for call in asked], return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the board announces nothing
            await asyncio.sleep(0.005)


async def test_an_answer_comes_with_clickmeetings_time(board, room, room_id, sandbox):
    answer, now = await board.next_response(room())
    assert answer["id"] == room_id
    assert abs((now - sandbox.now).total_seconds()) < 60


@pytest.mark.parametrize("crowd", [2, 50, 250])
async def test_who_waits_for_the_same_call_shares_one_request(board, room, sandbox, crowd):
    answers = await waiting(board, *[room() for _ in range(crowd)])
    assert len(answers) == crowd
    assert all(answer == answers[0] for answer in answers)
    assert sandbox.counts == {"get_conference": 1}


async def test_two_calls_are_two_requests(board, room, room_id, sandbox):
    other = calls.list_sessions(room_id)
    ((first, _), (second, _), *_) = await waiting(board, room(), other, room(), other)
    assert (first["id"], second) == (room_id, [])
    assert sandbox.counts == {"get_conference": 1, "list_sessions": 1}


async def test_a_call_and_its_fingerprint_are_two(board, room_id, session_id, sandbox):
    sandbox.set_time(sandbox.now.replace(hour=15))
    call = calls.list_session_attendees(room_id, session_id)
    ((rows, _), (read, _)) = await waiting(board, call, replace(call, read=Fingerprint(call.read)))
    assert read == fingerprint_of_rows(rows)
    assert sandbox.counts == {"list_session_attendees": 2}


async def test_calls_that_ask_of_two_rooms_are_two(board, room, sandbox):
    another = sandbox.add_room(name="Another")["id"]
    ((first, _), (second, _)) = await waiting(board, room(), calls.get_conference(another))
    assert [first["name"], second["name"]] == ["Talk", "Another"]


async def test_two_connections_share_nothing(board, room, connect, sandbox):
    with Sandbox(api_key="another") as elsewhere, shared_requests(connect(elsewhere, "second")) as second:
        ((answer, _),) = await waiting(board, room())
        (failure,) = await waiting(second, room())
        assert answer["name"] == "Talk"
        assert "'second'" in str(failure)
        assert (sandbox.count(), elsewhere.count()) == (1, 1)


async def test_the_first_who_must_know_asks_and_the_others_take_it(board, room, sandbox):
    patient = waiting(board, room(), room(), within=LATER)
    await asyncio.sleep(0)
    await board.next_response(room())
    assert len(await patient) == 2
    assert sandbox.count() == 1


async def test_who_comes_while_a_request_is_under_way_shares_it(board, room, sandbox):
    sandbox.switch(latency=0.2)
    early = waiting(board, room())
    await until(sandbox.count)
    await waiting(board, room())
    await early
    assert sandbox.count() == 1


async def test_who_is_due_while_the_crowd_is_woken_does_not_ask_again(board, room, sandbox, monkeypatch):
    sleep = asyncio.sleep

    async def hold_up(seconds: float) -> None:
        """Hold up the event loop, as a crowd of thousands does."""
        Event().wait(0.4)
        await sleep(seconds)

    monkeypatch.setattr(shared, "CROWD", 1)
    crowd = [waiting(board, room(), within=within) for within in (0.3, 0.3, 0, 0.3, 0.3)]
    monkeypatch.setattr(shared, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": hold_up}))
    await asyncio.gather(*crowd)
    assert sandbox.count() == 1


async def test_who_comes_after_an_answer_gets_a_new_one(board, room, sandbox):
    for asked in (1, 2, 3):
        await board.next_response(room())
        assert sandbox.count() == asked


async def test_a_failure_reaches_all_who_waited(board, room, sandbox):
    sandbox.fault("get_conference", "status", status=503)
    failures = await waiting(board, room(), room(), room())
    assert [type(failure) for failure in failures] == [ServerError] * 3
    assert sandbox.count() == 1


async def test_after_a_failure_the_next_answer_is_a_new_one(board, room, room_id, sandbox):
    sandbox.fault("get_conference", "status", status=503)
    await waiting(board, room())
    answer, _ = await board.next_response(room())
    assert answer["id"] == room_id


async def test_a_key_that_was_mended_meanwhile_is_used(board, room, room_id, connect, sandbox):
    connect(sandbox, password="not-the-key")
    with pytest.raises(AuthenticationError):
        await board.next_response(room())
    connect(sandbox)
    answer, _ = await board.next_response(room())
    assert answer["id"] == room_id


class TestWhoGoes:
    """Triggers are cancelled when their task is cleared, or the triggerer stops."""

    async def test_nothing_is_asked_for_nobody(self, board, room, sandbox):
        alone = waiting(board, room(), within=0.05)
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.sleep(0.2)
        assert sandbox.count() == 0
        assert not board._questions

    async def test_the_others_get_their_answer(self, board, room, sandbox):
        going = waiting(board, room(), within=LATER)
        staying = waiting(board, room(), within=0.1)
        await asyncio.sleep(0)
        going.cancel()
        ((answer, _),) = await staying
        assert answer["name"] == "Talk"
        assert sandbox.count() == 1

    async def test_the_others_get_their_answer_though_it_was_asked_by_who_went(self, board, room, sandbox):
        sandbox.switch(latency=0.2)
        going = waiting(board, room())
        staying = waiting(board, room(), within=LATER)
        await until(sandbox.count)
        going.cancel()
        ((answer, _),) = await staying
        assert answer["name"] == "Talk"
        assert sandbox.count() == 1

    async def test_a_request_that_nobody_waits_for_any_more_leaves_nothing_behind(self, board, room, sandbox):
        sandbox.switch(latency=0.2)
        alone = waiting(board, room())
        await until(sandbox.count)
        alone.cancel()
        await until(lambda: not board._questions)
        assert sandbox.count() == 1

    async def test_the_others_get_their_answer_though_some_go_while_it_is_handed_out(self, board, room, sandbox):
        crowd = [asyncio.create_task(board.next_response(room())) for _ in range(10 * shared.CROWD)]
        await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
        going, staying = crowd[::2], crowd[1::2]
        gone = [task.cancel() for task in going]
        answers = await asyncio.gather(*staying)
        assert any(gone)
        assert len(answers) == len(staying)
        assert sandbox.count() == 1

    async def test_an_answer_leaves_nothing_behind(self, board, room):
        await waiting(board, room(), room())
        assert not board._questions

    async def test_the_board_goes_with_its_last_user(self, sandbox):
        boards = shared._sharers.setdefault(asyncio.get_running_loop(), {})
        with ExitStack() as last:
            with shared_requests("clickmeeting_default") as first:
                assert last.enter_context(shared_requests("clickmeeting_default")) is first
            assert boards == {"clickmeeting_default": first}
        assert boards == {}

    async def test_the_board_goes_with_a_user_who_failed(self, sandbox):
        with pytest.raises(KeyError), shared_requests("clickmeeting_default"):
            raise KeyError
        assert shared._sharers[asyncio.get_running_loop()] == {}


def test_each_event_loop_has_a_board_of_its_own(sandbox):
    async def board() -> RequestSharer:
        with shared_requests("clickmeeting_default") as board:
            return board

    assert asyncio.run(board()) is not asyncio.run(board())
