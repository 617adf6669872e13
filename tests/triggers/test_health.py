"""The health of watchers in Airflow's asset state store and in metrics, for which no watcher waits."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowNotFoundException
from airflow_clickmeeting.exceptions import CLEAR, ForbiddenError, ServerError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers import health
from airflow_clickmeeting.triggers.events import clickmeeting_asset
from airflow_clickmeeting.triggers.feeds import Snapshot
from airflow_clickmeeting.triggers.health import KEY, Health, explain

from .conftest import INTERVAL, SHARES, States, until

NAME = "clickmeeting_default/session_started"
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CHANGE_KEY = "Change the key in connection 'clickmeeting_default'; the watcher then goes on by itself."

needs_store = pytest.mark.skipif(not SHARES, reason="Airflow before 3.3 has no asset state store")


@pytest.fixture
def states():
    return States()


@pytest.fixture
def clock(mocker):
    """A clock that the test moves: `clock.now` in seconds."""
    clock = SimpleNamespace(now=0.0)
    mocker.patch("airflow_clickmeeting.triggers.health.monotonic", side_effect=lambda: clock.now)
    return clock


@pytest.fixture
def written(states):
    return states.health[NAME]


@pytest.fixture
def reporter(states, clock):
    with Health(NAME, 60, states.of(NAME)) as reporter:
        yield reporter


def last_of(triggerer, asset):
    """Return what was written last as the health of an asset."""
    nothing = {"polled_at": None, "failures_in_a_row": 0, "error": None}
    return (triggerer.states.health[asset.name] or [nothing])[-1]


async def settle():
    """Let a write that nothing holds up end."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestWriting:
    async def test_the_first_poll_is_written_at_once(self, reporter, written):
        before = datetime.now(UTC).replace(microsecond=0)
        reporter.polled()
        await settle()
        ((polled_at, value),) = [(each.pop("polled_at"), each) for each in written]
        assert value == {"failures_in_a_row": 0, "error": None, "interval": 60}
        assert polled_at.endswith("+00:00")
        assert before <= datetime.fromisoformat(polled_at) <= datetime.now(UTC)

    @pytest.mark.parametrize(("interval", "most"), [(5, 60), (54, 40), (60, 60), (66, 60)])
    async def test_in_a_quiet_hour_it_is_written_once_a_minute_at_most(self, reporter, clock, written, interval, most):
        for second in range(0, 3600, interval):
            clock.now = second
            reporter.polled()
            await settle()
        assert 3600 / (2 * interval + 60) < len(written) <= most

    async def test_failures_and_the_recovery_are_written_at_once(self, reporter, written):
        reporter.polled()
        await settle()
        for failures in (1, 2):
            reporter.failed(failures, "No connection.")
            await settle()
        reporter.polled()
        await settle()
        seen = [(each["failures_in_a_row"], each["error"]) for each in written]
        assert seen == [(0, None), (1, "No connection."), (2, "No connection."), (0, None)]
        assert written[2]["polled_at"] == written[0]["polled_at"]

    async def test_what_a_poll_left_out_is_an_error_without_a_failure(self, reporter, written):
        reporter.polled(["Room 1 failed."])
        await settle()
        reporter.polled(["Room 1 failed.", "Room 2 failed.", "Room 3 failed."])
        await settle()
        assert [(each["failures_in_a_row"], each["error"]) for each in written] == [
            (0, "Room 1 failed."),
            (0, "Room 1 failed. And 2 more: see the triggerer's log."),
        ]

    @pytest.mark.parametrize("stored", [None, "edited by hand", {}])
    async def test_without_any_success_there_is_no_time_of_one(self, reporter, states, written, stored):
        if stored is not None:
            states.rows[NAME, KEY] = json.dumps(stored)
        reporter.failed(1, "No connection.")
        await settle()
        assert [each["polled_at"] for each in written] == [None]

    async def test_the_last_success_outlives_a_restart(self, states, clock, written):
        with Health(NAME, 60, states.of(NAME)) as reporter:
            reporter.polled()
            await settle()
        with Health(NAME, 60, states.of(NAME)) as reporter:
            reporter.failed(1, "No connection.")
            await settle()
        assert written[1] == {**written[0], "failures_in_a_row": 1, "error": "No connection."}


