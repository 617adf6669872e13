"""Triggers that need the same response share one request, over real HTTP against the sandbox."""

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
from airflow_clickmeeting.waiting.conditions import FingerprintReader, fingerprint_rows
from airflow_clickmeeting.waiting.shared import RequestSharer, shared_requests

LATER = 60


@pytest.fixture
async def sharer(sandbox):
    with shared_requests("clickmeeting_default") as sharer:
        yield sharer


@pytest.fixture
def room(room_id):
    """Return the call for the room, each time a new object."""
    return lambda: calls.get_conference(room_id)


def waiting(sharer: RequestSharer, *requested, within: float = 0) -> asyncio.Future:
    """Let a trigger wait for the response to each call."""
    return asyncio.gather(*[sharer.next_response(call, within) for call in requested], return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the sharer notifies nobody
            await asyncio.sleep(0.005)


async def test_a_response_comes_with_clickmeetings_time(sharer, room, room_id, sandbox):
    response, now = await sharer.next_response(room())
    assert response["id"] == room_id
    assert abs((now - sandbox.now).total_seconds()) < 60


@pytest.mark.parametrize("crowd", [2, 50, 250])
async def test_who_waits_for_the_same_call_shares_one_request(sharer, room, sandbox, crowd):
    responses = await waiting(sharer, *[room() for _ in range(crowd)])
    assert len(responses) == crowd
    assert all(response == responses[0] for response in responses)
    assert sandbox.counts == {"get_conference": 1}


async def test_two_calls_are_two_requests(sharer, room, room_id, sandbox):
    other = calls.list_sessions(room_id)
    ((first, _), (second, _), *_) = await waiting(sharer, room(), other, room(), other)
    assert (first["id"], second) == (room_id, [])
    assert sandbox.counts == {"get_conference": 1, "list_sessions": 1}


async def test_a_call_and_its_fingerprint_are_two(sharer, room_id, session_id, sandbox):
    sandbox.set_time(sandbox.now.replace(hour=15))
    call = calls.list_session_attendees(room_id, session_id)
    ((rows, _), (read, _)) = await waiting(sharer, call, replace(call, read=FingerprintReader(call.read)))
    assert read == fingerprint_rows(rows)
    assert sandbox.counts == {"list_session_attendees": 2}


async def test_calls_for_two_rooms_are_two(sharer, room, sandbox):
    another = sandbox.add_room(name="Another")["id"]
    ((first, _), (second, _)) = await waiting(sharer, room(), calls.get_conference(another))
    assert [first["name"], second["name"]] == ["Talk", "Another"]


async def test_two_connections_share_nothing(sharer, room, connect, sandbox):
    with Sandbox(api_key="another") as elsewhere, shared_requests(connect(elsewhere, "second")) as second:
        ((response, _),) = await waiting(sharer, room())
        (failure,) = await waiting(second, room())
        assert response["name"] == "Talk"
        assert "'second'" in str(failure)
        assert (sandbox.count(), elsewhere.count()) == (1, 1)


async def test_the_first_that_is_due_sends_the_request_and_the_others_share_it(sharer, room, sandbox):
    others = waiting(sharer, room(), room(), within=LATER)
    await asyncio.sleep(0)
    await sharer.next_response(room())
    assert len(await others) == 2
    assert sandbox.count() == 1


async def test_who_comes_while_a_request_is_under_way_shares_it(sharer, room, sandbox):
    sandbox.switch(latency=0.2)
    early = waiting(sharer, room())
    await until(sandbox.count)
    await waiting(sharer, room())
    await early
    assert sandbox.count() == 1


async def test_who_is_due_while_the_crowd_is_woken_does_not_send_again(sharer, room, sandbox, mocker):
    sleep = asyncio.sleep

    async def hold_up(seconds: float) -> None:
        """Hold up the event loop, as a crowd of thousands does."""
        Event().wait(0.4)
        await sleep(seconds)

    mocker.patch.object(shared, "WAKE_BATCH", 1)
    crowd = [waiting(sharer, room(), within=within) for within in (0.3, 0.3, 0, 0.3, 0.3)]
    mocker.patch.object(shared, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": hold_up}))
    await asyncio.gather(*crowd)
    assert sandbox.count() == 1


async def test_who_comes_after_a_response_gets_a_new_one(sharer, room, sandbox):
    for number in (1, 2, 3):
        await sharer.next_response(room())
        assert sandbox.count() == number


async def test_a_failure_reaches_all_who_waited(sharer, room, sandbox):
    sandbox.fault("get_conference", "status", status=503)
    failures = await waiting(sharer, room(), room(), room())
    assert [type(failure) for failure in failures] == [ServerError] * 3
    assert sandbox.count() == 1


async def test_after_a_failure_the_next_response_is_a_new_one(sharer, room, room_id, sandbox):
    sandbox.fault("get_conference", "status", status=503)
    await waiting(sharer, room())
    response, _ = await sharer.next_response(room())
    assert response["id"] == room_id


async def test_a_key_that_was_corrected_meanwhile_is_used(sharer, room, room_id, connect, sandbox):
    connect(sandbox, password="not-the-key")
    with pytest.raises(AuthenticationError):
        await sharer.next_response(room())
    connect(sandbox)
    response, _ = await sharer.next_response(room())
    assert response["id"] == room_id


class TestTheRoomThatLogsName:
    async def test_one_request_serves_all_sensors_of_the_room(self, sharer, room, sandbox):
        plans = await asyncio.gather(*[sharer.room_plan(room()) for _ in range(50)])
        assert {plan.name for plan in plans} == {"Talk"}
        assert all(plan is plans[0] for plan in plans), "which share the memory, too"
        assert (await sharer.room_plan(room())) is plans[0]
        assert sandbox.counts == {"get_conference": 1}

    async def test_it_is_forgotten_with_the_last_of_them(self, sharer, room, sandbox):
        plan = await sharer.room_plan(room())
        assert plan
        del plan
        assert not sharer._plans

    @pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "status", "status": 404}])
    async def test_a_failure_leaves_it_unknown(self, sharer, room, sandbox, fault):
        sandbox.fault("get_conference", **fault)
        assert (await sharer.room_plan(room())).name == ""
        assert (await sharer.room_plan(room())).name == "Talk"

    async def test_it_is_not_waited_for_long(self, sharer, room, sandbox, mocker):
        mocker.patch.object(shared, "ROOM_TIMEOUT", 0.05)
        sandbox.fault("get_conference", "hang", seconds=3600)
        assert (await sharer.room_plan(room())).name == ""


