"""Every sensor in every mode, in real DAG runs against the sandbox."""

from __future__ import annotations

import os
import re
import runpy
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow_versions import TaskDeferred, redact

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.compat import AirflowException, AirflowSensorTimeout, AirflowTaskTimeout
from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.files import ClickMeetingUploadFileOperator
from airflow_clickmeeting.sensors import base
from airflow_clickmeeting.sensors.base import ConditionSensor
from airflow_clickmeeting.sensors.clickmeeting import (
    ClickMeetingConferenceStatusSensor,
    ClickMeetingFileConvertedSensor,
    ClickMeetingRecordingReadySensor,
    ClickMeetingRegistrationsSensor,
    ClickMeetingSensor,
    ClickMeetingSessionEndedSensor,
    ClickMeetingSessionReportSensor,
    ClickMeetingSessionStartedSensor,
    ClickMeetingStartsSoonSensor,
)
from airflow_clickmeeting.triggers.condition import WaitTrigger
from airflow_clickmeeting.waiting.conditions import Condition

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.handle import Sandbox

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SINCE = NOON.isoformat()
NOWHERE = 99999999
WHEN_LATER = "If it happens later, set a longer timeout, then clear this task\\."


@dataclass(frozen=True)
class Renamed(Condition):
    """A condition of a user's own: a room has another name by now."""

    room_id: int
    name: str

    @property
    def call(self) -> Call[Any]:
        return calls.get_conference(self.room_id)

    def check(self, response: Any, now: datetime) -> dict[str, Any] | None:
        return {"name": response["name"]} if response["name"] != self.name else None


@dataclass
class Account:
    """An account, and what others do in it meanwhile."""

    sandbox: Sandbox
    hook: ClickMeetingHook
    room_id: int
    session_id: int
    slides: str

    def later(self, by: timedelta) -> Callable[[], None]:
        return lambda: self.sandbox.advance(by)


@pytest.fixture
def account(sandbox, room_id, session_id, tmp_path) -> Account:
    (tmp_path / "slides.pdf").write_bytes(b"%PDF")
    hook = ClickMeetingHook()
    hook.ping()  # reads the connection, which only the task's own thread may do later
    sandbox.forget_requests()
    return Account(sandbox, hook, room_id, session_id, str(tmp_path / "slides.pdf"))


@dataclass
class Scene:
    """A sensor, the operation it polls, what happens after the first poll, and what the sensor then returns."""

    sensor: type
    arguments: dict[str, Any]
    polls: str
    happens: Callable[[], object]
    returned: Callable[[], dict[str, Any]]


def a_session_starts(account: Account) -> Scene:
    return Scene(
        ClickMeetingSessionStartedSensor,
        {"room_id": str(account.room_id), "since": SINCE},
        "list_sessions",
        account.later(1.5 * HOUR),
        lambda: {
            "room_id": account.room_id,
            "session_id": account.session_id,
            "started_at": "2027-02-01T14:00:00+01:00",
            "ended_at": None,
            "total_visitors": 1,
            "max_visitors": 1,
        },
    )


def a_session_ends(account: Account) -> Scene:
    return Scene(
        ClickMeetingSessionEndedSensor,
        {"room_id": str(account.room_id), "since": NOON, "settle": 30},
        "list_sessions",
        account.later(3 * HOUR),
        lambda: {
            "room_id": account.room_id,
            "session_id": account.session_id,
            "started_at": "2027-02-01T14:00:00+01:00",
            "ended_at": "2027-02-01T15:00:00+01:00",
            "total_visitors": 1,
            "max_visitors": 1,
        },
    )


def a_room_becomes_inactive(account: Account) -> Scene:
    room_id = account.sandbox.add_room(starts_at=NOON + HOUR, duration=1)["id"]
    return Scene(
        ClickMeetingConferenceStatusSensor,
        {"room_id": str(room_id)},
        "get_conference",
        account.later(3 * HOUR),
        lambda: {
            "room_id": room_id,
            "status": "inactive",
            "updated_at": account.hook.get_conference(room_id)["updated_at"],
        },
    )