class TestStore:
    async def test_while_one_does_not_answer_a_single_write_waits_and_the_latest_news_follow(
        self, reporter, states, written
    ):
        states.accepts_health.clear()
        for failures in range(1, 20):
            reporter.failed(failures, "No connection.")
            await settle()
        assert states.health_requests == 1
        states.accepts_health.set()
        await settle()
        assert [each["failures_in_a_row"] for each in written] == [1, 19]

    async def test_one_that_never_answers_is_given_up_and_tried_again_with_the_next_poll(
        self, reporter, states, written, mocker, caplog
    ):
        mocker.patch.object(health, "WRITE_TIMEOUT", 0.01)
        states.accepts_health.clear()
        reporter.polled()
        await until(lambda: "Storing the health of asset clickmeeting_default/session_started failed" in caplog.text)
        states.accepts_health.set()
        reporter.polled()
        await settle()
        assert len(written) == 1

    async def test_one_that_refuses_is_logged_once_until_it_accepts_again(self, reporter, states, written, caplog):
        for refuses in (True, True, True, False, True, True):
            states.refuses_health = refuses
            reporter.failed(len(caplog.records) + 1, "No connection.")
            reporter.polled()
            reporter.failed(states.health_requests + 1, "No connection.")
            await settle()
        assert [each.levelname for each in caplog.records] == ["WARNING", "WARNING"]
        assert caplog.records[0].getMessage() == (
            "Storing the health of asset clickmeeting_default/session_started failed; it is tried again: "
            "ConnectionError: The API server is not there."
        )

    async def test_none_is_needed(self, clock, written):
        with Health(NAME, 60, None) as reporter:
            reporter.polled()
            reporter.failed(1, "No connection.")
            await settle()
        assert written == []


class TestMetrics:
    @pytest.fixture
    def stats(self, mocker):
        return mocker.patch("airflow_clickmeeting.compat.Stats")

    def sent(self, stats):
        return [(call.args[0], call.args[1]) for call in stats.gauge.call_args_list]

    async def test_are_the_time_of_the_last_success_and_the_failures_in_a_row(self, stats):
        with Health("clickmeeting_default/session_ended/Weekly. ü*", 60, None) as reporter:
            reporter.polled()
            reporter.failed(1, "No connection.")
        prefix = "clickmeeting.watcher.clickmeeting_default_session_ended_Weekly____"
        (first, at), *others = self.sent(stats)
        assert first == f"{prefix}.polled_at"
        assert abs(at - datetime.now(UTC).timestamp()) < 60
        assert others == [(f"{prefix}.failures_in_a_row", 0), (f"{prefix}.failures_in_a_row", 1)]

    async def test_that_cannot_be_sent_hold_up_nothing(self, stats, states, written):
        stats.gauge.side_effect = OSError("no such host")
        with Health(NAME, 60, states.of(NAME)) as reporter:
            reporter.polled()
            await settle()
        assert len(written) == 1


class TestExplaining:
    def test_an_error_ends_in_what_to_do(self):
        denied = ForbiddenError(ApiError("authentication", "Forbidden", 403), "list_sessions", "acme", "conferences/5")
        assert explain(denied) == (
            "list_sessions: Forbidden (conferences/5, connection 'acme'). Give the account of connection 'acme' the "
            "right or the higher limit, or change the key; the watcher then goes on by itself."
        )

    def test_what_a_retry_may_cure_says_nothing_of_tries(self):
        assert explain(ServerError(ApiError("server", "HTTP 503"), "ping", "acme")) == (
            "ping: HTTP 503 (connection 'acme'). Wait until ClickMeeting works again; "
            "the watcher then goes on by itself."
        )

    def test_a_connection_that_is_not_there_needs_no_cleared_task(self):
        error = AirflowNotFoundException(f"There is no connection. Create it, {CLEAR}")
        assert explain(error) == "There is no connection. Create it. The watcher then goes on by itself."

    def test_a_bug_names_its_kind_and_the_log(self):
        assert explain(KeyError("id")) == "KeyError: 'id'. See the traceback in the triggerer's log."

    def test_no_secret_and_no_address_is_shown_and_long_ones_are_cut(self):
        error = ValueError(f"ada@example.com has the key {'a1' * 20} {'x' * 2000}.")
        text = explain(error)
        assert text.startswith("*** has the key *** x")
        assert text.endswith("x [...]. The watcher then goes on by itself.")
        assert len(text) < 700


