"""The trigger of deferred sensors, run in this process against the sandbox."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from waiting_account import after_request, no_jitter, room_id, sandbox, session_id, short_pauses  # noqa: F401 - fixtures

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    error_from_json,
)
from airflow_clickmeeting.triggers import condition
from airflow_clickmeeting.triggers.condition import WaitTrigger
from airflow_clickmeeting.waiting.conditions import (
    Condition,
    ConferenceStatus,
    FileConverted,
    RecordingReady,
    Registrations,
    SessionEnded,
    SessionReport,
)
from airflow_clickmeeting.waiting.polling import PollPolicy


@dataclass(frozen=True)
class Misread(Condition):
    """A condition of a user's own, with a mistake in it."""

    room_id: int

    @property
    def call(self) -> Call[Any]:
        return calls.get_conference(self.room_id)

    def check(self, response: Any, now: Any) -> dict[str, Any] | None:
        return {"host": response["no such key"]}


def trigger_for(condition: Condition, *, seconds: float = 30, **poll_policy: Any) -> WaitTrigger:
    """Return what a sensor that began just now, and waits for so many seconds, defers to."""
    began = time.time()
    of_it = PollPolicy(**{"interval": 0.02, "began": began, "deadline": began + seconds, **poll_policy})
    return WaitTrigger(condition.to_json(), "clickmeeting_default", of_it.to_json())


def made_again(trigger: WaitTrigger) -> WaitTrigger:
    """Return the trigger that another triggerer makes of what Airflow keeps."""
    path, arguments = trigger.serialize()
    return resolve_name(path)(**Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(arguments)))


async def fired(trigger: WaitTrigger) -> dict[str, Any]:
    """Run a trigger to its end, and return its only event, as it reaches the worker, without the progress."""
    event, _ = await fired_after(trigger)
    return event


