"""The table of docs/waiting.md, a test for each of its cells in each mode: what ends a sensor's waiting, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from thorough import everyday

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.sensors.clickmeeting import (
    ClickMeetingConferenceStatusSensor,
    ClickMeetingSensor,
    ClickMeetingSessionStartedSensor,
)
from airflow_clickmeeting.waiting.conditions import Condition

COLUMNS: dict[str, dict[str, Any]] = {"plain": {}, "soft_fail": {"soft_fail": True}, "never_fail": {"never_fail": True}}
OVER = {"plain": "failed", "soft_fail": "skipped", "never_fail": "skipped"}
MISTAKE = {"plain": "failed", "soft_fail": "failed", "never_fail": "skipped"}
GOES_ON = dict.fromkeys(COLUMNS, "success")
TOLERATED = 2


@dataclass(frozen=True)
class Broken(Condition):
    """A condition of a user's own, which cannot read the response once the room has another name."""

    room_id: int

    @property
    def call(self) -> Call[Any]:
        return calls.get_conference(self.room_id)

    def check(self, response: Any, now: datetime) -> dict[str, Any] | None:
        return None if response["name"] == "Talk" else {"name": response["no such key"]}


@dataclass
class Row:
    """What happens to a sensor, how its task ends in each column, and which numbers of polls are right."""

    ends: dict[str, str]
    sensor: type = ClickMeetingConferenceStatusSensor
    arguments: dict[str, Any] | None = None
    polled: Callable[[int], bool] = lambda times: times > 1


def time_runs_out(account: SimpleNamespace) -> Row:
    return Row(OVER, arguments={"timeout": 0.3})


def the_key_is_wrong(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "status", status=401, times=None)
    return Row(OVER, polled=lambda times: times == 1)


def the_key_may_no_longer_do_this(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "status", status=403, times=None, skip=1)
    return Row(OVER)


def the_room_was_never_there(account: SimpleNamespace) -> Row:
    return Row(OVER, arguments={"room_id": 99999999}, polled=lambda times: times == 1)


def the_room_is_gone(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "status", status=404, times=None, skip=1)
    return Row(OVER)


def clickmeeting_fails_too_often(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "status", status=503, times=None)
    return Row(OVER, polled=lambda times: times == TOLERATED + 1)


def clickmeeting_begins_to_fail_too_often(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "html", times=None, skip=1)
    return Row(OVER, polled=lambda times: times > TOLERATED + 1)


def clickmeeting_fails_as_often_as_is_tolerated(account: SimpleNamespace) -> Row:
    account.sandbox.fault("get_conference", "status", status=503, times=TOLERATED)
    return Row(GOES_ON, arguments={"status": "active"}, polled=lambda times: times == TOLERATED + 1)


def clickmeeting_fails_now_and_then(account: SimpleNamespace) -> Row:
    planned = account.sandbox.add_room(starts_at=account.sandbox.now, duration=1)
    account.sandbox.fault("get_conference", "reset", times=TOLERATED, skip=1)
    account.after_request("get_conference", lambda: account.sandbox.advance(timedelta(days=1)))
    return Row(GOES_ON, arguments={"room_id": planned["id"]}, polled=lambda times: times > TOLERATED + 1)


def an_argument_is_wrong(account: SimpleNamespace) -> Row:
    arguments = {"since": "2027-02-01 15:00"}
    return Row(MISTAKE, ClickMeetingSessionStartedSensor, arguments, polled=lambda times: times == 0)


def a_condition_is_broken(account: SimpleNamespace) -> Row:
    hook = ClickMeetingHook()
    hook.ping()  # reads the connection, which only the task's own thread may do later
    account.after_request("get_conference", lambda: hook.update_conference(account.room_id, name="Longer talk"))
    return Row(MISTAKE, ClickMeetingSensor, {"condition": Broken(account.room_id)})


ROWS = (
    time_runs_out,
    the_key_is_wrong,
    the_key_may_no_longer_do_this,
    the_room_was_never_there,
    the_room_is_gone,
    clickmeeting_fails_too_often,
    clickmeeting_begins_to_fail_too_often,
    clickmeeting_fails_as_often_as_is_tolerated,
    clickmeeting_fails_now_and_then,
    an_argument_is_wrong,
    a_condition_is_broken,
)


@pytest.fixture
def run(run_dag, sandbox, room_id, mode, after_request) -> Callable[..., Any]:
    """Let a row happen, and return it with the sensor's task."""
    account = SimpleNamespace(sandbox=sandbox, room_id=room_id, after_request=after_request)

    def run(row: Callable[[SimpleNamespace], Row], **flags: Any) -> tuple[Row, Any]:
        happens = row(account)
        given = {} if happens.sensor is ClickMeetingSensor else {"room_id": room_id}
        given |= {
            "timeout": 60,
            "poke_interval": 0.05,
            "max_consecutive_failures": TOLERATED,
            **(happens.arguments or {}),
        }
        with DAG("table", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            happens.sensor(task_id="wait", **given, **mode, **flags)
        return happens, run_dag(dag).get_task_instance("wait")

    return run


@pytest.mark.parametrize("column", everyday(COLUMNS))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_the_table(run, sandbox, row, column):
    happens, task = run(row, **COLUMNS[column])
    assert task.state == happens.ends[column]
    assert happens.polled(sandbox.count("get_conference")), sandbox.counts


TRIES = {
    the_key_is_wrong: 2,
    time_runs_out: 1,
    the_key_may_no_longer_do_this: 1,
    the_room_was_never_there: 1,
    the_room_is_gone: 1,
    clickmeeting_fails_too_often: 2,
    an_argument_is_wrong: 1,
    a_condition_is_broken: 2,
}


@pytest.mark.parametrize("row", everyday(TRIES, the_key_is_wrong, time_runs_out), ids=lambda row: row.__name__)
def test_a_retry_helps_against_failures_but_waits_no_longer_than_the_timeout(run, row):
    _, task = run(row, retries=1, retry_delay=timedelta(0))
    assert (task.state, task.try_number) == ("failed", TRIES[row])