@needs_store
class TestWatchers:
    """What stands in the store of each watcher's asset."""

    @pytest.fixture
    def triggerer(self, sharing_triggerer):
        return sharing_triggerer

    @pytest.fixture
    def last(self, triggerer):
        """Return what was written last as the health of an asset."""
        return lambda asset: last_of(triggerer, asset)

    async def test_each_that_shares_a_poll_writes_that_of_its_own_asset(
        self, triggerer, sandbox, account, last, eventually
    ):
        account.open_room()
        assets = [clickmeeting_asset("session_started"), clickmeeting_asset("session_ended")]
        await triggerer.watch(*assets)
        sandbox.fault("*", "status", status=503, times=None)
        for asset in assets:
            await eventually(lambda asset=asset: last(asset)["failures_in_a_row"] >= 2)
        requests = sandbox.counts
        for asset in assets:
            assert last(asset).keys() == {"polled_at", "failures_in_a_row", "error", "interval"}
            assert last(asset)["polled_at"]
            assert last(asset)["interval"] == INTERVAL
            assert last(asset)["error"].endswith(
                "Wait until ClickMeeting works again; the watcher then goes on by itself."
            )
        assert requests.keys() == {"list_conferences", "list_sessions"}

    async def test_many_quiet_polls_cost_one_write_of_each(self, triggerer, account, eventually, clock):
        account.open_room()
        assets = [clickmeeting_asset("session_started"), clickmeeting_asset("session_ended")]
        watches = await triggerer.watch(*assets)
        for minutes in (1, 2):
            await watches[0].polled(20)
            await eventually(lambda n=minutes: [len(triggerer.states.health[asset.name]) for asset in assets] == [n, n])
            clock.now += 60
        assert triggerer.states.writes == 2, "the cursors"

    async def test_a_wrong_key_is_shown_until_it_is_right(self, triggerer, sandbox, connect, last, eventually, caplog):
        connect(sandbox, password="not-the-key")
        asset = clickmeeting_asset("session_started")
        await triggerer.watch(asset, begun=False)
        await eventually(lambda: last(asset)["failures_in_a_row"] >= 2)
        error = last(asset)["error"]
        assert "Wrong API key" in error
        assert error.endswith(CHANGE_KEY)
        assert last(asset)["polled_at"] is None
        assert f": {error}" in caplog.text
        assert "not-the-key" not in caplog.text
        connect(sandbox)
        await eventually(lambda: last(asset)["polled_at"])
        assert (last(asset)["failures_in_a_row"], last(asset)["error"]) == (0, None)

    async def test_a_watcher_of_a_room_that_the_key_may_not_read_fails(
        self, triggerer, sandbox, account, last, eventually
    ):
        room_id = account.open_room()
        sandbox.fault("list_sessions", "status", status=403, times=None)
        asset = clickmeeting_asset("session_started", room_id=room_id)
        await triggerer.watch(asset, begun=False)
        await eventually(lambda: last(asset)["failures_in_a_row"] >= 2)
        assert f"conferences/{room_id}/sessions" in last(asset)["error"]
        assert "Give the account of connection 'clickmeeting_default' the right" in last(asset)["error"]

    async def test_a_watcher_of_a_room_that_is_deleted_fails_from_then_on(self, triggerer, account, last, eventually):
        room_id = account.open_room()
        asset = clickmeeting_asset("session_started", room_id=room_id)
        await triggerer.watch(asset)
        await ClickMeetingAsyncHook().delete_conference(room_id)
        await eventually(lambda: last(asset)["failures_in_a_row"] >= 3)
        assert "Correct the id, or use the connection of the account that has it" in last(asset)["error"]

    async def test_one_room_of_many_that_fails_is_an_error_and_no_failure(
        self, triggerer, sandbox, account, last, eventually, caplog
    ):
        for _ in range(3):
            account.open_room()
        asset = clickmeeting_asset("session_started")
        sandbox.fault("list_sessions", "status", status=403, times=1)
        watch = await triggerer.watch(asset)
        await eventually(lambda: last(asset)["error"])
        assert last(asset)["failures_in_a_row"] == 0
        assert "failed; the watcher skips it until the next poll: list_sessions" in last(asset)["error"]
        await watch.polled()
        await eventually(lambda: last(asset)["error"] is None)

    async def test_an_event_that_cannot_be_confirmed_is_an_error_and_ends_no_watcher(
        self, triggerer, sandbox, account, connect, last, eventually
    ):
        room_id = account.open_room()
        asset = clickmeeting_asset("session_ended")
        watch = await triggerer.watch(asset)
        # what confirms an event reads the connection again
        connect(sandbox, extra={"timeout": "soon"})
        sandbox.play(room_id, start=sandbox.now)
        sandbox.advance(2 * HOUR)
        await eventually(lambda: "Confirming an event failed" in (last(asset)["error"] or ""))
        connect(sandbox, extra={"max_attempts": 1})
        assert len(await watch.reports(1)) == 1
        await eventually(lambda: last(asset)["error"] is None)

    async def test_the_cursor_has_another_key_and_needs_no_health(self, triggerer, sandbox, account, last, eventually):
        room_id = account.open_room()
        asset = clickmeeting_asset("session_started")
        await triggerer.watch(asset)
        await eventually(lambda: triggerer.states.writes and last(asset)["polled_at"])
        assert {key for _, key in triggerer.states.rows} == {"session_started", KEY}
        await triggerer.kill()
        del triggerer.states.rows[asset.name, KEY]
        triggerer.start()
        sandbox.play(room_id, start=sandbox.now)
        watch = await triggerer.watch(asset)
        assert len(await watch.reports(1)) == 1

    @pytest.mark.parametrize("trouble", ["silent", "refuses"])
    async def test_a_store_in_trouble_holds_up_no_event(self, triggerer, sandbox, account, mocker, trouble):
        mocker.patch.object(health, "WRITE_TIMEOUT", 3600)
        room_id = account.open_room()
        triggerer.states.refuses_health = trouble == "refuses"
        if trouble == "silent":
            triggerer.states.accepts_health.clear()
        watch = await triggerer.watch(clickmeeting_asset("session_started"))
        sandbox.play(room_id, start=sandbox.now)
        assert len(await watch.reports(1)) == 1
        assert triggerer.states.health_requests == 1 or trouble == "refuses"

    async def test_a_watcher_that_ends_ends_its_write(self, triggerer, account, eventually):
        account.open_room()
        triggerer.states.accepts_health.clear()
        await triggerer.watch(clickmeeting_asset("session_started"))
        await triggerer.kill()
        await eventually(lambda: len(asyncio.all_tasks()) == 1)


