"""Shared streams and the asset state store of Airflow 3.3: a cursor is stored once Airflow holds the events."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import AssetStateStoreAccessors
from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

from airflow_clickmeeting.triggers.events import clickmeeting_asset
from airflow_clickmeeting.triggers.feeds import FailedPoll, Snapshot
from airflow_clickmeeting.triggers.shared_stream import SnapshotProducer

from .test_events import ONE_EACH

HOUR = timedelta(hours=1)
STARTED = "session_started"


@pytest.fixture
def triggerer(sharing_triggerer):
    return sharing_triggerer


@pytest.fixture
def asset():
    return clickmeeting_asset(STARTED)


@pytest.fixture
def room_id(account):
    return account.open_room()


@pytest.fixture
def start(sandbox, room_id):
    """Let a session start, and return the id of its event."""

    def start():
        sandbox.advance(HOUR)
        return f"{STARTED}-{room_id}-{sandbox.play(room_id, start=sandbox.now)}"

    return start


def ids(reported):
    return [each["id"] for each in reported]


class TestSharing:
    async def test_watchers_of_the_same_sessions_share_every_request_and_each_gets_every_event(
        self, triggerer, sandbox, asset, start
    ):
        watches = await triggerer.watch(
            asset, clickmeeting_asset(STARTED, name="mine"), clickmeeting_asset("session_ended")
        )
        event = start()
        sandbox.advance(2 * HOUR)
        first, second, ended = await asyncio.gather(*(watch.reports(1) for watch in watches))
        assert ids(first) == ids(second) == [event]
        assert ids(ended) == [event.replace("started", "ended")]
        sandbox.forget_requests()
        await watches[0].polled(10)
        requests = sandbox.counts
        assert requests.keys() == {"list_conferences", "list_sessions"}
        assert max(requests.values()) <= 12

    async def test_those_who_wait_for_the_same_attendee_list_share_it_too(self, triggerer, sandbox, account, room_id):
        sandbox.switch(latency=0.05)
        watches = await triggerer.watch(*(clickmeeting_asset("session_ended", name=name) for name in "ab"))
        await account.everything_happens(room_id)
        await asyncio.gather(*(watch.reports(1) for watch in watches))
        assert sandbox.count("list_session_attendees") == 2

    @pytest.mark.parametrize(
        "other",
        [
            {"event": "registration"},
            {"clickmeeting_conn_id": "other"},
            {"room_id": 1},
            {"interval": 30},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_watchers_of_something_else_or_with_another_interval_do_not(self, other):
        trigger, differs = (clickmeeting_asset(**{"event": STARTED} | more).watchers[0].trigger for more in ({}, other))
        assert trigger.shared_stream_key() != differs.shared_stream_key()

    async def test_who_comes_later_begins_later(self, triggerer, asset, start):
        early = await triggerer.watch(asset)
        first = start()
        await early.reports(1)
        late = await triggerer.watch(clickmeeting_asset(STARTED, name="late"))
        second = start()
        assert ids(await early.reports(2)) == [first, second]
        assert ids(await late.reports(1)) == [second]


class TestRestart:
    @pytest.mark.parametrize("event", ONE_EACH)
    async def test_what_happens_while_nobody_watches_is_reported_afterwards(
        self, event, triggerer, account, room_id, eventually
    ):
        await account.everything_happens(room_id)
        asset = clickmeeting_asset(event)
        await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        await triggerer.restart()
        missed = account.open_room()
        await account.everything_happens(missed)
        watch = await triggerer.watch(asset)
        assert [each["room_id"] for each in await watch.reports(1)] == [missed]

    async def test_a_session_that_ends_and_whose_room_is_closed_meanwhile_is_reported(
        self, triggerer, sandbox, account, eventually
    ):
        room_id = account.room_that_starts(sandbox.now + HOUR)
        asset = clickmeeting_asset("session_ended")
        watch = await triggerer.watch(asset)
        sandbox.advance(HOUR)
        await watch.polled()
        await eventually(lambda: triggerer.states.writes)
        await triggerer.restart()
        sandbox.advance(48 * HOUR)
        watch = await triggerer.watch(asset)
        assert [each["room_id"] for each in await watch.reports(1)] == [room_id]

    async def test_reported_events_are_not_reported_again(self, triggerer, asset, start, eventually):
        watch = await triggerer.watch(asset)
        event = start()
        await watch.reports(1)
        await eventually(lambda: triggerer.states.reported(asset) == [event])
        await triggerer.restart()
        watch = await triggerer.watch(asset)
        assert await watch.reports(0) == []


class TestManyRooms:
    async def test_a_kill_before_the_first_polls_have_reached_all_rooms_loses_and_invents_nothing(
        self, triggerer, sandbox, account, eventually, mocker
    ):
        mocker.patch("airflow_clickmeeting.triggers.feeds.MIN_ROOMS", 3)
        mocker.patch("airflow_clickmeeting.triggers.feeds.SessionFeed.max_requests", 0)
        rooms = [account.open_room() for _ in range(24)]
        for room_id in rooms:
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + HOUR / 2)
        sandbox.advance(HOUR)
        asset = clickmeeting_asset(STARTED)
        await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        await triggerer.restart()
        sandbox.advance(HOUR)
        for room_id in rooms:
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + HOUR / 2)
        sandbox.set_speed(600)
        watch = await triggerer.watch(asset)
        assert sorted(each["room_id"] for each in await watch.reports(24)) == rooms


class TestConfirming:
    async def test_the_beginning_is_written_down_at_once_and_nothing_more_while_nothing_happens(
        self, triggerer, asset, eventually
    ):
        watch = await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        await watch.polled(5)
        assert triggerer.states.writes == 1
        assert triggerer.states.reported(asset) == []

    async def test_an_event_counts_as_reported_once_airflow_holds_it(self, triggerer, asset, start, eventually):
        triggerer.confirming = False
        watch = await triggerer.watch(asset)
        event = start()
        await watch.reports(1)
        assert triggerer.states.reported(asset) == []
        triggerer.confirm()
        await eventually(lambda: triggerer.states.reported(asset) == [event])
        assert ids(await watch.reports(1)) == [event]

    async def test_a_kill_before_that_repeats_it_with_the_same_id(self, triggerer, asset, start, eventually):
        watch = await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        triggerer.confirming = False
        event = start()
        assert ids(await watch.reports(1)) == [event]
        await triggerer.restart()
        watch = await triggerer.watch(asset)
        assert ids(await watch.reports(1)) == [event]

    async def test_of_several_events_of_one_poll_all_must_be_held(self, triggerer, sandbox, asset, room_id, eventually):
        for minutes in (30, 60, 90):
            sandbox.play(room_id, start=sandbox.now + timedelta(minutes=minutes))
        watch = await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        triggerer.confirming = False
        sandbox.advance(2 * HOUR)
        events = ids(await watch.reports(3))
        triggerer.confirm(1)
        await watch.polled()
        assert triggerer.states.reported(asset) == []
        await triggerer.restart()
        watch = await triggerer.watch(asset)
        assert ids(await watch.reports(3)) == events

    async def test_events_that_come_meanwhile_wait_for_it_but_are_reported(self, triggerer, asset, start, eventually):
        triggerer.confirming = False
        watch = await triggerer.watch(asset)
        events = [start()]
        await watch.reports(1)
        events.append(start())
        assert ids(await watch.reports(2)) == events
        assert triggerer.states.reported(asset) == []
        triggerer.confirm()
        await eventually(lambda: triggerer.states.reported(asset) == events)

    async def test_every_asset_has_its_own_cursor(self, triggerer, asset, start, eventually):
        mine = clickmeeting_asset(STARTED, name="mine")
        watch = await triggerer.watch(asset)
        first = start()
        await watch.reports(1)
        await triggerer.watch(mine)
        second = start()
        await watch.reports(2)
        await eventually(lambda: triggerer.states.reported(asset) == [first, second])
        await eventually(lambda: second in triggerer.states.reported(mine))

    async def test_nothing_is_written_down_of_a_poll_whose_events_airflow_does_not_hold(self):
        written = []

        async def store():
            written.append(snapshot)

        snapshot = Snapshot(None, {}, {}, [store])
        producer = SnapshotProducer(None)
        await producer.advance([AdvanceItem(snapshot, AdvanceOutcome(acked=1, failed=1))])
        assert written == []
        await producer.advance([AdvanceItem(snapshot, AdvanceOutcome(acked=2, failed=0))])
        assert written == [snapshot]

    async def test_nor_of_a_poll_that_failed(self):
        await SnapshotProducer(None).advance(
            [AdvanceItem(FailedPoll(1, "No connection."), AdvanceOutcome(acked=1, failed=0))]
        )


class TestStore:
    async def test_one_that_fails_to_write_is_written_to_with_the_next_poll(
        self, triggerer, asset, start, eventually, caplog
    ):
        watch = await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        triggerer.states.failures = 1
        event = start()
        await eventually(lambda: triggerer.states.reported(asset) == [event])
        assert "Storing a cursor failed; the next attempt follows the next poll" in caplog.text
        assert ids(await watch.reports(1)) == [event]

    async def test_one_that_fails_to_read_is_read_again_before_anything_is_reported(
        self, triggerer, asset, start, eventually
    ):
        await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes)
        await triggerer.restart()
        event = start()
        triggerer.states.failures = 2
        watch = await triggerer.watch(asset)
        assert ids(await watch.reports(1)) == [event]

    def test_airflows_own_knows_the_asset_by_the_name_in_the_watchers_arguments(self, asset):
        trigger = asset.watchers[0].trigger
        _, arguments = trigger.serialize()
        watched = AssetStateStoreAccessors(inlets=[Asset(name=asset.name, uri=asset.uri)])
        trigger.asset_state_store = watched
        assert trigger._store == watched[asset]
        assert arguments["asset_name"] == asset.name