def a_room_is_about_to_start(account: Account) -> Scene:
    room_id = account.sandbox.add_room(starts_at=NOON + 30 * HOUR, duration=1)["id"]

    def move_and_pass() -> None:
        account.hook.update_conference(
            room_id, permanent_room=False, starts_at=NOON + 26 * HOUR, timezone="Europe/Warsaw"
        )
        account.sandbox.advance(2 * HOUR)

    return Scene(
        ClickMeetingStartsSoonSensor,
        {"room_id": str(room_id), "before": "{{ 'PT24H' }}"},
        "get_conference",
        move_and_pass,
        lambda: {
            "room_id": room_id,
            "starts_at": "2027-02-02T15:00:00+01:00",
            "ends_at": "2027-02-02T16:00:00+01:00",
            "timezone": "Europe/Warsaw",
            "before": "P1D",
        },
    )


def people_register(account: Account) -> Scene:
    ada = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}
    return Scene(
        ClickMeetingRegistrationsSensor,
        {"room_id": str(account.room_id), "at_least": "1"},
        "list_registrations",
        lambda: account.hook.register_participant(account.room_id, registration=ada),
        lambda: {"room_id": account.room_id, "registrations": 1},
    )


def a_recording_is_processed(account: Account) -> Scene:
    making = {"size": 5000, "duration": 3600, "ready_after": 600}
    account.sandbox.switch(unready_recordings="sizeless")
    account.sandbox.play(account.room_id, start=NOON - HOUR, end=NOON, recordings=[making])
    return Scene(
        ClickMeetingRecordingReadySensor,
        {"room_id": str(account.room_id), "since": SINCE, "until": NOON},
        "list_recordings",
        account.later(timedelta(minutes=10)),
        lambda: {
            "room_id": account.room_id,
            "recordings": [
                {
                    "recording_id": account.hook.list_recordings(account.room_id)[0]["id"],
                    "name": "Talk",
                    "started_at": "2027-02-01T11:00:00+00:00",
                    "duration": 3600,
                    "size": 5000,
                }
            ],
        },
    )


def a_report_is_finished(account: Account) -> Scene:
    session = {"room_id": account.room_id, "session_id": account.session_id}
    account.sandbox.advance(3 * HOUR)
    return Scene(
        ClickMeetingSessionReportSensor,
        {**{name: str(number) for name, number in session.items()}, "lang": "pl"},
        "generate_session_report",
        account.later(timedelta(minutes=2)),
        lambda: {**session, "lang": "pl", "url": account.hook.generate_session_report(**session, lang="pl")["url"]},
    )


def a_file_is_converted(account: Account) -> Scene:
    file = ClickMeetingUploadFileOperator(task_id="upload", path=account.slides).execute({})
    return Scene(
        ClickMeetingFileConvertedSensor,
        {"file_id": str(file["id"])},
        "get_file",
        account.later(timedelta(minutes=1)),
        lambda: {"file_id": file["id"], "name": "slides.pdf", "document_type": "presentation_pdf"},
    )


def a_condition_of_ones_own(account: Account) -> Scene:
    return Scene(
        ClickMeetingSensor,
        {"condition": Renamed(room_id=account.room_id, name="Talk")},
        "get_conference",
        lambda: account.hook.update_conference(account.room_id, name="Longer talk"),
        lambda: {"name": "Longer talk"},
    )


def a_condition_made_of_the_context(account: Account) -> Scene:
    return Scene(
        ClickMeetingSensor,
        {"condition": lambda context: Renamed(room_id=account.room_id, name=context["params"]["name"])},
        "get_conference",
        lambda: account.hook.update_conference(account.room_id, name="Longer talk"),
        lambda: {"name": "Longer talk"},
    )


SCENES = {
    scene.__name__: scene
    for scene in (
        a_session_starts,
        a_session_ends,
        a_room_becomes_inactive,
        a_room_is_about_to_start,
        people_register,
        a_recording_is_processed,
        a_report_is_finished,
        a_file_is_converted,
        a_condition_of_ones_own,
        a_condition_made_of_the_context,
    )
}


@pytest.fixture(params=SCENES)
def scene(request, account) -> Scene:
    return SCENES[request.param](account)


def dag_of(sensor: type, **arguments: Any) -> DAG:
    with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), params={"name": "Talk"}) as dag:
        sensor(task_id="wait", **{"poke_interval": 0.05, "timeout": 60, **arguments})
    return dag