# an item of each feed, and the key of its date
ITEMS = {
    "conference_created": ({"name": "Talk", "status": "active"}, "created_at"),
    "registration": ({}, "registration_date"),
    "session_started": ({}, "start_date"),
    "session_ended": ({"start_date": NOON.isoformat()}, "end_date"),
    "recording_ready": ({"recording_file_size": 5000}, "recorder_start_date"),
}


@pytest.mark.parametrize("event", ITEMS)
@pytest.mark.parametrize("odd", ["soon", 20270201, "0001-01-01T00:00:00+00:00", ["2027"]], ids=str)
class TestOddItems:
    """An item that cannot be read does not end the watcher, and hides no other event."""

    @pytest.fixture
    def watcher(self, event):
        trigger = clickmeeting_asset(event, **({"settle": 0} if event == "session_ended" else {})).watchers[0].trigger
        # without a second poll, which confirms
        trigger.confirm_with = lambda event: None
        trigger._log = logging.getLogger("watcher")
        return trigger

    @pytest.fixture
    def snapshot(self, event):
        """Make a snapshot with an item for each date."""

        def snapshot(*dates, now=NOON):
            base, key = ITEMS[event]
            items = [{"id": number, **base, key: date} for number, date in enumerate(dates, start=1)]
            rooms = {each["id"]: each for each in items} if event == "conference_created" else {9: {"id": 9}}
            return Snapshot(now, rooms, {} if event == "conference_created" else {9: items})

        return snapshot

    async def test_it_is_reported_once_it_can_be_read(self, event, odd, watcher, snapshot, caplog):
        soon, later = (NOON + HOUR).isoformat(), (NOON + 2 * HOUR).isoformat()
        now = NOON + 3 * HOUR

        async def stream():
            yield snapshot()
            for dates in ((odd, later), (odd, later), (odd, later, odd), (soon, later)):
                yield snapshot(*dates, now=now)
            yield snapshot(soon, later, now=now)

        reported = [each.payload["id"].rpartition("-")[2] async for each in watcher.filter_shared_stream(stream())]
        assert reported == ["2", "1"]
        logged = [each.getMessage() for each in caplog.records if "could not be read and w" in each.getMessage()]
        assert len(logged) == 2, "once for each change"
        assert logged[0].startswith(
            f"One item of asset {watcher.asset_name} could not be read and was left out: {event}-"
        )
        assert logged[1].startswith(
            f"2 items of asset {watcher.asset_name} could not be read and were left out, the first"
        )

    async def test_what_was_there_at_the_start_is_never_reported(self, event, odd, watcher, snapshot):
        async def stream():
            yield snapshot(odd)
            for _ in range(2):
                yield snapshot((NOON - HOUR).isoformat(), now=NOON + HOUR)

        assert [each async for each in watcher.filter_shared_stream(stream())] == []