async def fired_after(trigger: WaitTrigger) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a trigger to its end, and return its only event, and what the event says about the progress."""
    (event,) = [event async for event in trigger.run()]
    payload = json.loads(json.dumps(event.payload))
    progress = payload.pop("progress")
    assert progress.keys() - {"room_url"} == {"seconds", "polls", "failed", "awaited", "state"}
    return payload, progress


async def failure_of(trigger: WaitTrigger) -> ClickMeetingError:
    """Run a trigger that fails, and return what the worker raises."""
    event = await fired(trigger)
    assert event.keys() == {"failed"}
    return error_from_json(event["failed"])


@pytest.fixture
def since(sandbox) -> str:
    return sandbox.now.isoformat()


@pytest.fixture
def ended(since, room_id) -> SessionEnded:
    """The end of a session in a room where nobody is yet."""
    return SessionEnded(room_id=room_id, since=since)


@pytest.fixture
def report(sandbox, room_id, session_id) -> SessionReport:
    """A report that is finished at the third request."""
    sandbox.advance(timedelta(hours=3))
    return SessionReport(room_id=room_id, session_id=session_id)


class TestItFires:
    async def test_with_the_result(self, sandbox, ended, session_id, after_request):
        after_request("list_sessions", lambda: sandbox.advance(timedelta(hours=3)))
        event = await fired(trigger_for(ended))
        assert event["result"]["session_id"] == session_id

    async def test_when_two_polls_return_the_same(self, sandbox, ended, session_id):
        sandbox.advance(timedelta(hours=3))
        assert "result" in await fired(trigger_for(ended))
        assert sandbox.counts == {"list_sessions": 2, "list_session_attendees": 2, "get_conference": 1}

    async def test_when_recordings_grow_no_more(self, sandbox, room_id, since):
        making = {"size": 5000, "duration": 3600, "ready_after": 600}
        hour = timedelta(hours=1)
        sandbox.switch(unready_recordings="growing")
        sandbox.play(room_id, start=sandbox.now, end=sandbox.now + hour, recordings=[making])
        sandbox.advance(hour + timedelta(minutes=5))
        sandbox.set_speed(600)
        event = await fired(trigger_for(RecordingReady(room_id=room_id, since=since)))
        assert [each["size"] for each in event["result"]["recordings"]] == [5000]

    async def test_when_time_is_up(self, sandbox, ended):
        assert await fired(trigger_for(ended, seconds=0.3)) == {"timed_out": True}
        assert sandbox.count("list_sessions") >= 1

    async def test_without_any_secret(self, report):
        assert "http" not in json.dumps(await fired(trigger_for(report)))


async def goes_on(trigger: WaitTrigger, sandbox, operation: str) -> bool:
    """Return whether a trigger still waits once an operation was requested twice."""
    waiting = asyncio.create_task(fired(trigger))
    while not waiting.done() and sandbox.count(operation) < 2:  # noqa: ASYNC110 - the sandbox counts in another thread
        await asyncio.sleep(0.01)
    goes_on = not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return goes_on


class TestNotYet:
    """Nothing there is no failure, in whatever way ClickMeeting says so."""

    @pytest.mark.parametrize("answer", ["empty", "404"])
    async def test_a_room_where_nobody_came(self, sandbox, ended, answer):
        sandbox.switch(no_sessions=answer)
        assert await goes_on(trigger_for(ended), sandbox, "list_sessions")

    @pytest.mark.parametrize("answer", ["error200", "404", "empty"])
    async def test_a_room_that_was_not_recorded(self, sandbox, room_id, since, answer):
        sandbox.switch(no_recordings=answer)
        recorded = RecordingReady(room_id=room_id, since=since)
        assert await goes_on(trigger_for(recorded), sandbox, "list_recordings")

    async def test_a_room_for_which_nobody_registered(self, sandbox, room_id):
        assert await goes_on(trigger_for(Registrations(room_id=room_id)), sandbox, "list_registrations")


class TestItTalks:
    """Its lines reach the log of the task, which the UI shows while the task is deferred."""

    @pytest.fixture
    def lines(self, mocker) -> list[str]:
        """What a trigger logs, as an Airflow keeps it in the task's log."""
        lines: list[str] = []
        log = SimpleNamespace(log=lambda level, message, *values: lines.append(message % values))
        mocker.patch.object(WaitTrigger, "log", log)
        return lines

    async def test_it_names_the_room_and_says_how_long_the_sensor_waited(self, sandbox, ended, room_id, lines):
        trigger = trigger_for(ended, seconds=0.3)
        trigger.polls = 1
        _, progress = await fired_after(trigger)
        (line,) = lines
        assert line.startswith(f"Waiting for {ended.description}, waited ")
        assert (
            ", 2 polls. Room 'Talk' has no planned times. Now: no session yet; at ClickMeeting it is 2027-02-01" in line
        )
        assert progress["polls"] == sandbox.count("list_sessions") + 1
        assert (progress["failed"], progress["state"]) == (0, "no session yet")
        assert 0.3 <= progress["seconds"] < 30

    async def test_a_response_that_is_the_room_needs_no_further_request(self, sandbox, room_id, lines):
        await fired(trigger_for(ConferenceStatus(room_id=room_id), seconds=0.1))
        assert "Room 'Talk' has no planned times. Now: the room's status is 'active'" in lines[0]
        assert set(sandbox.counts) == {"get_conference"}

    async def test_a_file_has_no_room(self, sandbox, lines):
        await failure_of(trigger_for(FileConverted(file_id=99999999)))
        assert set(sandbox.counts) == {"get_file"}

    async def test_a_room_that_cannot_be_read_does_not_matter(self, sandbox, ended, lines):
        sandbox.fault("get_conference", "status", status=503, times=None)
        assert await fired(trigger_for(ended, seconds=0.1)) == {"timed_out": True}
        assert f"Waiting for {ended.description}. Now: no session yet" in lines[0]
        assert sandbox.count("get_conference") == 1, "it is not asked for again"

    async def test_all_sensors_of_a_room_share_one_request_for_it(self, sandbox, ended, lines):
        await asyncio.gather(*[fired(trigger_for(ended, seconds=0.3)) for _ in range(50)])
        assert len(lines) == 50
        assert sandbox.count("get_conference") == 1

    async def test_failures_are_counted_from_what_the_worker_saw(self, sandbox, report, lines):
        sandbox.fault(REPORT, "status", status=503, times=1)
        trigger = trigger_for(report)
        trigger.failures, trigger.polls, trigger.failed = 1, 5, 2
        _, progress = await fired_after(made_again(trigger))
        assert lines[0].startswith("Polling failed, failure 2 of 10: generate_session_report: ")
        assert lines[1].startswith(f"Polling works again after 2 failures. Waiting for {report.description}, waited ")
        assert (progress["polls"], progress["failed"]) == (5 + 4, 3)

    async def test_a_hostile_name_stays_in_its_line(self, sandbox, since, lines):
        room = sandbox.add_room(name="a\nERROR - \x1b[31mThe key is ada@example.com", permanent_room=True)
        await fired(trigger_for(SessionEnded(room_id=room["id"], since=since), seconds=0.1))
        assert r"Room 'a\nERROR - \x1b[31mThe key is ***' has no planned times" in lines[0]

    async def test_a_trigger_that_an_older_version_stored_counts_from_nothing(self, ended, lines):
        path, arguments = trigger_for(ended, seconds=0.1).serialize()
        del arguments["polls"], arguments["failed"]
        _, progress = await fired_after(resolve_name(path)(**arguments))
        assert progress["polls"] >= 1


