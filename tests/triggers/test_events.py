"""The watchers from end to end: each by itself, as Airflow 3.1 and 3.2 run them, and on shared streams, as 3.3 does."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pkgutil import resolve_name

import pytest

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.events import WATCHERS, clickmeeting_asset

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# those of which one comes whenever everything happens; the others have tests of their own
ONE_EACH = [event for event in WATCHERS if event != "starts_soon" and not event.startswith("attendee_")]
IN_ROOMS = [event for event in ONE_EACH if event != "conference_created"]


@pytest.fixture
def room_id(account):
    return account.open_room()


@pytest.mark.parametrize("event", ONE_EACH)
class TestEachWatcher:
    async def test_reports_nothing_that_had_happened_before(self, event, triggerer, account, room_id):
        await account.everything_happens(room_id)
        watch = await triggerer.watch(clickmeeting_asset(event))
        assert await watch.reports(0) == []

    async def test_reports_what_happens_from_then_on_once(self, event, triggerer, account, room_id):
        await account.everything_happens(room_id)
        watch = await triggerer.watch(clickmeeting_asset(event))
        room_id = account.open_room("Second talk")
        await account.everything_happens(room_id)
        (reported,) = await watch.reports(1)
        assert reported["id"].startswith(f"{event}-{room_id}")
        assert (reported["event"], reported["room_id"], reported["room_name"]) == (event, room_id, "Second talk")

    async def test_reports_no_secret_no_address_and_nobodys_name(self, event, triggerer, sandbox, account):
        watch = await triggerer.watch(clickmeeting_asset(event))
        room_id = account.open_room(access_type=2, password="open-sesame")
        await account.everything_happens(room_id)
        reported = json.dumps(await watch.reports(1)).lower()
        room = await ClickMeetingAsyncHook().get_conference(room_id)
        hidden = ["ada", "lovelace", "bob", "babbage", "example.com", "http", "open-sesame", "sandbox"]
        hidden += [str(room["room_pin"]), room["autologin_hash"], *room["access_role_hashes"].values()]
        assert [each for each in hidden if each.lower() in reported] == []

    async def test_counts_only_rooms_whose_name_matches(self, event, triggerer, account):
        watch = await triggerer.watch(clickmeeting_asset(event, room_name="weekly*"))
        for name in ("Weekly talk", "Biweekly talk", "WEEKLY"):
            await account.everything_happens(account.open_room(name))
        assert [each["room_name"] for each in await watch.reports(2)] == ["Weekly talk", "WEEKLY"]

    async def test_is_made_again_of_plain_json_without_any_secret(self, event, sandbox):
        trigger = clickmeeting_asset(event, room_name="Weekly*", interval=30).watchers[0].trigger
        path, arguments = trigger.serialize()
        again = resolve_name(path)(**json.loads(json.dumps(arguments)))
        assert again.serialize() == (path, arguments)
        assert again.shared_stream_key() == trigger.shared_stream_key()
        assert sandbox.api_key not in arguments.values()


@pytest.mark.parametrize("event", IN_ROOMS)
async def test_only_one_room_is_watched(event, triggerer, sandbox, account, room_id):
    other = account.open_room()
    watch = await triggerer.watch(clickmeeting_asset(event, room_id=room_id))
    await account.everything_happens(other)
    await account.everything_happens(room_id)
    (reported,) = await watch.reports(1)
    assert (reported["room_id"], reported["room_name"]) == (room_id, "Talk")
    assert sandbox.count("list_conferences") == 0


@pytest.mark.parametrize(
    ("event", "operation"),
    [
        ("session_started", "list_sessions"),
        ("session_ended", "list_sessions"),
        ("registration", "list_registrations"),
        ("attendee_joined", "list_sessions"),
        ("attendee_joined", "list_session_attendees"),
    ],
)
async def test_what_a_room_shows_late_because_its_first_polls_failed_is_not_new(
    event, operation, triggerer, sandbox, account
):
    rooms = [account.open_room(), account.open_room()]
    for room_id in rooms:
        await account.everything_happens(room_id)
    sandbox.fault(operation, "status", status=500)
    watch = await triggerer.watch(clickmeeting_asset(event))
    assert await watch.reports(0) == []
    people = 2 if event == "attendee_joined" else 1
    for room_id in rooms:
        await account.register(room_id, "Grace", "Hopper")
        await account.everything_happens(room_id)
    reported = await watch.reports(2 * people)
    assert sorted(each["room_id"] for each in reported) == sorted(rooms * people)


async def test_several_are_reported_the_oldest_first(triggerer, sandbox, account):
    later, earlier = account.open_room(), account.open_room()
    sandbox.play(later, start=sandbox.now + 2 * HOUR)
    sandbox.play(earlier, start=sandbox.now + HOUR)
    watch = await triggerer.watch(clickmeeting_asset("session_started"))
    sandbox.advance(3 * HOUR)
    assert [each["room_id"] for each in await watch.reports(2)] == [earlier, later]


async def test_the_last_of_several_is_reported_at_the_next_poll(triggerer, sandbox, room_id):
    for minutes in (30, 60, 90):
        sandbox.play(room_id, start=sandbox.now + timedelta(minutes=minutes))
    watch = await triggerer.watch(clickmeeting_asset("session_started"))
    sandbox.advance(2 * HOUR)
    await watch.reports(3)
    first = watch.reported_at[0]
    assert watch.reported_at == [first, first, first + 1]


class TestAllWatchersTogether:
    @pytest.fixture
    async def reported(self):
        """Wait until each of them has reported so many events, and return them."""

        async def reported(watches, number):
            return await asyncio.gather(*(watch.reports(number) for watch in watches))

        return reported

    async def test_each_reports_its_own(self, triggerer, account, reported):
        watches = await triggerer.watch(*map(clickmeeting_asset, ONE_EACH))
        await account.everything_happens(account.open_room())
        assert [each["event"] for (each,) in await reported(watches, 1)] == ONE_EACH

    async def test_they_go_on_after_an_outage_and_report_what_happened_meanwhile(
        self, triggerer, sandbox, account, reported, eventually
    ):
        watches = await triggerer.watch(*map(clickmeeting_asset, ONE_EACH))
        sandbox.forget_requests()
        for kind in ("status", "html", "reset", "429", "cut"):
            sandbox.fault("*", kind, times=4)
        room_id = account.open_room()
        await eventually(lambda: sandbox.count() > 20)
        await account.everything_happens(room_id)
        assert {each["room_id"] for (each,) in await reported(watches, 1)} == {room_id}

    async def test_they_begin_once_clickmeeting_is_there(self, triggerer, sandbox, account, reported, eventually):
        await account.everything_happens(account.open_room())
        sandbox.forget_requests()
        sandbox.fault("*", "status", status=500, times=None)
        watches = await triggerer.watch(*map(clickmeeting_asset, ONE_EACH), begun=False)
        await eventually(lambda: sandbox.count() > 8)
        sandbox.clear_faults()
        await reported(watches, 0)
        await account.everything_happens(account.open_room())
        await reported(watches, 1)


class TestPayload:
    """The whole payload of each kind of event."""

    async def test_of_a_new_room(self, triggerer, sandbox):
        watch = await triggerer.watch(clickmeeting_asset("conference_created"))
        room = sandbox.add_room(name="Talk", starts_at="2027-02-03T10:00:00+00:00", duration="1:30")
        assert await watch.reports(1) == [
            {
                "id": f"conference_created-{room['id']}",
                "event": "conference_created",
                "room_id": room["id"],
                "room_name": "Talk",
                "room_type": "webinar",
                "permanent_room": False,
                "created_at": "2027-02-01T13:00:00+01:00",
                "starts_at": "2027-02-03T11:00:00+01:00",
                "ends_at": "2027-02-03T12:30:00+01:00",
                "timezone": "Europe/Warsaw",
            }
        ]

    async def test_of_a_registration(self, triggerer, account, room_id):
        watch = await triggerer.watch(clickmeeting_asset("registration"))
        await account.register(room_id)
        (registration,) = await ClickMeetingAsyncHook().list_registrations(room_id)
        assert await watch.reports(1) == [
            {
                "id": f"registration-{room_id}-{registration['id']}",
                "event": "registration",
                "room_id": room_id,
                "room_name": "Talk",
                "registration_id": registration["id"],
                "registered_at": "2027-02-01T13:00:00+01:00",
            }
        ]

    async def test_of_a_session_that_began(self, triggerer, sandbox, room_id):
        watch = await triggerer.watch(clickmeeting_asset("session_started"))
        session_id = sandbox.play(room_id, start=sandbox.now)
        assert await watch.reports(1) == [
            {
                "id": f"session_started-{room_id}-{session_id}",
                "event": "session_started",
                "room_id": room_id,
                "room_name": "Talk",
                "session_id": session_id,
                "started_at": "2027-02-01T13:00:00+01:00",
            }
        ]

    async def test_of_a_session_that_ended(self, triggerer, sandbox, room_id):
        watch = await triggerer.watch(clickmeeting_asset("session_ended"))
        ada = {"nickname": "Ada", "visits": [(0, 20), (30, None)]}
        session_id = sandbox.play(room_id, start=sandbox.now, attendees=[ada, {"nickname": "Bob"}])
        sandbox.advance(HOUR + 5 * MINUTE)
        assert await watch.reports(1) == [
            {
                "id": f"session_ended-{room_id}-{session_id}",
                "event": "session_ended",
                "room_id": room_id,
                "room_name": "Talk",
                "session_id": session_id,
                "started_at": "2027-02-01T13:00:00+01:00",
                "ended_at": "2027-02-01T14:00:00+01:00",
                "total_visitors": 3,
                "max_visitors": 2,
            }
        ]

    async def test_of_a_recording(self, triggerer, sandbox, room_id):
        watch = await triggerer.watch(clickmeeting_asset("recording_ready"))
        recording_id = sandbox.add_recording(room_id, size=5000, duration=1800, name="Part one")
        assert await watch.reports(1) == [
            {
                "id": f"recording_ready-{room_id}-{recording_id}",
                "event": "recording_ready",
                "room_id": room_id,
                "room_name": "Talk",
                "recording_id": recording_id,
                "name": "Part one",
                "started_at": "2027-02-01T11:30:00+00:00",
                "duration": 1800,
                "size": 5000,
            }
        ]


class TestSettling:
    """A session that ended is reported when its attendee list is complete."""

    async def test_the_end_must_lie_back(self, triggerer, sandbox, room_id):
        watch = await triggerer.watch(clickmeeting_asset("session_ended", settle=600))
        sandbox.play(room_id, start=sandbox.now)
        sandbox.advance(HOUR + 9 * MINUTE)
        assert await watch.reports(0) == []
        sandbox.advance(MINUTE)
        assert len(await watch.reports(1)) == 1

    @pytest.fixture
    def two_minutes_per_list(self, sandbox, mocker):
        """Let two minutes go by before each attendee list is read, however fast the machine is."""
        run = ClickMeetingAsyncHook.run

        async def run_later(hook, call):
            if call.name == "list_session_attendees":
                sandbox.advance(2 * MINUTE)
            return await run(hook, call)

        mocker.patch.object(ClickMeetingAsyncHook, "run", run_later)

    async def test_the_attendee_list_must_read_the_same_at_two_polls_in_a_row(
        self, triggerer, sandbox, room_id, two_minutes_per_list
    ):
        sandbox.switch(attendees_delay=3600)
        watch = await triggerer.watch(clickmeeting_asset("session_ended", settle=60))
        # somebody comes every minute, and the list shows it an hour later
        crowd = [{"nickname": f"Guest {minute}", "visits": [(minute, None)]} for minute in range(60)]
        end = sandbox.now + HOUR
        sandbox.play(room_id, start=sandbox.now, end=end, attendees=crowd)
        sandbox.advance(HOUR + MINUTE)
        (reported,) = await watch.reports(1)
        assert reported["total_visitors"] == 60
        *_, before, last = [datetime.fromisoformat(each["time"]) for each in sandbox.log("list_session_attendees")]
        assert end + HOUR <= before < last

    async def test_zero_seconds_count_at_once(self, triggerer, sandbox, room_id):
        watch = await triggerer.watch(clickmeeting_asset("session_ended", settle=0))
        sandbox.play(room_id, start=sandbox.now)
        sandbox.advance(HOUR)
        assert len(await watch.reports(1)) == 1
        assert sandbox.count("list_session_attendees") == 0

    async def test_a_list_that_cannot_be_read_in_between_is_read_twice_again(
        self, triggerer, sandbox, account, room_id
    ):
        watch = await triggerer.watch(clickmeeting_asset("session_ended"))
        sandbox.fault("list_session_attendees", "status", status=500, skip=1)
        await account.everything_happens(room_id)
        assert len(await watch.reports(1)) == 1
        assert [each["status"] for each in sandbox.log("list_session_attendees")] == [200, 500, 200, 200]


class TestManyRooms:
    """The first polls do not reach all rooms, and not all ends of sessions are confirmed at once."""

    @pytest.fixture
    def few_requests(self, mocker):
        mocker.patch("airflow_clickmeeting.triggers.feeds.MIN_ROOMS", 3)
        for feed in ("SessionFeed", "RegistrationFeed"):
            mocker.patch(f"airflow_clickmeeting.triggers.feeds.{feed}.max_requests", 0)

    @pytest.mark.parametrize("event", ["registration", "session_started"])
    async def test_what_happened_before_the_start_is_not_reported_and_what_happens_during_it_is(
        self, event, triggerer, sandbox, account, few_requests
    ):
        rooms = [account.open_room() for _ in range(12)]
        for room_id in rooms:
            await account.register(room_id)
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + MINUTE)
        sandbox.advance(HOUR)
        watch = await triggerer.watch(clickmeeting_asset(event))
        sandbox.advance(MINUTE)
        for room_id in rooms:
            await account.register(room_id, "Grace")
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + MINUTE)
        sandbox.set_speed(600)
        reported = await watch.reports(12)
        assert {each["room_id"] for each in reported} == set(rooms)

    async def test_all_ends_of_sessions_are_reported_though_a_poll_confirms_a_few(
        self, triggerer, sandbox, account, mocker
    ):
        mocker.patch("airflow_clickmeeting.triggers.watcher.MAX_CONFIRMATIONS", 2)
        rooms = [account.open_room() for _ in range(7)]
        watch = await triggerer.watch(clickmeeting_asset("session_ended"))
        for room_id in rooms:
            sandbox.play(room_id, start=sandbox.now, end=sandbox.now + MINUTE)
        # of one room, the list cannot be read for a while, which does not keep out the others
        sandbox.fault("list_session_attendees", "status", status=500, times=5)
        sandbox.advance(HOUR)
        assert {each["room_id"] for each in await watch.reports(7)} == set(rooms)
        assert watch.reported_at[-1] - watch.reported_at[0] >= 5


class TestProcessing:
    """A recording is reported when it was processed."""

    @pytest.fixture
    def record(self, sandbox, room_id):
        """Let a session be recorded, whose processing begins now and takes an hour."""

        def record():
            sandbox.play(room_id, start=sandbox.now, recordings=[{"size": 3_600_000, "ready_after": 3600}])
            sandbox.advance(HOUR)

        return record

    @pytest.mark.parametrize("unready", ["hidden", "sizeless"])
    async def test_one_without_a_size_is_not_ready(self, triggerer, sandbox, record, unready):
        sandbox.switch(unready_recordings=unready)
        watch = await triggerer.watch(clickmeeting_asset("recording_ready"))
        record()
        assert await watch.reports(0) == []
        sandbox.advance(HOUR)
        assert [each["size"] for each in await watch.reports(1)] == [3_600_000]

    async def test_its_size_must_read_the_same_at_two_polls_in_a_row(self, triggerer, sandbox, record):
        sandbox.switch(unready_recordings="growing")
        watch = await triggerer.watch(clickmeeting_asset("recording_ready"))
        record()
        sandbox.set_speed(4000)
        assert [each["size"] for each in await watch.reports(1)] == [3_600_000]

    @pytest.mark.parametrize("position", ["room_id", "bare", "404"])
    async def test_is_found_however_clickmeeting_lists_recordings(self, triggerer, sandbox, account, room_id, position):
        sandbox.switch(all_recordings=position)
        watch = await triggerer.watch(clickmeeting_asset("recording_ready"))
        await account.everything_happens(room_id)
        assert [each["room_name"] for each in await watch.reports(1)] == ["Talk"]


@pytest.mark.parametrize("event", ONE_EACH)
async def test_what_happens_while_nobody_watches_is_not_reported_without_a_store(event, lone_triggerer, account):
    asset = clickmeeting_asset(event)
    await lone_triggerer.watch(asset)
    await lone_triggerer.restart()
    await account.everything_happens(account.open_room())
    watch = await lone_triggerer.watch(asset)
    assert await watch.reports(0) == []
    room_id = account.open_room()
    await account.everything_happens(room_id)
    assert [each["room_id"] for each in await watch.reports(1)] == [room_id]