class TestWhoGoes:
    """Triggers are cancelled when their task is cleared, or the triggerer stops."""

    async def test_no_request_is_sent_for_nobody(self, sharer, room, sandbox):
        alone = waiting(sharer, room(), within=0.05)
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.sleep(0.2)
        assert sandbox.count() == 0
        assert not sharer._pending

    async def test_the_others_get_their_response(self, sharer, room, sandbox):
        going = waiting(sharer, room(), within=LATER)
        staying = waiting(sharer, room(), within=0.1)
        await asyncio.sleep(0)
        going.cancel()
        ((response, _),) = await staying
        assert response["name"] == "Talk"
        assert sandbox.count() == 1

    async def test_the_others_get_their_response_though_the_sender_went(self, sharer, room, sandbox):
        sandbox.switch(latency=0.2)
        going = waiting(sharer, room())
        staying = waiting(sharer, room(), within=LATER)
        await until(sandbox.count)
        going.cancel()
        ((response, _),) = await staying
        assert response["name"] == "Talk"
        assert sandbox.count() == 1

    async def test_a_request_that_nobody_waits_for_any_more_leaves_nothing_behind(self, sharer, room, sandbox):
        sandbox.switch(latency=0.2)
        alone = waiting(sharer, room())
        await until(sandbox.count)
        alone.cancel()
        await until(lambda: not sharer._pending)
        assert sandbox.count() == 1

    async def test_the_others_get_their_response_though_some_go_while_it_is_handed_out(self, sharer, room, sandbox):
        crowd = [asyncio.create_task(sharer.next_response(room())) for _ in range(10 * shared.WAKE_BATCH)]
        await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
        going, staying = crowd[::2], crowd[1::2]
        gone = [task.cancel() for task in going]
        responses = await asyncio.gather(*staying)
        assert any(gone)
        assert len(responses) == len(staying)
        assert sandbox.count() == 1

    async def test_a_response_leaves_nothing_behind(self, sharer, room):
        await waiting(sharer, room(), room())
        assert not sharer._pending

    async def test_the_sharer_goes_with_its_last_user(self, sandbox):
        sharers = shared._sharers.setdefault(asyncio.get_running_loop(), {})
        with ExitStack() as last:
            with shared_requests("clickmeeting_default") as first:
                assert last.enter_context(shared_requests("clickmeeting_default")) is first
            assert sharers == {"clickmeeting_default": first}
        assert sharers == {}

    async def test_the_sharer_goes_with_a_user_who_failed(self, sandbox):
        with pytest.raises(KeyError), shared_requests("clickmeeting_default"):
            raise KeyError
        assert shared._sharers[asyncio.get_running_loop()] == {}


def test_each_event_loop_has_a_sharer_of_its_own(sandbox):
    async def sharer() -> RequestSharer:
        with shared_requests("clickmeeting_default") as sharer:
            return sharer

    assert asyncio.run(sharer()) is not asyncio.run(sharer())