class TestWhatIsFinal:
    async def test_a_room_that_is_gone_fails_at_once_and_is_named(self, sandbox, since):
        error = await failure_of(trigger_for(SessionEnded(room_id=99999999, since=since)))
        assert isinstance(error, NotFoundError)
        assert "conferences/99999999" in str(error)
        assert sandbox.count("list_sessions") == 1

    @pytest.mark.parametrize("status", [401, 403])
    async def test_a_key_that_may_not_do_this(self, sandbox, ended, status):
        sandbox.fault("list_sessions", "status", status=status)
        error = await failure_of(trigger_for(ended))
        assert isinstance(error, AuthenticationError)
        assert error.code == status
        assert "'clickmeeting_default'" in str(error)
        assert sandbox.count() == 1

    async def test_a_mistake_in_a_condition_is_reported_with_its_place(self, sandbox, room_id):
        error = await failure_of(trigger_for(Misread(room_id=room_id)))
        assert isinstance(error, RuntimeError)
        assert "KeyError: 'no such key'" in str(error)
        assert "in check" in str(error)
        assert sandbox.count() == 1

    async def test_nothing_is_final_if_everything_is_tolerated(self, sandbox, room_id):
        sandbox.fault("get_conference", "status", status=401)
        event = await fired(trigger_for(Misread(room_id=room_id), seconds=0.3, max_consecutive_failures=None))
        assert event == {"timed_out": True}


TRANSIENT = {
    "a connection reset": ({"kind": "reset"}, ConnectionFailedError),
    "too many requests": ({"kind": "429"}, RateLimitedError),
    "a gateway's page": ({"kind": "status", "status": 503, "body": "html"}, ServerError),
    "a page instead of JSON": ({"kind": "html"}, UnexpectedAnswerError),
    "nothing instead of JSON": ({"kind": "empty"}, UnexpectedAnswerError),
}
REPORT = "generate_session_report"


class TestWhatPasses:
    @pytest.mark.parametrize("fault", [fault for fault, _ in TRANSIENT.values()], ids=TRANSIENT)
    async def test_it_is_tolerated_as_often_as_wanted(self, sandbox, report, fault):
        sandbox.fault(REPORT, times=2, **fault)
        event = await fired(trigger_for(report, max_consecutive_failures=2))
        assert "result" in event
        assert sandbox.count(REPORT) == 2 + 3

    @pytest.mark.parametrize(("fault", "meaning"), TRANSIENT.values(), ids=TRANSIENT)
    async def test_of_too_many_the_last_is_raised(self, sandbox, report, fault, meaning):
        sandbox.fault(REPORT, "status", status=500, times=2)
        sandbox.fault(REPORT, **fault)
        error = await failure_of(trigger_for(report, max_consecutive_failures=2))
        assert type(error) is meaning
        assert error.code != 500
        assert sandbox.count(REPORT) == 3

    async def test_a_poll_that_worked_resets_the_count(self, sandbox, report):
        for others in range(3):  # each lets one request pass after the one before
            sandbox.fault(REPORT, "status", status=500, skip=others)
        event = await fired(trigger_for(report, max_consecutive_failures=1))
        assert "result" in event
        assert [entry["status"] for entry in sandbox.log(REPORT)] == [500, 200, 500, 200, 500, 200]

    async def test_the_workers_failures_count(self, sandbox, report):
        sandbox.fault(REPORT, "status", status=500, times=None)
        trigger = trigger_for(report, max_consecutive_failures=2)
        trigger.failures = 2
        assert isinstance(await failure_of(made_again(trigger)), ServerError)
        assert sandbox.count(REPORT) == 1

    async def test_it_is_tolerated_no_longer_than_the_deadline(self, sandbox, report):
        sandbox.fault(REPORT, "status", status=500, times=None)
        assert await fired(trigger_for(report, seconds=0.2, max_consecutive_failures=1000)) == {"timed_out": True}


class TestARestart:
    def test_it_is_made_again_of_what_airflow_keeps(self, ended):
        trigger = trigger_for(ended)
        trigger.fingerprint, trigger.failures, trigger.polls, trigger.failed = "ab12", 3, 5, 4
        assert made_again(trigger).serialize() == trigger.serialize()

    def test_what_airflow_keeps_holds_no_secret(self, sandbox, ended, connect):
        connect(sandbox, password="us0123456789abcdef")
        assert "us0123456789abcdef" not in json.dumps(trigger_for(ended).serialize())

    async def test_it_does_not_prolong_the_waiting(self, ended):
        trigger = trigger_for(ended, seconds=0.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fired(trigger), 0.3)
        restarted = made_again(trigger)
        assert restarted.poll_policy == trigger.poll_policy
        assert await fired(restarted) == {"timed_out": True}

    async def test_a_deadline_that_has_passed_meanwhile_leaves_one_last_poll(self, sandbox, ended):
        assert await fired(made_again(trigger_for(ended, seconds=-60))) == {"timed_out": True}
        assert sandbox.count("list_sessions") == 1

    async def test_what_happened_meanwhile_is_found_however_late(self, sandbox, since, room_id, session_id):
        sandbox.advance(timedelta(hours=3))
        late = trigger_for(SessionEnded(room_id=room_id, since=since, settle=0), seconds=-60)
        assert (await fired(late))["result"]["session_id"] == session_id


