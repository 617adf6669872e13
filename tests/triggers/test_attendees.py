"""Who joined and left sessions, against the sandbox: what is reported, how often, and with how many requests."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from thorough import everyday

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.exceptions import ServerError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.attendees import SessionPeople, entry, people_in
from airflow_clickmeeting.triggers.cursor import EVERYTHING, NOTHING
from airflow_clickmeeting.triggers.events import clickmeeting_asset
from airflow_clickmeeting.triggers.feeds import AttendeeFeed

from .conftest import NOON, SHARES

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
JOINED, LEFT = "attendee_joined", "attendee_left"
needs_store = pytest.mark.skipif(not SHARES, reason="Airflow before 3.3 has no asset state store")

HANNA = {"email": "hanna@example.com", "nickname": "Hanna", "role": "host"}
ADA = {"email": "ada@example.com", "nickname": "Ada", "visits": [(10, 20), (30, None)]}
BOB = {"nickname": "Bob", "visits": [(20, 40)]}


@pytest.fixture
def room_id(account):
    return account.open_room()


@pytest.fixture
def hold(sandbox, room_id):
    """Hold a session of an hour with Hanna, Ada and Bob from now on, and return its id."""
    return lambda: sandbox.play(room_id, start=sandbox.now, attendees=[HANNA, ADA, BOB])


def times_of(reported, key):
    return [datetime.fromisoformat(each[key]) - NOON for each in reported]


class TestJoins:
    async def test_each_person_has_one_event_at_their_first_join(self, triggerer, sandbox, hold, room_id):
        watch = await triggerer.watch(clickmeeting_asset(JOINED))
        session_id = hold()
        (first,) = await watch.reports(1)
        people = [each["uid"] for each in await ClickMeetingAsyncHook().list_session_attendees(room_id, session_id)]
        assert first == {
            "id": f"attendee_joined-{room_id}-{session_id}-{people[0]}",
            "event": "attendee_joined",
            "room_id": room_id,
            "room_name": "Talk",
            "session_id": session_id,
            "uid": people[0],
            "role": "host",
            "joined_at": "2027-02-01T13:00:00+01:00",
        }
        for minutes, number in ((10, 2), (20, 3), (30, 3), (60, 3), (200, 3)):
            sandbox.set_time(NOON + minutes * MINUTE)
            await watch.reports(number)
        assert times_of(watch.reported, "joined_at") == [0 * MINUTE, 10 * MINUTE, 20 * MINUTE]
        assert [each["role"] for each in watch.reported] == ["host", "listener", "listener"]

    async def test_the_next_session_has_its_own(self, triggerer, sandbox, hold):
        watch = await triggerer.watch(clickmeeting_asset(JOINED))
        sessions = [hold()]
        sandbox.advance(2 * HOUR)
        await watch.reports(3)
        sessions.append(hold())
        sandbox.advance(HOUR)
        assert [each["session_id"] for each in await watch.reports(6)] == sorted(sessions * 3)

    async def test_those_who_were_there_before_the_watcher_are_not_reported(self, triggerer, sandbox, hold):
        hold()
        sandbox.advance(15 * MINUTE)
        watch = await triggerer.watch(clickmeeting_asset(JOINED))
        assert await watch.reports(0) == []
        sandbox.advance(10 * MINUTE)
        assert times_of(await watch.reports(1), "joined_at") == [20 * MINUTE]

    @pytest.mark.parametrize(
        "switches", everyday([{"running_end": "now"}, {"running_end": "absent"}, {"attendees_delay": 240}])
    )
    async def test_however_clickmeeting_shows_a_running_session(self, triggerer, sandbox, hold, switches):
        sandbox.switch(**switches)
        watch = await triggerer.watch(clickmeeting_asset(JOINED))
        hold()
        for minutes in range(0, 70, 5):
            sandbox.set_time(NOON + minutes * MINUTE)
            await watch.polled()
        assert len(await watch.reports(3)) == 3

    async def test_of_one_room_and_of_rooms_with_a_name(self, triggerer, sandbox, account, hold, room_id):
        watches = await triggerer.watch(
            clickmeeting_asset(JOINED, room_id=room_id), clickmeeting_asset(JOINED, room_name="weekly*")
        )
        weekly = account.open_room("Weekly")
        hold()
        sandbox.play(weekly, start=sandbox.now, attendees=[HANNA])
        (of_room,), (of_name,) = await asyncio.gather(*(watch.reports(1) for watch in watches))
        assert (of_room["room_id"], of_name["room_id"]) == (room_id, weekly)

    @pytest.mark.parametrize("event", [JOINED, LEFT])
    async def test_no_event_has_a_name_or_an_address(self, triggerer, sandbox, hold, event):
        watch = await triggerer.watch(clickmeeting_asset(event))
        hold()
        sandbox.advance(2 * HOUR)
        text = str(await watch.reports(3)).lower()
        assert not [each for each in ("hanna", "ada", "bob", "example.com", "http") if each in text]


class TestLeaves:
    async def test_who_left_and_did_not_come_back_has_one_event(self, triggerer, sandbox, hold, room_id):
        watch = await triggerer.watch(clickmeeting_asset(LEFT))
        session_id = hold()
        sandbox.set_time(NOON + 24 * MINUTE)
        assert await watch.reports(0) == [], "Ada has been away for less than five minutes"
        sandbox.set_time(NOON + 31 * MINUTE)
        assert await watch.reports(0) == [], "Ada is back"
        sandbox.set_time(NOON + 45 * MINUTE)
        (bob,) = await watch.reports(1)
        assert bob == {
            "id": f"attendee_left-{room_id}-{session_id}-{bob['uid']}",
            "event": "attendee_left",
            "room_id": room_id,
            "room_name": "Talk",
            "session_id": session_id,
            "uid": bob["uid"],
            "role": "listener",
            "joined_at": "2027-02-01T13:20:00+01:00",
            "left_at": "2027-02-01T13:40:00+01:00",
        }
        sandbox.set_time(NOON + 66 * MINUTE)
        assert times_of(await watch.reports(3), "left_at") == [40 * MINUTE, HOUR, HOUR]

    async def test_who_comes_back_after_the_event_has_no_second_one(self, triggerer, sandbox, hold):
        watch = await triggerer.watch(clickmeeting_asset(LEFT, settle=60))
        hold()
        sandbox.set_time(NOON + 22 * MINUTE)
        assert times_of(await watch.reports(1), "left_at") == [20 * MINUTE]
        sandbox.set_time(NOON + 3 * HOUR)
        assert len({each["uid"] for each in await watch.reports(3)}) == 3

    async def test_the_present_time_as_the_end_of_a_person_who_is_there_is_no_leave(self, triggerer, sandbox, hold):
        sandbox.switch(running_end="now")
        watch = await triggerer.watch(clickmeeting_asset(LEFT))
        hold()
        sandbox.set_time(NOON + 35 * MINUTE)
        assert await watch.reports(0) == []


class TestRequests:
    async def test_only_the_lists_of_running_sessions_are_read(self, sandbox, account, room_id):
        for days in (2, 3):
            account.room_that_was_held(sandbox.now - days * DAY)
        for _ in range(3):
            account.open_room()
        quiet = account.open_room()
        sandbox.play(quiet, start=sandbox.now - 3 * DAY, end=sandbox.now - 3 * DAY + HOUR)
        session_id = sandbox.play(room_id, start=sandbox.now, attendees=[ADA])
        feed = AttendeeFeed(ClickMeetingAsyncHook(), None)
        counts = []
        for minutes in (0, 30, 60, 64, 66, 67, 119, 121, 122, 300):
            sandbox.set_time(NOON + minutes * MINUTE)
            sandbox.forget_requests()
            await feed.poll()
            lists = sandbox.log("list_session_attendees")
            assert {each["path"].split("/")[5] for each in lists} <= {str(session_id)}
            counts.append(len(lists))
        # each poll reads it until five minutes after the end, and one poll an hour after the end
        assert counts == [1, 1, 1, 1, 1, 0, 0, 1, 0, 0]

    async def test_without_a_session_no_list_is_read(self, sandbox, account, room_id):
        feed = AttendeeFeed(ClickMeetingAsyncHook(), room_id)
        for _ in range(3):
            await feed.poll()
        assert sandbox.counts == {"get_conference": 1, "list_sessions": 3}

    async def test_a_poll_reads_some_lists_and_the_next_one_the_others(self, sandbox, account, mocker):
        mocker.patch.object(AttendeeFeed, "max_lists", 2)
        rooms = [account.open_room() for _ in range(5)]
        for each in rooms:
            sandbox.play(each, start=sandbox.now, attendees=[ADA, HANNA])
        feed = AttendeeFeed(ClickMeetingAsyncHook(), None)
        seen = []
        for _ in range(4):
            snapshot = await feed.poll()
            seen.append((sandbox.count("list_session_attendees"), snapshot.seen_until))
            sandbox.advance(MINUTE)
        assert [count for count, _ in seen] == [2, 4, 6, 8]
        assert [until for _, until in seen[:2]] == [NOTHING, NOTHING]
        assert seen[2][1].replace(microsecond=0) == NOON
        assert {room_id for room_id, people in snapshot.items_by_room.items() if people} == set(rooms)

    @needs_store
    async def test_joins_and_leaves_share_each_list_and_report_their_own(self, sharing_triggerer, sandbox, hold):
        assets = [
            clickmeeting_asset(JOINED),
            clickmeeting_asset(JOINED, name="my joins"),
            clickmeeting_asset(LEFT),
            clickmeeting_asset(LEFT, settle=1200),
        ]
        joined, mine, left, later = await sharing_triggerer.watch(*assets)
        hold()
        sandbox.set_time(NOON + 50 * MINUTE)
        await asyncio.gather(joined.reports(3), mine.reports(3), left.reports(1), later.reports(0))
        sandbox.forget_requests()
        await joined.polled(10)
        assert sandbox.counts.keys() == {"list_conferences", "list_sessions", "list_session_attendees"}
        assert sandbox.count("list_session_attendees") <= 12


class TestFailures:
    async def test_an_outage_loses_nobody(self, triggerer, sandbox, hold, eventually):
        watch = await triggerer.watch(clickmeeting_asset(JOINED))
        sandbox.fault("*", "status", status=500, times=None)
        hold()
        sandbox.advance(HOUR)
        sandbox.forget_requests()
        await eventually(lambda: sandbox.count() > 2)
        sandbox.clear_faults()
        assert len(await watch.reports(3)) == 3

    async def test_a_list_that_cannot_be_read_hides_no_other(self, sandbox, account, room_id, caplog):
        feed = AttendeeFeed(ClickMeetingAsyncHook(), None)
        other = account.open_room()
        for each in (room_id, other):
            sandbox.play(each, start=sandbox.now, attendees=[ADA, HANNA])
        sandbox.fault("list_session_attendees", "status", status=500)
        snapshot = await feed.poll()
        assert sorted(map(len, snapshot.items_by_room.values())) == [0, 1]
        (problem,) = snapshot.problems
        assert problem.startswith("Reading the attendees of session ")
        assert problem in caplog.text
        snapshot = await feed.poll()
        assert (sorted(map(len, snapshot.items_by_room.values())), snapshot.problems) == ([1, 1], [])

    async def test_if_all_lists_fail_the_poll_fails(self, sandbox, account, hold):
        hold()
        sandbox.fault("list_session_attendees", "status", status=500)
        with pytest.raises(ServerError):
            await AttendeeFeed(ClickMeetingAsyncHook(), None).poll()

    async def test_the_problem_of_a_session_goes_with_it(self, sandbox, account, room_id):
        feed = AttendeeFeed(ClickMeetingAsyncHook(), None)
        for each in (room_id, account.open_room()):
            sandbox.play(each, start=sandbox.now, attendees=[HANNA])
        sandbox.fault(
            "list_session_attendees", "answer", json=[{"uid": "1"}, {"uid": "2", "start_date": NOON.isoformat()}]
        )
        snapshot = await feed.poll()
        assert "expected an ISO 8601 time" in snapshot.problems[0]
        assert snapshot.seen_until == EVERYTHING
        sandbox.fault("list_session_attendees", "status", status=404, times=None)
        sandbox.advance(2 * DAY)
        assert (await feed.poll()).problems == []

    async def test_a_session_with_an_odd_end_is_left_out_and_shown(self, sandbox, room_id):
        sessions = [{"id": 1, "start_date": NOON.isoformat(), "end_date": "soon"}]
        sandbox.fault("list_sessions", "answer", json=sessions)
        snapshot = await AttendeeFeed(ClickMeetingAsyncHook(), None).poll()
        assert snapshot.problems[0].startswith("One item of the lists of sessions could not be read and was left out: ")
        assert f"session 1 of room {room_id}: expected an ISO 8601 time, got 'soon'" in snapshot.problems[0]


@needs_store
class TestRestarts:
    async def test_who_joins_while_no_triggerer_runs_is_reported_also_after_the_end(
        self, sharing_triggerer, sandbox, hold, eventually
    ):
        asset = clickmeeting_asset(JOINED)
        watch = await sharing_triggerer.watch(asset)
        hold()
        await watch.reports(1)
        await eventually(lambda: sharing_triggerer.states.reported(asset))
        await sharing_triggerer.restart()
        sandbox.advance(5 * HOUR)
        watch = await sharing_triggerer.watch(asset)
        assert times_of(await watch.reports(2), "joined_at") == [10 * MINUTE, 20 * MINUTE]

    async def test_a_kill_before_airflow_has_an_event_repeats_it_with_the_same_id(
        self, sharing_triggerer, hold, eventually
    ):
        asset = clickmeeting_asset(JOINED)
        watch = await sharing_triggerer.watch(asset)
        await eventually(lambda: sharing_triggerer.states.writes)
        sharing_triggerer.confirming = False
        hold()
        events = list(await watch.reports(1))
        await sharing_triggerer.restart()
        watch = await sharing_triggerer.watch(asset)
        assert await watch.reports(1) == events

    async def test_what_was_reported_is_not_repeated_and_the_health_is_good(
        self, sharing_triggerer, sandbox, hold, eventually
    ):
        asset = clickmeeting_asset(LEFT)
        watch = await sharing_triggerer.watch(asset)
        hold()
        sandbox.advance(2 * HOUR)
        await watch.reports(3)
        await eventually(lambda: len(sharing_triggerer.states.reported(asset)) == 3)
        await sharing_triggerer.restart()
        watch = await sharing_triggerer.watch(asset)
        assert await watch.reports(0) == []
        health = sharing_triggerer.states.health[asset.name][-1]
        assert (health["failures_in_a_row"], health["error"]) == (0, None)


class TestPeople:
    @staticmethod
    def row(uid, start=0, end=None, **more):
        at = {"start_date": (NOON + start * MINUTE).isoformat()}
        return entry({"uid": uid, **at, "end_date": end and (NOON + end * MINUTE).isoformat(), **more})

    def test_an_address_or_a_uid_is_one_person(self):
        entries = [
            self.row("9", 5, 10, email="ada@example.com"),
            self.row("10", 2, 4, email=" ADA@example.com", role="listener"),
            self.row("9", 12, 20),
            self.row("11", 2, 4),
            self.row("12", 2, None, email=""),
        ]
        found = people_in(7, entries)
        assert [(each["id"], each["start_date"], each["end_date"]) for each in found] == [
            ("7-10", "2027-02-01T12:02:00+00:00", "2027-02-01T12:20:00+00:00"),
            ("7-11", "2027-02-01T12:02:00+00:00", "2027-02-01T12:04:00+00:00"),
            ("7-12", "2027-02-01T12:02:00+00:00", None),
        ]
        assert found[0]["role"] == "listener"
        assert "ada" not in str(found).lower()

    def test_the_order_of_the_list_does_not_matter(self):
        entries = [self.row(uid, 3, email="ada@example.com") for uid in ("10", "9", "8")]
        assert [each["uid"] for each in people_in(7, entries)] == ["8"]
        assert people_in(7, entries) == people_in(7, entries[::-1])

    def test_an_id_stands_for_a_uid(self):
        assert entry({"id": 12, "start_date": NOON.isoformat()})["uid"] == "12"

    @pytest.mark.parametrize(
        "odd",
        [
            {"start_date": NOON.isoformat()},
            {"uid": "1"},
            {"uid": "1", "start_date": None},
            {"uid": "1", "start_date": "soon"},
            {"uid": "1", "start_date": NOON.isoformat(), "end_date": "later"},
            {"uid": "1", "start_date": NOON.isoformat(), "end_date": 7},
            "text",
        ],
        ids=str,
    )
    def test_an_odd_entry_is_refused(self, odd):
        with pytest.raises(ParseError):
            entry(odd)

    def test_a_list_that_was_never_read_is_due(self):
        assert SessionPeople(end=NOON).is_due(NOON)
        assert not SessionPeople(end=NOON, read_at=NOON + 2 * HOUR).is_due(NOON + 3 * HOUR)
