"""The moments before the start of rooms, against the sandbox: which are reported, when, and how often."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.events import clickmeeting_asset

from .conftest import SHARES

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
needs_store = pytest.mark.skipif(not SHARES, reason="Airflow before 3.3 has no asset state store")


@pytest.fixture
def asset():
    return clickmeeting_asset("starts_soon")


@pytest.fixture
def watch(triggerer, asset):
    return lambda **more: triggerer.watch(clickmeeting_asset("starts_soon", **more))


async def move(room_id, start):
    await ClickMeetingAsyncHook().update_conference(
        room_id, permanent_room=False, starts_at=start, timezone="Europe/Warsaw"
    )


def told(reported):
    return [each["before"] for each in reported]


class TestMoments:
    async def test_a_room_has_an_event_for_each_length_of_time_and_each_of_them_once(self, watch, sandbox, account):
        watcher = await watch()
        room_id = account.room_that_starts(sandbox.now + 8 * DAY, name="Talk")
        assert await watcher.reports(0) == []
        for number, time_left in enumerate((7 * DAY, DAY, HOUR), start=1):
            start = datetime.fromisoformat("2027-02-09T12:00:00+00:00")
            sandbox.set_time(start - time_left - MINUTE)
            assert len(await watcher.reports(number - 1)) == number - 1
            sandbox.set_time(start - time_left)
            await watcher.reports(number)
        assert watcher.reported == [
            {
                "id": f"starts_soon-{room_id}-20270209T120000Z-{before}",
                "event": "starts_soon",
                "room_id": room_id,
                "room_name": "Talk",
                "starts_at": "2027-02-09T13:00:00+01:00",
                "ends_at": "2027-02-09T14:00:00+01:00",
                "timezone": "Europe/Warsaw",
                "before": before,
            }
            for before in ("P7D", "P1D", "PT1H")
        ]
        sandbox.advance(DAY)
        await watcher.reports(3)

    async def test_rooms_that_start_together_are_all_reported(self, watch, sandbox, account):
        watcher = await watch(before=[HOUR])
        rooms = [account.room_that_starts(sandbox.now + 2 * HOUR) for _ in range(5)]
        sandbox.advance(HOUR)
        assert sorted(each["room_id"] for each in await watcher.reports(5)) == rooms

    async def test_a_permanent_room_has_no_start(self, watch, sandbox, account):
        watcher = await watch()
        account.open_room()
        sandbox.advance(8 * DAY)
        assert await watcher.reports(0) == []

    async def test_only_rooms_whose_name_matches_count(self, watch, sandbox, account):
        watcher = await watch(room_name="weekly*")
        for name in ("Weekly talk", "Talk"):
            account.room_that_starts(sandbox.now + 2 * HOUR, name=name)
        sandbox.advance(HOUR)
        assert [each["room_name"] for each in await watcher.reports(1)] == ["Weekly talk"]

    async def test_of_one_room(self, watch, sandbox, account):
        room_id, _ = (account.room_that_starts(sandbox.now + 2 * HOUR) for _ in range(2))
        watcher = await watch(room_id=room_id)
        await move(room_id, sandbox.now + 3 * HOUR)
        sandbox.advance(HOUR)
        assert await watcher.reports(0) == []
        sandbox.advance(HOUR)
        assert [each["room_id"] for each in await watcher.reports(1)] == [room_id]
        assert sandbox.count("list_conferences") == 0

    async def test_reports_no_secret(self, watch, sandbox, account):
        watcher = await watch()
        account.room_that_starts(sandbox.now + 2 * HOUR, access_type=2, password="open-sesame")
        sandbox.advance(HOUR)
        (reported,) = await watcher.reports(1)
        assert "open-sesame" not in str(reported)
        assert "http" not in str(reported)


class TestTimeZones:
    """The clocks change on 28 March 2027 in Warsaw, and on 14 March in New York."""

    @pytest.mark.parametrize(
        ("zone", "start", "utc"),
        [
            ("Europe/Warsaw", "2027-03-28 15:00:00", "2027-03-28T13:00:00+00:00"),
            ("America/New_York", "2027-03-14 09:00:00", "2027-03-14T13:00:00+00:00"),
            ("Asia/Kathmandu", "2027-03-14 09:00:00", "2027-03-14T03:15:00+00:00"),
            ("Pacific/Apia", "2027-03-14 09:00:00", "2027-03-13T20:00:00+00:00"),
        ],
    )
    async def test_a_day_is_24_hours_before_the_moment_of_the_start(self, watch, sandbox, zone, start, utc):
        watcher = await watch(before=["P1D"])
        sandbox.add_room(starts_at=start, timezone=zone)
        moment = datetime.fromisoformat(utc) - DAY
        sandbox.set_time(moment - MINUTE)
        assert await watcher.reports(0) == []
        sandbox.set_time(moment)
        (reported,) = await watcher.reports(1)
        assert datetime.fromisoformat(reported["starts_at"]) == datetime.fromisoformat(utc)
        assert reported["id"].endswith(f"-{datetime.fromisoformat(utc):%Y%m%dT%H%M%SZ}-P1D")

    async def test_the_same_start_in_another_time_zone_is_no_new_one(self, watch, sandbox, account):
        watcher = await watch()
        start = sandbox.now + DAY + MINUTE
        room_id = account.room_that_starts(start)
        sandbox.advance(MINUTE)
        (first,) = await watcher.reports(1)
        there = start.strftime("%Y-%m-%d %H:%M:%S")
        await ClickMeetingAsyncHook().update_conference(room_id, permanent_room=False, starts_at=there, timezone="UTC")
        assert await watcher.reports(1) == [first]


class TestMovedRooms:
    async def test_a_room_that_moved_to_a_later_start_has_its_moments_again(self, watch, sandbox, account):
        watcher = await watch(before=[DAY, HOUR])
        room_id = account.room_that_starts(sandbox.now + DAY + HOUR)
        sandbox.advance(HOUR)
        await watcher.reports(1)
        await move(room_id, sandbox.now + 3 * DAY)
        sandbox.advance(2 * DAY - MINUTE)
        await watcher.reports(1)
        sandbox.advance(MINUTE)
        await watcher.reports(2)
        sandbox.advance(DAY - HOUR)
        reported = await watcher.reports(3)
        assert told(reported) == ["P1D", "P1D", "PT1H"]
        assert len({each["id"] for each in reported}) == 3

    async def test_one_that_moved_to_an_earlier_start_has_those_that_are_still_ahead(self, watch, sandbox, account):
        watcher = await watch()
        room_id = account.room_that_starts(sandbox.now + 30 * DAY)
        await watcher.polled()
        sandbox.advance(2 * DAY)
        await watcher.polled()
        await move(room_id, sandbox.now + 3 * DAY)
        assert await watcher.reports(0) == []
        sandbox.advance(2 * DAY)
        assert told(await watcher.reports(1)) == ["P1D"]

    async def test_one_that_moved_there_and_back_repeats_nothing(self, watch, sandbox, account):
        watcher = await watch()
        start = sandbox.now + DAY + MINUTE
        room_id = account.room_that_starts(start)
        sandbox.advance(MINUTE)
        await watcher.reports(1)
        await move(room_id, start + DAY)
        await watcher.polled()
        await move(room_id, start)
        assert told(await watcher.reports(1)) == ["P1D"]

    @pytest.mark.parametrize("change", ["deleted", "inactive"])
    async def test_a_webinar_that_was_cancelled_has_none(self, watch, sandbox, account, change):
        watcher = await watch()
        room_id = account.room_that_starts(sandbox.now + 2 * HOUR)
        await watcher.polled()
        hook = ClickMeetingAsyncHook()
        if change == "deleted":
            await hook.delete_conference(room_id)
        else:
            await hook.update_conference(room_id, status="inactive")
        await watcher.polled()
        sandbox.advance(HOUR)
        assert await watcher.reports(0) == []


class TestMomentsThatHavePassed:
    """A moment that passed long before the watcher saw the start is of no use to anybody."""

    async def test_those_before_the_watcher_started_are_not_reported(self, watch, sandbox, account):
        account.room_that_starts(sandbox.now + DAY)
        account.room_that_starts(sandbox.now + HOUR / 2)
        watcher = await watch()
        assert await watcher.reports(0) == []
        sandbox.advance(DAY - HOUR)
        assert told(await watcher.reports(1)) == ["PT1H"]

    async def test_of_a_room_that_is_planned_at_short_notice_those_of_the_last_hour_are(self, watch, sandbox, account):
        watcher = await watch(before=[7 * DAY, DAY, HOUR])
        account.room_that_starts(sandbox.now + HOUR / 2)
        assert told(await watcher.reports(1)) == ["PT1H"]
        account.room_that_starts(sandbox.now + DAY - HOUR / 2)
        account.room_that_starts(sandbox.now + 7 * DAY - 2 * HOUR)
        assert told(await watcher.reports(2)) == ["PT1H", "P1D"]

    async def test_none_is_reported_once_the_start_has_come(self, watch, sandbox, account):
        watcher = await watch()
        account.room_that_starts(sandbox.now + 2 * HOUR)
        sandbox.advance(2 * HOUR)
        assert await watcher.reports(0) == []


class TestOutages:
    async def test_moments_that_pass_while_clickmeeting_is_down_are_reported_afterwards(
        self, watch, sandbox, account, eventually
    ):
        watcher = await watch(before=[DAY, 12 * HOUR])
        account.room_that_starts(sandbox.now + DAY + HOUR)
        await watcher.polled()
        sandbox.fault("*", "status", status=500, times=None)
        sandbox.advance(20 * HOUR)
        sandbox.forget_requests()
        await eventually(lambda: sandbox.count() > 2)
        sandbox.clear_faults()
        assert told(await watcher.reports(2)) == ["P1D", "PT12H"]

    @needs_store
    async def test_and_those_that_pass_while_no_triggerer_runs(
        self, sharing_triggerer, asset, sandbox, account, eventually
    ):
        rooms = [account.room_that_starts(sandbox.now + DAY + hours * HOUR) for hours in (1, 2, 3)]
        over = account.room_that_starts(sandbox.now + 2 * HOUR)
        await sharing_triggerer.watch(asset)
        await eventually(lambda: sharing_triggerer.states.writes)
        await sharing_triggerer.restart()
        sandbox.advance(5 * HOUR)
        watcher = await sharing_triggerer.watch(asset)
        reported = await watcher.reports(3)
        assert [each["room_id"] for each in reported] == rooms
        assert over not in {each["room_id"] for each in reported}, "it has started"

    @needs_store
    async def test_a_restart_repeats_nothing_that_airflow_has(
        self, sharing_triggerer, asset, sandbox, account, eventually
    ):
        account.room_that_starts(sandbox.now + 2 * HOUR)
        watcher = await sharing_triggerer.watch(asset)
        sandbox.advance(HOUR)
        (event,) = await watcher.reports(1)
        await eventually(lambda: sharing_triggerer.states.reported(asset) == [event["id"]])
        await sharing_triggerer.restart()
        watcher = await sharing_triggerer.watch(asset)
        assert await watcher.reports(0) == []

    @needs_store
    async def test_a_kill_before_airflow_has_an_event_repeats_it_with_the_same_id(
        self, sharing_triggerer, asset, sandbox, account, eventually
    ):
        account.room_that_starts(sandbox.now + 2 * HOUR)
        watcher = await sharing_triggerer.watch(asset)
        await eventually(lambda: sharing_triggerer.states.writes)
        sharing_triggerer.confirming = False
        sandbox.advance(HOUR)
        events = list(await watcher.reports(1))
        await sharing_triggerer.restart()
        watcher = await sharing_triggerer.watch(asset)
        assert await watcher.reports(1) == events

    @needs_store
    async def test_a_move_during_a_short_restart_reports_no_moment_of_long_ago(
        self, sharing_triggerer, asset, sandbox, account, eventually
    ):
        room_id = account.room_that_starts(sandbox.now + 60 * DAY)
        watcher = await sharing_triggerer.watch(asset)
        sandbox.advance(30 * DAY)
        await watcher.polled()
        await eventually(lambda: sharing_triggerer.states.writes > 1)
        await sharing_triggerer.restart()
        await move(room_id, sandbox.now + 3 * DAY)
        watcher = await sharing_triggerer.watch(asset)
        assert await watcher.reports(0) == []

    @needs_store
    async def test_the_cursor_is_written_each_ten_minutes_and_stays_small(
        self, sharing_triggerer, asset, sandbox, account, eventually
    ):
        watcher = await sharing_triggerer.watch(asset)
        await eventually(lambda: sharing_triggerer.states.writes == 1)
        for _ in range(9):
            sandbox.advance(MINUTE)
            await watcher.polled()
        assert sharing_triggerer.states.writes == 1
        account.room_that_starts(sandbox.now + HOUR + MINUTE)
        sandbox.advance(MINUTE)
        await watcher.reports(1)
        sandbox.advance(2 * HOUR)
        await eventually(lambda: sharing_triggerer.states.reported(asset) == [])


class TestSharing:
    @needs_store
    async def test_two_assets_with_other_lengths_share_the_list_of_rooms_and_report_their_own(
        self, sharing_triggerer, sandbox, account
    ):
        assets = [clickmeeting_asset("starts_soon", before=before) for before in ([DAY], [HOUR])]
        first, second = await sharing_triggerer.watch(*assets)
        account.room_that_starts(sandbox.now + DAY + HOUR)
        sandbox.advance(HOUR)
        await first.reports(1)
        sandbox.advance(DAY - HOUR)
        assert [told(each) for each in await asyncio.gather(first.reports(1), second.reports(1))] == [
            ["P1D"],
            ["PT1H"],
        ]
        sandbox.forget_requests()
        await first.polled(10)
        assert sandbox.counts.keys() == {"list_conferences"}
        assert sandbox.count() <= 12

    async def test_a_poll_sends_one_request_for_250_rooms(self, watch, sandbox):
        sandbox.bulk(rooms=600, sessions_per_room=0, attendees_per_session=0)
        watcher = await watch()
        await watcher.polled()
        sandbox.forget_requests()
        await watcher.polled(10)
        assert sandbox.counts.keys() == {"list_conferences"}


@needs_store
@pytest.mark.parametrize("odd", ["soon", 20270201, "0001-01-01T00:00:00+00:00", ["2027"]], ids=str)
async def test_a_start_that_cannot_be_read_is_shown_in_the_health_and_hides_no_other(
    sharing_triggerer, asset, sandbox, eventually, odd
):
    start = (sandbox.now + 2 * HOUR).isoformat()

    def listed(starts_at):
        rooms = [
            {"id": 1, "status": "active", "starts_at": starts_at},
            {"id": 2, "status": "active", "starts_at": start},
        ]
        sandbox.clear_faults()
        sandbox.fault("list_conferences", "answer", json=rooms, times=None)

    def error():
        return sharing_triggerer.states.health[asset.name][-1]["error"]

    listed(odd)
    watcher = await sharing_triggerer.watch(asset)
    sandbox.advance(HOUR)
    assert [each["room_id"] for each in await watcher.reports(1)] == [2]
    await eventually(error)
    assert error().startswith(f"One item of asset {asset.name} could not be read and was left out: starts_soon-1: ")
    listed(start)
    await eventually(lambda: error() is None)
    assert [each["room_id"] for each in await watcher.reports(2)] == [2, 1]
