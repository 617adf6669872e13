"""The sensor for the end of a session, in all its modes, in real DAG runs against the sandbox."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException
from airflow.sdk import DAG

from airflow_clickmeeting.exceptions import AuthenticationError, NotFoundError
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor
from airflow_clickmeeting.triggers import waiting

MODES = {"poke": {"mode": "poke"}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True}}


@pytest.fixture(params=MODES)
def mode(request, monkeypatch):
    monkeypatch.setattr(waiting, "SHORTEST_INTERVAL", 0.05)
    return {"poke_interval": 0.05, "timeout": 600, **MODES[request.param]}


@pytest.fixture
def room(clickmeeting_sandbox):
    """A scheduled webinar in an hour, whose session takes place when the sandbox's clock gets there."""
    return clickmeeting_sandbox.add_room(starts_at=clickmeeting_sandbox.now + timedelta(hours=1))


@pytest.fixture
def time_flies_once_somebody_looked(clickmeeting_sandbox):
    """Let ten hours pass in the sandbox after the first question about its sessions."""

    def wait_and_advance() -> None:
        while not clickmeeting_sandbox.count("list_sessions"):
            time.sleep(0.02)
        clickmeeting_sandbox.advance(timedelta(hours=10))

    watching = Thread(target=wait_and_advance, daemon=True)
    watching.start()
    yield
    watching.join(timeout=10)


def dag_of(**arguments) -> DAG:
    with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ClickMeetingSessionEndedSensor(task_id="wait", **arguments)
    return dag


@pytest.mark.usefixtures("time_flies_once_somebody_looked")
def test_it_succeeds_when_the_session_has_ended(run_dag, clickmeeting_sandbox, room, mode):
    run = run_dag(dag_of(room_id=room["id"], **mode))
    assert run.state == "success"
    assert clickmeeting_sandbox.count("list_sessions") > 1, "it had to wait"


def test_it_tells_which_session_that_was(clickmeeting_sandbox, room):
    clickmeeting_sandbox.advance(timedelta(hours=10))
    sensor = ClickMeetingSessionEndedSensor(
        task_id="wait", room_id=str(room["id"]), since=datetime(2026, 1, 1, tzinfo=UTC)
    )
    seen = sensor.poke({}).xcom_value
    assert seen["room_id"] == room["id"]
    assert datetime.fromisoformat(seen["started_at"]) < datetime.fromisoformat(seen["ended_at"])


def test_it_does_not_defer_what_has_happened_already(clickmeeting_sandbox, room):
    clickmeeting_sandbox.advance(timedelta(hours=10))
    sensor = ClickMeetingSessionEndedSensor(
        task_id="wait", room_id=room["id"], since="2026-01-01T00:00:00Z", deferrable=True
    )
    assert sensor.execute({})["room_id"] == room["id"]


def test_by_default_sessions_before_the_data_interval_do_not_count(clickmeeting_sandbox, room):
    clickmeeting_sandbox.advance(timedelta(hours=10))
    sensor = ClickMeetingSessionEndedSensor(task_id="wait", room_id=room["id"])
    assert not sensor.poke({"data_interval_start": clickmeeting_sandbox.now})
    assert sensor.poke({"data_interval_start": clickmeeting_sandbox.now - timedelta(days=1)})


def test_a_room_that_does_not_exist_fails_at_once(run_dag, clickmeeting_sandbox, mode):
    assert run_dag(dag_of(room_id=99999999, **mode)).state == "failed"
    assert clickmeeting_sandbox.count("list_sessions") == 1


def test_the_room_is_named_in_the_error(clickmeeting_sandbox):
    sensor = ClickMeetingSessionEndedSensor(task_id="wait", room_id=99999999, since="2026-01-01T00:00:00Z")
    with pytest.raises(NotFoundError, match="conferences/99999999"):
        sensor.poke({})


def test_a_wrong_key_fails_at_once(clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox, password="not-the-key")
    sensor = ClickMeetingSessionEndedSensor(task_id="wait", room_id=1, since="2026-01-01T00:00:00Z", deferrable=True)
    with pytest.raises(AuthenticationError, match="clickmeeting_default"):
        sensor.execute({})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"room_id": ""}, "room_id must be"),
        ({"since": "2026-01-01 15:00"}, "since must be a time with its zone"),
        ({"settle": 601}, "settle must be shorter than the timeout of 600 seconds; got 601"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(clickmeeting_sandbox, arguments, message):
    given = {"room_id": 1, "since": "2026-01-01T00:00:00Z", "timeout": 600, **arguments}
    with pytest.raises(ValueError, match=message):
        ClickMeetingSessionEndedSensor(task_id="wait", **given).poke({})
    assert clickmeeting_sandbox.count() == 0


def test_a_deferred_sensor_that_ran_out_of_time_fails():
    sensor = ClickMeetingSessionEndedSensor(task_id="wait", room_id=1, timeout=60)
    with pytest.raises(AirflowSensorTimeout):
        sensor.resume_execution("execute_complete", {"event": {"timed_out": True}}, {})


def test_a_deferred_sensor_that_ran_out_of_time_is_skipped_where_the_author_wants_it():
    sensor = ClickMeetingSessionEndedSensor(task_id="wait", room_id=1, timeout=60, soft_fail=True)
    with pytest.raises(AirflowSkipException):
        sensor.resume_execution("execute_complete", {"event": {"timed_out": True}}, {})
