"""What watchers poll, over HTTP against the sandbox: the snapshots, and the requests that they take."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

import pytest

from airflow_clickmeeting.exceptions import NotFoundError, ServerError, UnexpectedAnswerError, ValidationError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers import feeds
from airflow_clickmeeting.triggers.cursor import EVERYTHING, NOTHING
from airflow_clickmeeting.triggers.feeds import FEEDS, Snapshot, snapshots

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def feed(sandbox):
    """Make a feed by its name, of the account or of one room."""
    return lambda name, room_id=None: FEEDS[name](ClickMeetingAsyncHook(), room_id)


@pytest.fixture
def poll(sandbox):
    """Poll a minute after the last poll, and return the snapshot and the number of requests by operation."""

    async def poll(feed):
        sandbox.advance(MINUTE)
        sandbox.forget_requests()
        return await feed.poll(), sandbox.counts

    return poll


def polled_rooms(sandbox, operation):
    """Return the rooms that were polled."""
    return {int(request["path"].split("/")[3]) for request in sandbox.log(operation)}


class TestRooms:
    async def test_the_inactive_ones_are_listed_at_the_first_poll_only(self, feed, poll, sandbox, account):
        rooms = {account.open_room(), account.room_that_was_held(sandbox.now - DAY)}
        conferences = feed("conferences")
        first, requests = await poll(conferences)
        assert (first.rooms.keys(), requests) == (rooms, {"list_conferences": 2})
        second, requests = await poll(conferences)
        assert (second.rooms.keys(), requests) == (rooms, {"list_conferences": 1})

    @pytest.mark.parametrize("gap", [HOUR, -HOUR], ids=["of ClickMeeting's time", "when its clock is set back"])
    async def test_and_after_a_gap_in_which_a_room_may_have_come_and_gone(self, feed, poll, sandbox, account, gap):
        conferences = feed("conferences")
        await poll(conferences)
        room_id = account.room_that_was_held(sandbox.now - DAY)
        snapshot, _ = await poll(conferences)
        assert room_id not in snapshot.rooms
        sandbox.set_time(sandbox.now + gap)
        snapshot, requests = await poll(conferences)
        assert (snapshot.rooms.keys(), requests) == ({room_id}, {"list_conferences": 2})

    async def test_come_with_their_names_and_clickmeetings_time(self, feed, poll, sandbox, account):
        room_id = account.open_room("Open house")
        snapshot, _ = await poll(feed("conferences"))
        assert abs(snapshot.now - sandbox.now) < MINUTE
        assert (snapshot.name_of(room_id), snapshot.name_of(4)) == ("Open house", "")


class TestSessions:
    async def test_rooms_where_none_can_have_begun_or_ended_are_not_polled(self, feed, poll, sandbox, account):
        now = sandbox.now
        always = {
            account.open_room(),
            account.room_that_starts(now + HOUR / 2),
            account.room_that_was_held(now - HOUR / 2),
        }
        hourly = {account.room_that_starts(now + DAY)}
        once = {account.room_that_was_held(now - DAY)}
        account.room_that_was_held(now - 30 * DAY)
        sessions = feed("sessions")
        snapshot, requests = await poll(sessions)
        assert polled_rooms(sandbox, "list_sessions") == snapshot.items_by_room.keys() == always | hourly | once
        assert requests == {"list_conferences": 2, "list_sessions": 5}

        snapshot, requests = await poll(sessions)
        assert polled_rooms(sandbox, "list_sessions") == always
        assert requests == {"list_conferences": 1, "list_sessions": 3}
        # what was found before is still there
        assert snapshot.items_by_room.keys() == always | hourly | once

        sandbox.advance(HOUR)
        await poll(sessions)
        assert polled_rooms(sandbox, "list_sessions") == always | hourly

    async def test_a_room_that_fails_is_skipped_does_not_hide_the_others_and_is_polled_again(
        self, feed, poll, sandbox, account, caplog
    ):
        rooms = {account.room_that_was_held(sandbox.now - DAY), account.room_that_was_held(sandbox.now - DAY)}
        sandbox.fault("list_sessions", "status", status=500)
        sessions = feed("sessions")
        snapshot, _ = await poll(sessions)
        (failed,) = rooms - snapshot.items_by_room.keys()
        assert f"Polling room {failed} failed; the watcher skips it until the next poll: list_sessions" in caplog.text
        snapshot, requests = await poll(sessions)
        assert snapshot.items_by_room.keys() == rooms
        assert requests == {"list_conferences": 1, "list_sessions": 1}
        assert polled_rooms(sandbox, "list_sessions") == {failed}

    async def test_of_a_room_that_fails_later_stay_as_they_were(self, feed, poll, sandbox, account):
        rooms = {account.open_room(), account.open_room()}
        sessions = feed("sessions")
        await poll(sessions)
        sandbox.fault("list_sessions", "status", status=500)
        snapshot, _ = await poll(sessions)
        assert snapshot.items_by_room.keys() == rooms

    async def test_the_poll_fails_if_all_rooms_fail(self, feed, poll, sandbox, account):
        rooms = {account.open_room(), account.open_room()}
        sandbox.fault("list_sessions", "status", status=500, times=2)
        sessions = feed("sessions")
        with pytest.raises(ServerError):
            await poll(sessions)
        snapshot, _ = await poll(sessions)
        assert snapshot.items_by_room.keys() == rooms

    async def test_a_deleted_room_disappears(self, feed, poll, sandbox, account):
        stays, goes = account.open_room(), account.open_room()
        sessions = feed("sessions")
        await poll(sessions)
        await sessions.hook.delete_conference(goes)
        snapshot, _ = await poll(sessions)
        assert snapshot.rooms.keys() == snapshot.items_by_room.keys() == {stays}
        _, requests = await poll(sessions)
        assert requests == {"list_conferences": 1, "list_sessions": 1}

    async def test_a_room_where_one_goes_on_is_polled_though_it_starts_much_later(self, feed, poll, sandbox, account):
        room_id = account.room_that_starts(sandbox.now + DAY)
        sandbox.play(room_id, start=sandbox.now, end=sandbox.now + HOUR)
        sessions = feed("sessions")
        for _ in range(3):
            _, requests = await poll(sessions)
            assert requests["list_sessions"] == 1

    async def test_eight_rooms_are_polled_at_once(self, feed, poll, sandbox, account):
        sandbox.switch(latency=0.05)
        for _ in range(24):
            account.open_room()
        sessions = feed("sessions")
        begun = asyncio.get_running_loop().time()
        snapshot, _ = await poll(sessions)
        # two lists, and three rounds of eight
        assert asyncio.get_running_loop().time() - begun >= 5 * 0.05
        assert len(snapshot.items_by_room) == 24


# an item that cannot be read, and one that can, wherever they stand
ODD = {"id": "two", "name": "Odd", "start_date": "2027-02-01T12:00:00+00:00"}
GOOD = {"id": 1, "name": "Good", "conference_id": 7, "end_date": "2027-02-01T12:00:00+00:00"}
LISTS = [
    ("conferences", "list_conferences", "the list of rooms"),
    ("sessions", "list_sessions", "room "),
    ("registrations", "list_registrations", "room "),
    ("recordings", "list_all_recordings", "the list of recordings"),
]


class TestUnreadable:
    """An item that cannot be read is left out and noted; a list of nothing else fails."""

    @pytest.mark.parametrize(("name", "operation", "place"), LISTS)
    async def test_it_is_noted_as_long_as_it_is_there_and_logged_once(
        self, feed, poll, sandbox, account, caplog, name, operation, place
    ):
        account.open_room()
        polled = feed(name)
        for _ in range(2):
            sandbox.fault(operation, "answer", json=[GOOD, ODD], times=2)
            snapshot, _ = await poll(polled)
            sandbox.clear_faults()
            items = snapshot.rooms.items() if name == "conferences" else snapshot.items()
            assert [each["id"] for _, each in items] == [1]
            (problem,) = snapshot.problems
            assert problem.startswith(f"One item of {place}")
            assert " could not be read and was left out: item 2 of the list: expected a " in problem
        assert caplog.text.count("could not be read") == 1
        snapshot, _ = await poll(polled)
        assert snapshot.problems == []

    @pytest.mark.parametrize(("name", "operation", "place"), LISTS)
    async def test_a_poll_that_can_read_nothing_fails(self, feed, poll, sandbox, account, name, operation, place):
        account.open_room()
        sandbox.fault(operation, "answer", json=[ODD, ODD], times=2)
        with pytest.raises(UnexpectedAnswerError, match="item 1 of the list"):
            await poll(feed(name))

    @pytest.fixture
    async def noted(self, feed, poll, sandbox, account):
        """A feed of sessions with a room in which something cannot be read, and another room."""
        rooms = [account.open_room(), account.open_room()]
        sessions = feed("sessions")
        sandbox.fault("list_sessions", "answer", json=[GOOD, ODD])
        snapshot, _ = await poll(sessions)
        ((room_id,),) = [[each for each in rooms if f"of room {each} " in problem] for problem in snapshot.problems]
        return sessions, room_id

    async def test_it_is_forgotten_with_its_room(self, poll, noted):
        sessions, room_id = noted
        await sessions.hook.delete_conference(room_id)
        for _ in range(2):
            snapshot, _ = await poll(sessions)
        assert snapshot.problems == []

    async def test_it_is_forgotten_when_its_room_is_not_polled_any_more(self, poll, sandbox, noted):
        sessions, _ = noted
        sandbox.fault("list_conferences", "answer", json=[], times=None)
        sandbox.fault("list_sessions", "answer", json=[GOOD, ODD], times=None)
        problems = []
        for _ in range(4):
            sandbox.advance(2 * HOUR)
            snapshot, _ = await poll(sessions)
            problems.append(len(snapshot.problems))
        assert problems == [2, 2, 0, 0]

    async def test_a_room_without_a_name_has_an_empty_one(self, feed, poll, sandbox):
        sandbox.fault("list_conferences", "answer", json=[{"id": 1, "name": None}])
        snapshot, _ = await poll(feed("conferences"))
        assert snapshot.name_of(1) == ""


class TestManyRooms:
    """A poll that cannot read all rooms reads the most urgent ones, and the next polls read the others."""

    @pytest.fixture
    def few_requests(self, mocker):
        """Let a poll read five rooms, besides the requests for the list of rooms."""
        mocker.patch.object(feeds.SessionFeed, "max_requests", 0)
        mocker.patch.object(feeds, "MIN_ROOMS", 5)

    @pytest.fixture
    def rooms(self, sandbox, account, few_requests):
        """Twelve rooms; in the last two, a session goes on."""
        rooms = [account.open_room() for _ in range(12)]
        for room_id in rooms[-2:]:
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + HOUR)
        return rooms

    async def test_each_is_read_in_turn_and_the_snapshot_says_until_when_it_is_complete(
        self, feed, poll, sandbox, rooms
    ):
        sessions = feed("sessions")
        for polled in (5, 10):
            snapshot, requests = await poll(sessions)
            assert requests["list_sessions"] == 5
            assert (len(snapshot.items_by_room), snapshot.seen_until) == (polled, NOTHING)
        snapshot, _ = await poll(sessions)
        assert snapshot.items_by_room.keys() == set(rooms)
        assert timedelta(seconds=58) < snapshot.now - snapshot.seen_until < 3 * MINUTE

    async def test_those_with_a_session_are_read_by_each_poll(self, feed, poll, sandbox, rooms):
        sessions = feed("sessions")
        for _ in range(6):
            await poll(sessions)
        for _ in range(6):
            await poll(sessions)
            assert set(rooms[-2:]) <= polled_rooms(sandbox, "list_sessions")

    async def test_one_that_fails_waits_like_the_others(self, feed, poll, sandbox, rooms):
        sandbox.fault("list_sessions", "status", status=500, times=5)
        sessions = feed("sessions")
        with pytest.raises(ServerError):
            await poll(sessions)
        failed = polled_rooms(sandbox, "list_sessions")
        await poll(sessions)
        assert failed.isdisjoint(polled_rooms(sandbox, "list_sessions"))

    async def test_a_date_that_cannot_be_read_does_not_stop_the_poll(self, feed, poll, rooms, mocker):
        mocker.patch.object(feeds.SessionFeed, "date_keys", ("id",))
        sessions = feed("sessions")
        for _ in range(3):
            snapshot, _ = await poll(sessions)
        assert snapshot.items_by_room.keys() == set(rooms)

    async def test_the_list_of_rooms_counts_too(self, feed, poll, rooms, mocker):
        mocker.patch.object(feeds.SessionFeed, "max_requests", 8)
        _, requests = await poll(feed("sessions"))
        assert requests == {"list_conferences": 2, "list_sessions": 6}

    async def test_its_pages_are_read_twice_at_the_first_poll_only(self, feed, poll, sandbox, account):
        for _ in range(251):
            account.open_room()
        conferences = feed("conferences")
        assert (await poll(conferences))[1] == {"list_conferences": 4}
        assert (await poll(conferences))[1] == {"list_conferences": 2}

    async def test_with_a_long_interval_the_others_are_read_a_minute_later_and_none_twice(self, poll, sandbox, rooms):
        sessions = feeds.SessionFeed(ClickMeetingAsyncHook(), None, interval=600)
        polled = []
        for _ in range(4):
            snapshot, _ = await poll(sessions)
            polled.append(polled_rooms(sandbox, "list_sessions"))
        assert [len(each) for each in polled] == [5, 5, 2, 0]
        assert set.union(*polled) == set(rooms)
        assert snapshot.seen_until == EVERYTHING
        sandbox.advance(timedelta(seconds=600))
        await poll(sessions)
        assert len(polled_rooms(sandbox, "list_sessions")) == 5

    @pytest.mark.parametrize(("number", "pauses"), [(12, [60, 60, 600]), (5, [600, 600, 600])])
    async def test_the_stream_polls_again_after_a_minute(self, sandbox, account, few_requests, mocker, number, pauses):
        for _ in range(number):
            account.open_room()
        slept, sleep = [], asyncio.sleep

        async def skip(seconds):
            slept.append(seconds)
            await sleep(0)

        mocker.patch("asyncio.sleep", skip)
        stream = snapshots("sessions", "clickmeeting_default", None, 600)
        for _ in range(4):
            await anext(stream)
            sandbox.advance(MINUTE)
        await stream.aclose()
        assert [60 if each == 60 else 600 for each in slept if each > 50] == pauses


class TestRegistrations:
    async def test_come_without_names_and_addresses(self, feed, poll, sandbox, account):
        room_id = account.open_room()
        await account.register(room_id)
        snapshot, _ = await poll(feed("registrations"))
        ((of, registration),) = snapshot.items()
        assert of == room_id
        assert registration.keys() == {"id", "registration_date"}
        kept = json.dumps(snapshot.items_by_room).lower()
        assert not [word for word in ("ada", "lovelace", "example.com") if word in kept]

    async def test_only_rooms_with_registration_are_polled(self, feed, poll, sandbox, account):
        account.open_room(registration={"enabled": 0})
        room_id = account.open_room()
        registrations = feed("registrations")
        for _ in range(2):
            snapshot, requests = await poll(registrations)
            assert requests["list_registrations"] == 1
            assert snapshot.items_by_room == {room_id: []}

    async def test_of_a_room_that_was_closed_are_polled_once_it_is_known_to_be_closed(
        self, feed, poll, sandbox, account
    ):
        room_id = account.open_room()
        registrations = feed("registrations")
        await poll(registrations)
        await account.register(room_id)
        await registrations.hook.update_conference(room_id, status="inactive")
        snapshot, requests = await poll(registrations)
        assert (len(snapshot.items_by_room[room_id]), requests["list_registrations"]) == (1, 1)
        # ClickMeeting's clock shows whole seconds: within one, nobody knows what came first
        await poll(registrations)
        _, requests = await poll(registrations)
        assert requests == {"list_conferences": 1}

    async def test_of_one_room_need_registration(self, feed, poll, sandbox, account):
        with pytest.raises(ValidationError, match="Registration is disabled"):
            await poll(feed("registrations", account.open_room(registration={"enabled": 0})))


class TestRecordings:
    @pytest.fixture
    def room_id(self, sandbox, account):
        return account.room_that_was_held(sandbox.now - DAY, name="Talk")

    @pytest.fixture
    def recording_id(self, sandbox, room_id):
        return sandbox.add_recording(room_id, size=1000)

    async def test_all_take_one_request(self, feed, poll, sandbox, room_id, recording_id):
        recordings = feed("recordings")
        snapshot, requests = await poll(recordings)
        ((of, recording),) = snapshot.items()
        assert (of, snapshot.name_of(of), recording["id"]) == (room_id, "Talk", recording_id)
        # the rooms' names take two more, when there is a room that is not known
        assert requests == {"list_all_recordings": 1, "list_conferences": 2}
        sandbox.add_recording(room_id, size=2000)
        snapshot, requests = await poll(recordings)
        assert (len(snapshot.items_by_room[room_id]), requests) == (2, {"list_all_recordings": 1})

    async def test_none_take_one_request_too(self, feed, poll, sandbox, room_id):
        snapshot, requests = await poll(feed("recordings"))
        assert (snapshot.items_by_room, requests) == ({}, {"list_all_recordings": 1})

    async def test_a_deleted_one_disappears(self, feed, poll, sandbox, room_id, recording_id):
        recordings = feed("recordings")
        await poll(recordings)
        await recordings.hook.delete_recording(room_id, recording_id)
        snapshot, _ = await poll(recordings)
        assert snapshot.items_by_room == {}

    async def test_of_rooms_so_old_that_they_are_not_listed_come_without_their_names(
        self, feed, poll, sandbox, account
    ):
        room_id = account.room_that_was_held(sandbox.now - 200 * DAY)
        sandbox.add_recording(room_id, size=1000)
        recordings = feed("recordings")
        snapshot, _ = await poll(recordings)
        assert (snapshot.items_by_room.keys(), snapshot.name_of(room_id)) == ({room_id}, "")
        _, requests = await poll(recordings)
        assert requests == {"list_all_recordings": 1}

    @pytest.mark.parametrize("position", ["room_id", "bare", "404"])
    async def test_are_found_however_clickmeeting_lists_them(
        self, feed, poll, sandbox, position, room_id, recording_id
    ):
        sandbox.switch(all_recordings=position)
        recordings = feed("recordings")
        for _ in range(2):
            snapshot, _ = await poll(recordings)
            assert [(of, each["id"]) for of, each in snapshot.items()] == [(room_id, recording_id)]

    @pytest.mark.parametrize("position", ["bare", "404"])
    async def test_are_polled_in_rooms_that_can_have_some_where_clickmeeting_does_not_say_whose_they_are(
        self, feed, poll, sandbox, account, position, room_id, recording_id
    ):
        sandbox.switch(all_recordings=position)
        once = {account.room_that_starts(sandbox.now + DAY), account.room_that_was_held(sandbox.now - 3 * DAY)}
        recordings = feed("recordings")
        await poll(recordings)
        assert polled_rooms(sandbox, "list_recordings") == {room_id} | once
        _, requests = await poll(recordings)
        assert polled_rooms(sandbox, "list_recordings") == {room_id}
        assert requests == {"list_all_recordings": 1, "list_conferences": 1, "list_recordings": 1}


class TestOneRoom:
    @pytest.fixture
    async def room_id(self, sandbox, account):
        """A room in which everything has happened already, and that is over; there are others."""
        account.open_room()
        room_id = account.room_that_was_held(sandbox.now - 30 * DAY, name="Talk", registration={"enabled": 1})
        sandbox.add_recording(room_id, size=1000)
        await account.register(room_id)
        return room_id

    @pytest.mark.parametrize(
        ("name", "operation"),
        [("sessions", "list_sessions"), ("registrations", "list_registrations"), ("recordings", "list_recordings")],
    )
    async def test_takes_one_request_after_the_first_poll(self, feed, poll, sandbox, room_id, name, operation):
        watched = feed(name, room_id)
        snapshot, requests = await poll(watched)
        assert requests == {"get_conference": 1, operation: 1}
        for _ in range(2):
            snapshot, requests = await poll(watched)
            assert requests == {operation: 1}
        assert (snapshot.name_of(room_id), len(snapshot.items_by_room[room_id])) == ("Talk", 1)

    async def test_its_name_is_read_again_now_and_then(self, feed, poll, sandbox, room_id):
        sessions = feed("sessions", room_id)
        await poll(sessions)
        sandbox.advance(HOUR)
        await sessions.hook.update_conference(room_id, name="New name")
        snapshot, _ = await poll(sessions)
        assert snapshot.name_of(room_id) == "New name"

    async def test_one_that_fails_fails_the_poll(self, feed, poll, sandbox, room_id):
        sessions = feed("sessions", room_id)
        await poll(sessions)
        sandbox.fault("list_sessions", "status", status=500)
        with pytest.raises(ServerError):
            await poll(sessions)

    async def test_one_that_is_not_there_fails_the_poll(self, feed, poll, sandbox):
        with pytest.raises(NotFoundError):
            await poll(feed("sessions", 99999999))


class TestSnapshots:
    """A stream of snapshots goes on for ever, whatever happens."""

    @pytest.fixture
    async def stream(self, sandbox, account):
        account.open_room()
        stream = snapshots("sessions", "clickmeeting_default", None, 0.02)
        yield (each async for each in stream if isinstance(each, Snapshot))
        await stream.aclose()

    async def test_comes_every_so_many_seconds(self, stream, sandbox):
        begun = asyncio.get_running_loop().time()
        for _ in range(4):
            assert [room["name"] for room in (await anext(stream)).rooms.values()] == ["Talk"]
        assert asyncio.get_running_loop().time() - begun >= 3 * 0.02 * 0.9
        assert sandbox.count("list_sessions") == 4

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("status", {"status": 500}),
            ("status", {"status": 503, "body": "html"}),
            ("429", {}),
            ("429", {"retry_after": 0}),
            ("html", {}),
            ("empty", {}),
            ("error200", {}),
            ("redirect", {}),
            ("cut", {}),
            ("reset", {}),
            ("hang", {}),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
    )
    async def test_a_poll_that_fails_is_logged_and_tried_again(
        self, stream, sandbox, connect, caplog, eventually, kind, options
    ):
        connect(sandbox, extra={"max_attempts": 1, "timeout": 0.1})
        sandbox.fault("list_conferences", kind, times=None, **options)
        next_one = asyncio.create_task(anext(stream))
        await eventually(
            lambda: "Polling sessions of clickmeeting_default failed 3 times in a row; next attempt in" in caplog.text
        )
        sandbox.clear_faults()
        assert len((await next_one).items_by_room) == 1
        assert "Traceback" not in caplog.text

    async def test_pauses_grow_while_polls_fail(self, stream, sandbox, eventually, mocker):
        pauses = []
        pause = feeds.PollPolicy.pause
        mocker.patch.object(feeds.PollPolicy, "pause", lambda *args: pauses.append(pause(*args)) or pauses[-1])
        sandbox.fault("list_conferences", "status", times=4)
        await anext(stream)
        await anext(stream)
        *failed, succeeded = pauses
        assert len(failed) == 4
        assert failed == sorted(failed)
        assert succeeded < failed[1]

    async def test_a_wrong_key_is_read_again_once_it_was_corrected(self, stream, sandbox, connect, caplog, eventually):
        connect(sandbox, password="wrong")
        next_one = asyncio.create_task(anext(stream))
        await eventually(lambda: "Wrong API key" in caplog.text)
        connect(sandbox)
        assert len((await next_one).items_by_room) == 1

    @pytest.mark.parametrize("broken", [{"password": ""}, {"extra": {"timeout": "soon"}}], ids=["no key", "no number"])
    async def test_so_is_a_connection_that_could_not_be_read(
        self, stream, sandbox, connect, caplog, eventually, broken
    ):
        connect(sandbox, **broken)
        next_one = asyncio.create_task(anext(stream))
        await eventually(lambda: "2 times in a row" in caplog.text)
        connect(sandbox)
        assert len((await next_one).items_by_room) == 1

    async def test_and_one_that_was_not_there(self, stream, sandbox, connect, caplog, eventually, mocker):
        mocker.patch.dict(os.environ)
        del os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"]
        next_one = asyncio.create_task(anext(stream))
        await eventually(lambda: "Create it in the UI under Admin > Connections" in caplog.text)
        connect(sandbox)
        assert len((await next_one).items_by_room) == 1