class TestManyForOneRoom:
    @pytest.fixture
    def together(self, sandbox) -> Callable[..., Any]:
        sandbox.switch(latency=0.1)

        async def together(condition: Condition, many: int = 50) -> list[dict[str, Any]]:
            return await asyncio.gather(*[fired(trigger_for(condition)) for _ in range(many)])

        return together

    async def test_they_make_one_request_per_interval(self, sandbox, report, together):
        events = await together(report)
        assert len(events) == 50
        assert all("result" in event for event in events)
        assert sandbox.count(REPORT) == 3

    async def test_they_share_the_attendee_list_too(self, sandbox, ended, session_id, together):
        sandbox.advance(timedelta(hours=3))
        events = await together(ended)
        assert {event["result"]["session_id"] for event in events} == {session_id}
        assert sandbox.counts == {"list_sessions": 2, "list_session_attendees": 2, "get_conference": 1}

    async def test_a_final_failure_reaches_each(self, sandbox, report, together):
        sandbox.fault(REPORT, "status", status=401)
        assert [event.keys() for event in await together(report)] == [{"failed"}] * 50
        assert sandbox.count(REPORT) == 1


class TestPauses:
    def test_none_is_shorter_than_the_race_in_airflow_lasts(self):
        assert condition.MIN_INTERVAL == 5

    async def test_the_first_poll_comes_after_one(self, sandbox, report, mocker):
        mocker.patch.object(condition, "MIN_INTERVAL", 0.3)
        began = time.monotonic()
        while_pausing = asyncio.create_task(fired(trigger_for(report)))
        await asyncio.sleep(0)
        assert sandbox.count() == 0
        await while_pausing
        assert time.monotonic() - began >= 0.9, "three polls, each after a pause"

    async def test_doubled_pauses_mean_fewer_polls(self, sandbox, ended):
        assert await fired(trigger_for(ended, seconds=1, exponential=True)) == {"timed_out": True}
        assert 2 <= sandbox.count("list_sessions") <= 7, "after about 20, 60, 140, 300, 620 ms, and at the end"

    async def test_doubled_pauses_may_have_a_limit(self, sandbox, ended, eventually):
        waiting = asyncio.create_task(fired(trigger_for(ended, seconds=3600, exponential=True, max_pause=0.05)))
        await eventually(lambda: sandbox.count("list_sessions") > 20)  # which takes hours without the limit
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    @pytest.mark.usefixtures("no_jitter")
    async def test_they_are_as_long_as_clickmeeting_asks_for(self, sandbox, report):
        sandbox.fault(REPORT, "429", retry_after=1)
        began = time.monotonic()
        await fired(trigger_for(report))
        assert time.monotonic() - began >= 1


async def test_a_request_that_hangs_does_not_extend_the_deadline(sandbox, report, mocker, eventually):
    timers = []

    def timeout(seconds):
        timers.append(asyncio.timeout(seconds))
        return timers[-1]

    mocker.patch.object(condition, "asyncio", SimpleNamespace(timeout=timeout))
    sandbox.fault(REPORT, "hang", seconds=7200, times=None)
    waiting = asyncio.create_task(fired(trigger_for(report, seconds=3600)))
    await eventually(lambda: sandbox.count(REPORT) == 1)
    (timer,) = timers
    now = asyncio.get_running_loop().time()
    assert timer.when() <= now + 3600 + condition.LAST_POLL
    timer.reschedule(now)
    assert await waiting == {"timed_out": True}
    assert sandbox.count(REPORT) == 1


async def test_what_cannot_be_understood_is_like_a_response_that_is_not_json(sandbox, ended, session_id):
    odd = {"id": session_id, "start_date": "2027-02-01T11:00:00+01:00", "end_date": ["x"]}
    sandbox.fault("list_sessions", "answer", json=[odd], times=None)
    event = await fired(trigger_for(ended, max_consecutive_failures=1))
    with pytest.raises(UnexpectedAnswerError, match="expected an ISO 8601 time, got a list"):
        raise error_from_json(event["failed"])
    assert sandbox.count("list_sessions") == 2