async def test_a_date_in_the_far_future_hides_no_later_event(mocker):
    watcher = clickmeeting_asset("session_started").watchers[0].trigger

    def snapshot(hours, *dates):
        items = [{"id": number, "start_date": date} for number, date in enumerate(dates, start=1)]
        return Snapshot(NOON + hours * HOUR, {9: {"id": 9}}, {9: items})

    async def stream():
        yield snapshot(0)
        yield snapshot(1, "2099-01-01T00:00:00+00:00")
        yield snapshot(2, "2099-01-01T00:00:00+00:00", (NOON + 2 * HOUR).isoformat())

    assert [each.payload["session_id"] async for each in watcher.filter_shared_stream(stream())] == [1, 2]


@needs_store
async def test_an_odd_item_is_shown_in_the_health(sharing_triggerer, sandbox, account, eventually):
    room_id = account.open_room()
    asset = clickmeeting_asset("session_started")
    watch = await sharing_triggerer.watch(asset)
    good = {"id": 1, "start_date": sandbox.now.isoformat()}
    for odd in ({"id": 2, "start_date": "soon"}, {"id": "two", "start_date": sandbox.now.isoformat()}):
        sandbox.fault("list_sessions", "answer", json=[good, odd], times=None)
        await eventually(lambda: last_of(sharing_triggerer, asset)["error"])
        value = last_of(sharing_triggerer, asset)
        assert value["failures_in_a_row"] == 0
        assert value["error"].startswith("One item of ")
        assert "report it to the provider's maintainers" in value["error"]
        sandbox.clear_faults()
        sandbox.fault("list_sessions", "answer", json=[good], times=None)
        await eventually(lambda: last_of(sharing_triggerer, asset)["error"] is None)
        sandbox.clear_faults()
    assert [each["session_id"] for each in await watch.reports(1)] == [1]
    assert watch.reported[0]["room_id"] == room_id


async def test_without_a_store_a_watcher_goes_on_after_failures(lone_triggerer, sandbox, account, mocker):
    stats = mocker.patch("airflow_clickmeeting.compat.Stats")
    room_id = account.open_room()
    watch = await lone_triggerer.watch(clickmeeting_asset("session_started"))
    sandbox.fault("*", "status", status=503, times=2)
    await until(lambda: any(call.args[1] == 2 for call in stats.gauge.call_args_list))
    sandbox.play(room_id, start=sandbox.now)
    assert len(await watch.reports(1)) == 1