def result_of(run: Any) -> Any:
    """Return what the only task of a run returned."""
    task = run.get_task_instance("wait")
    assert task.state == "success"
    return task.xcom_pull(task_ids="wait")


def test_it_waits_and_returns_what_happened(run_dag, sandbox, scene, after_request, mode):
    after_request(scene.polls, scene.happens)
    run = run_dag(dag_of(scene.sensor, **scene.arguments, **mode))
    polls = sandbox.count(scene.polls)
    assert result_of(run) == scene.returned()
    assert polls > 1, "it had to wait"


def test_the_address_of_a_report_is_masked(run_dag, account, mode):
    scene = a_report_is_finished(account)
    url = result_of(run_dag(dag_of(scene.sensor, **scene.arguments, **mode)))["url"]
    assert redact(f"The report is at {url}.") == "The report is at ***."


@pytest.fixture
def deferral(account) -> Callable[..., TaskDeferred]:
    """Let a sensor poll once in a context, and return what it defers to."""

    def deferral(context: Any, sensor: type = ClickMeetingSessionStartedSensor, **arguments: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as deferred:
            sensor(task_id="wait", deferrable=True, **arguments).execute(context)
        return deferred.value

    return deferral


class TestDeferred:
    @pytest.fixture
    def deferred(self, deferral) -> Callable[..., TaskDeferred]:
        """Let a sensor poll once, and return what it defers to."""
        return partial(deferral, {})

    def test_it_defers_once_in_a_try(self, run_dag, account, after_request, mocker):
        defer = mocker.spy(ConditionSensor, "defer")
        scene = a_session_starts(account)
        after_request(scene.polls, scene.happens)
        assert result_of(run_dag(dag_of(scene.sensor, **scene.arguments, deferrable=True))) == scene.returned()
        assert defer.call_count == 1, "a second one on the same triggerer would lose the lines of the first"

    def test_it_polls_once_on_the_worker(self, sandbox, account, deferred):
        deferred(ClickMeetingSessionStartedSensor, room_id=account.room_id, since=SINCE)
        assert sandbox.counts == {"list_sessions": 1}

    def test_what_has_happened_already_takes_no_trigger(self, sandbox, account):
        sandbox.advance(3 * HOUR)
        sensor = ClickMeetingSessionStartedSensor(task_id="wait", room_id=account.room_id, since=SINCE, deferrable=True)
        assert sensor.execute({})["session_id"] == account.session_id

    async def test_what_the_worker_read_counts_as_the_first_of_two_polls(self, sandbox, account, deferred):
        sandbox.advance(3 * HOUR)
        deferral = deferred(ClickMeetingSessionEndedSensor, room_id=account.room_id, since=SINCE, poke_interval=0.05)
        event = await anext(deferral.trigger.run())
        assert event.payload["result"]["session_id"] == account.session_id
        assert sandbox.counts == {"list_sessions": 2, "list_session_attendees": 2}

    def test_a_failure_on_the_worker_counts_as_the_first(self, sandbox, account, deferred):
        sandbox.fault("list_sessions", "status", status=503)
        deferral = deferred(ClickMeetingSessionStartedSensor, room_id=account.room_id, since=SINCE)
        assert (deferral.trigger.failures, deferral.trigger.fingerprint) == (1, None)

    def test_the_deadline_counts_from_the_beginning_and_airflows_own_comes_later(self, account, deferred):
        before = time.time()
        deferral = deferred(ClickMeetingSessionStartedSensor, room_id=account.room_id, since=SINCE, timeout=600)
        assert before + 600 <= deferral.trigger.poll_policy["deadline"] <= time.time() + 600
        assert deferral.timeout == timedelta(seconds=660)

    def test_a_shorter_execution_timeout_is_the_deadline(self, account, deferred):
        arguments = {"room_id": account.room_id, "since": SINCE, "execution_timeout": timedelta(seconds=60)}
        before = time.time()
        deferral = deferred(ClickMeetingSessionStartedSensor, timeout=600, **arguments)
        assert before + 60 <= deferral.trigger.poll_policy["deadline"] <= time.time() + 60
        sensor = ClickMeetingSessionStartedSensor(task_id="wait", deferrable=True, timeout=600, **arguments)
        with pytest.raises(AirflowTaskTimeout, match=r"^Timed out after 60 s .* \(execution_timeout\)\. "):
            sensor.execute_complete({}, {"timed_out": True})

    def test_the_trigger_is_as_patient_as_the_sensor(self, account, deferred):
        deferral = deferred(
            ClickMeetingSessionStartedSensor,
            room_id=account.room_id,
            since=SINCE,
            poke_interval=timedelta(minutes=5),
            exponential_backoff=True,
            max_wait=timedelta(hours=2),
            max_consecutive_failures=3,
        )
        poll_policy = {name: deferral.trigger.poll_policy[name] for name in ("interval", "exponential", "max_pause")}
        assert poll_policy == {"interval": 300, "exponential": True, "max_pause": 7200}
        assert deferral.trigger.poll_policy["max_consecutive_failures"] == 3

    def test_a_sensor_that_fails_silently_tolerates_every_failure(self, account, deferred):
        deferral = deferred(ClickMeetingSensor, condition=Renamed(NOWHERE, "Talk"), silent_fail=True)
        assert deferral.trigger.poll_policy["max_consecutive_failures"] is None
        assert deferral.trigger.failures == 1

    def test_reschedule_mode_makes_no_difference(self, account, deferred):
        assert deferred(
            ClickMeetingSessionStartedSensor, room_id=account.room_id, since=SINCE, mode="reschedule"
        ).trigger

    def test_the_trigger_waits_in_the_same_account(self, run_dag, sandbox, account, after_request, connect):
        connect(sandbox, "second", extra={"max_attempts": 1})
        connect(password="not-the-key", host=sandbox.url)
        scene = a_session_starts(account)
        after_request(scene.polls, scene.happens)
        dag = dag_of(scene.sensor, **scene.arguments, clickmeeting_conn_id="{{ 'second' }}", deferrable=True)
        assert result_of(run_dag(dag)) == scene.returned()

    @pytest.mark.parametrize("default", [True, False])
    def test_airflows_default_for_the_mode_is_respected(self, mocker, default):
        mocker.patch.dict(os.environ, {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(default)})
        sensor = runpy.run_path(base.__file__)["ConditionSensor"]  # as an Airflow with this setting imports it
        assert sensor(task_id="wait").deferrable is default
        assert sensor(task_id="wait", deferrable=not default).deferrable is not default


@pytest.fixture
def ended(account) -> ClickMeetingSessionEndedSensor:
    return ClickMeetingSessionEndedSensor(
        task_id="wait",
        room_id=account.room_id,
        session_id=account.session_id,
        since=SINCE,
        settle=0,
        timeout=0.2,
        poke_interval=0.05,
    )


class TestTimeout:
    def test_the_error_says_what_was_awaited_and_how_long(self, account, ended):
        awaited = f"session {account.session_id} of room {account.room_id} to end"
        with pytest.raises(AirflowSensorTimeout, match=f"^Timed out after 0.2 s waiting for {awaited}. {WHEN_LATER}$"):
            ended.execute({})
        with pytest.raises(AirflowSensorTimeout, match=f"^Timed out after 0.2 s waiting for {awaited}. {WHEN_LATER}$"):
            ended.execute_complete({}, {"timed_out": True})


class TestItTalks:
    """The log of the task says what it waits for, in the same sentences in all modes."""

    @pytest.fixture
    def lines(self, mocker) -> list[str]:
        """What a sensor and its trigger log."""
        lines: list[str] = []

        def log(text: str, *values: object) -> None:
            if not text.endswith("cannot be called outside of the Task Runner!"):
                lines.append(text % values if values else text)

        logger = SimpleNamespace(
            log=lambda level, text, *values: log(text, *values), info=log, warning=log, error=log, debug=log
        )
        mocker.patch.object(ConditionSensor, "log", logger)
        mocker.patch.object(WaitTrigger, "log", logger)
        return lines

    def test_it_says_what_it_waits_for_and_how_long_it_took(
        self, run_dag, sandbox, account, after_request, mode, lines
    ):
        arguments = {"room_id": account.room_id, "since": SINCE}
        after_request("list_sessions", account.later(1.5 * HOUR))
        result = result_of(run_dag(dag_of(ClickMeetingSessionStartedSensor, **arguments, **mode)))
        awaited = f"a session of room {account.room_id} to start (since {NOON.isoformat()})"
        assert lines[0].startswith(f"Waiting for {awaited}. ")
        assert "Now: no session yet; at ClickMeeting it is 2027-02-01 12:00 UTC; this machine's clock" in lines[0]
        assert lines[-1].startswith(f"The wait is over: {awaited}; waited ")
        assert lines[-1].endswith(f". Result: {result}")
        assert re.search(r"waited \d+(\.\d)? s, [2-9] polls\.", lines[-1]) or mode == {"mode": "reschedule"}

    def test_one_request_names_the_room_in_each_mode(self, run_dag, sandbox, account, mode, lines):
        arguments = {"room_id": account.room_id, "since": SINCE, "timeout": 0.5}
        run_dag(dag_of(ClickMeetingSessionStartedSensor, **arguments, **mode))
        assert any("Room 'Talk' has no planned times" in line for line in lines)
        assert sandbox.count("get_conference") == 1
        assert lines[-1].startswith("Stopped waiting for a session of room")
        assert lines[-1].endswith("the last poll that worked found: no session yet")

    def test_a_failed_poll_has_a_line(self, sandbox, account, ended, lines, mocker):
        sandbox.fault("list_sessions", "status", status=503, times=1)
        pauses = iter([lambda: None, account.later(3 * HOUR)])
        mocker.patch.object(base, "time", SimpleNamespace(sleep=lambda seconds: next(pauses)()))
        ended.timeout = 3600
        ended.execute({})
        awaited = f"session {account.session_id} of room {account.room_id} to end"
        assert lines[0].startswith("Polling failed, failure 1 of 10: list_sessions: ")
        assert f". Waiting for {awaited}; next poll within 0" in lines[0]
        assert lines[1].startswith(f"Polling works again after 1 failure. Waiting for {awaited}, waited ")
        assert lines[2].startswith(f"The wait is over: {awaited}; waited ")
        assert ", 3 polls, 1 failed. Result: " in lines[2]

    def test_a_room_that_cannot_be_read_does_not_matter(self, sandbox, account, ended, lines, mocker):
        sandbox.fault("get_conference", "status", status=403, times=None)
        mocker.patch.object(base, "time", SimpleNamespace(sleep=lambda seconds: account.later(3 * HOUR)()))
        ended.timeout = 3600
        assert ended.execute({})["session_id"] == account.session_id
        assert f"to end. Now: session {account.session_id} is not listed" in lines[0]

    def test_a_room_that_was_deleted_meanwhile_is_said_to_be(self, sandbox, account, ended, lines, mocker):
        mocker.patch.object(
            base, "time", SimpleNamespace(sleep=lambda seconds: account.hook.delete_conference(account.room_id))
        )
        ended.timeout = 3600
        with pytest.raises(NotFoundError):
            ended.execute({})
        assert "2 polls, 1 failed; the last poll that worked found: " in lines[-1]
        assert "Earlier polls found it, so somebody has deleted it on ClickMeeting" in lines[-1]

    @pytest.mark.parametrize(
        ("event", "line"),
        [
            ({"result": {"session_id": 3}}, "The wait is over: {}; the number of polls is unknown. Result: "),
            ({"timed_out": True}, "Stopped waiting for {}: the number of polls is unknown"),
        ],
    )
    def test_the_event_of_a_trigger_that_an_older_version_started(self, account, ended, lines, event, line):
        try:
            ended.execute_complete({}, event)
        except AirflowSensorTimeout:
            assert "timed_out" in event
        assert lines[-1].startswith(line.format(f"session {account.session_id} of room {account.room_id} to end"))


class Store:
    """A task state store, or one that refuses everything."""

    def __init__(self, error: Exception | None = None) -> None:
        self.values: dict[str, Any] = {}
        self._error = error

    def set(self, key: str, value: Any) -> None:
        if self._error:
            raise self._error
        self.values[key] = value


class TestTheTaskStateStore:
    """Airflow 3.3 shows it in the UI, so the page of a deferred task says what the task waits for."""

    def test_what_is_waited_for_is_in_it_before_the_task_defers(self, account, deferral):
        store = Store()
        arguments = {"room_id": str(account.room_id), "since": SINCE, "poke_interval": 120}
        trigger = deferral({"task_state_store": store}, **arguments).trigger
        deadline = datetime.fromtimestamp(trigger.poll_policy["deadline"], UTC)
        assert store.values == {
            "waiting_for": {
                "room_id": account.room_id,
                "condition": f"a session of room {account.room_id} to start (since {NOON.isoformat()})",
                "deadline": deadline.isoformat(timespec="seconds"),
                "poll_interval": 120,
            }
        }

    def test_it_has_the_rooms_name_if_the_response_has_it(self, account, deferral):
        store = Store()
        deferral({"task_state_store": store}, ClickMeetingConferenceStatusSensor, room_id=account.room_id)
        assert store.values["waiting_for"]["room_name"] == "Talk"

    def test_a_store_that_refuses_it_does_not_end_the_waiting(self, account, deferral):
        store = Store(RuntimeError("No."))
        assert deferral({"task_state_store": store}, room_id=account.room_id, since=SINCE).trigger

    def test_other_modes_need_it_not(self, account):
        store = Store()
        with pytest.raises(AirflowSensorTimeout):
            ClickMeetingSessionStartedSensor(
                task_id="wait", room_id=account.room_id, since=SINCE, timeout=0.1, poke_interval=0.05
            ).execute({"task_state_store": store})
        assert store.values == {}


class TestSince:
    @pytest.fixture
    def sessions(self, sandbox, room_id, session_id) -> list[int]:
        """The session that ended at 11, and the one that ended at 14, both over by now."""
        earlier = sandbox.play(room_id, start=NOON - 2 * HOUR, end=NOON - HOUR)
        sandbox.advance(3 * HOUR)
        return [earlier, session_id]

    @pytest.mark.parametrize(
        "run",
        [{"logical_date": NOON}, {"logical_date": None, "run_after": NOON}],
        ids=["the start of the data interval", "when the run was due, where there is no data interval"],
    )
    def test_by_default_it_is(self, run_dag, room_id, sessions, run):
        dag = dag_of(ClickMeetingSessionEndedSensor, room_id=room_id, settle=0)
        assert result_of(run_dag(dag, **run))["session_id"] == sessions[1]

    def test_a_template_may_say_otherwise(self, run_dag, room_id, sessions):
        since = "{{ (data_interval_start - macros.timedelta(hours=1)).isoformat() }}"
        dag = dag_of(ClickMeetingSessionEndedSensor, room_id=room_id, settle=0, since=since)
        assert result_of(run_dag(dag, logical_date=NOON))["session_id"] == sessions[0]

    def test_of_a_session_that_is_known_only_its_end_counts(self, run_dag, room_id, sessions):
        dag = dag_of(ClickMeetingSessionEndedSensor, room_id=room_id, settle=0, session_id=f"{{{{ {sessions[0]} }}}}")
        assert result_of(run_dag(dag, logical_date=NOON))["session_id"] == sessions[0]


class TestSettling:
    """The end must lie back, and the attendee list must read the same at two polls in a row."""

    @pytest.fixture
    def asleep(self, mocker) -> Callable[..., None]:
        """Let something happen each time the sensor sleeps; it shall not sleep more often."""

        def asleep(*changes: Callable[[], object]) -> None:
            ahead = iter(changes)
            mocker.patch.object(base, "time", SimpleNamespace(sleep=lambda seconds: next(ahead)()))

        return asleep

    @pytest.fixture
    def wait(self, room_id) -> Callable[..., Any]:
        return lambda **more: ClickMeetingSessionEndedSensor(
            task_id="wait", room_id=room_id, since=SINCE, **more
        ).execute({})

    def test_the_end_must_lie_back(self, sandbox, account, wait, asleep):
        sandbox.set_time(NOON + 2 * HOUR)
        asleep(account.later(timedelta(seconds=200)), account.later(timedelta(seconds=200)), account.later(HOUR))
        assert wait(settle=300)["session_id"] == account.session_id
        assert sandbox.counts == {"list_sessions": 4, "list_session_attendees": 2, "get_conference": 1}

    def test_a_list_that_still_grows_is_waited_for(self, sandbox, account, wait, asleep):
        late = [{"email": "bob@example.com", "nickname": "Bob", "visits": [(30, 60)]}]
        session_id = sandbox.play(account.room_id, start=NOON, end=NOON + HOUR, attendees=late)
        sandbox.switch(attendees_delay=HOUR.total_seconds())
        sandbox.set_time(NOON + 1.25 * HOUR)
        asleep(account.later(HOUR / 2), account.later(HOUR), account.later(HOUR))
        assert wait(settle=300)["session_id"] == session_id
        assert sandbox.count("list_session_attendees") == 4

    def test_without_settling_the_end_counts_at_once_and_the_attendees_are_not_requested(self, sandbox, account, wait):
        sandbox.set_time(NOON + 2 * HOUR)
        assert wait(settle=0)["session_id"] == account.session_id
        assert sandbox.counts == {"list_sessions": 1}


ROOM_SENSORS: list[tuple[type, dict[str, Any]]] = [
    (ClickMeetingSessionStartedSensor, {"since": SINCE}),
    (ClickMeetingSessionEndedSensor, {"since": SINCE}),
    (ClickMeetingConferenceStatusSensor, {}),
    (ClickMeetingRegistrationsSensor, {}),
    (ClickMeetingRecordingReadySensor, {"since": SINCE}),
    (ClickMeetingSessionReportSensor, {"session_id": 1}),
]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("sensor", "arguments"), ROOM_SENSORS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_room_that_does_not_exist_fails_at_once_and_is_named(sandbox, sensor, arguments, deferrable):
    with pytest.raises(NotFoundError, match=f"conferences/{NOWHERE}"):
        sensor(task_id="wait", room_id=NOWHERE, deferrable=deferrable, **arguments).execute({})
    assert set(sandbox.counts.values()) == {1}


def test_a_file_that_does_not_exist_fails_at_once_and_is_named(sandbox):
    with pytest.raises(NotFoundError, match=f"file-library/{NOWHERE}"):
        ClickMeetingFileConvertedSensor(task_id="wait", file_id=NOWHERE).execute({})
    assert sandbox.count() == 1


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    ("sensor", "arguments", "message"),
    [
        (ClickMeetingSessionStartedSensor, {"room_id": "None"}, "room_id must be .*; got 'None'"),
        (ClickMeetingSessionStartedSensor, {"since": "2027-02-01 15:00"}, "since must be a time with its zone"),
        (ClickMeetingSessionEndedSensor, {"since": datetime(2027, 2, 1)}, "since must be a time with its zone"),  # noqa: DTZ001
        (ClickMeetingSessionEndedSensor, {"settle": 600}, "settle must be shorter than the timeout of 600 seconds"),
        (ClickMeetingSessionEndedSensor, {"settle": -1}, "settle must be .*; got -1"),
        (ClickMeetingSessionEndedSensor, {"session_id": "None"}, "session_id must be .*; got 'None'"),
        (ClickMeetingRecordingReadySensor, {"since": "yesterday"}, "since must be"),
        (ClickMeetingRecordingReadySensor, {"until": "tomorrow"}, "until must be"),
        (ClickMeetingConferenceStatusSensor, {"status": "over"}, "status must be one of 'active', 'inactive'"),
        (ClickMeetingRegistrationsSensor, {"at_least": 0}, "at_least must be .*; got 0"),
        (ClickMeetingRegistrationsSensor, {"status": "confirmed"}, "status must be one of"),
        (ClickMeetingSessionReportSensor, {"session_id": ""}, "session_id must be"),
        (ClickMeetingSessionReportSensor, {"session_id": 1, "lang": "english"}, "lang must be"),
        (ClickMeetingRegistrationsSensor, {"poke_interval": 0}, "poke_interval must be more than zero seconds"),
        (ClickMeetingRegistrationsSensor, {"max_consecutive_failures": -1}, "max_consecutive_failures must be"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(sandbox, sensor, arguments, message, deferrable):
    dated = {"since": SINCE} if "since" in sensor.template_fields else {}
    given = {"room_id": 1, "timeout": 600, "deferrable": deferrable, **dated, **arguments}
    with pytest.raises(ValueError, match=message):
        sensor(task_id="wait", **given).execute({})
    assert sandbox.count() == 0


def test_a_negative_interval_is_refused_by_airflow_itself():
    with pytest.raises((ValueError, AirflowException), match="non-negative"):
        ClickMeetingConferenceStatusSensor(task_id="wait", room_id=1, poke_interval=-1)
