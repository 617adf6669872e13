"""Test the example `webinars_to_warehouse`: two runs for the same night, into files and a real PostgreSQL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk import BaseHook
from local_postgresql import local_postgresql
from webinars import on_both_storages

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

NIGHT = timedelta(days=1)
POLLS = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": [{"points": 1, "value": "Good"}]}]}]
ADA = {"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (30, None)], "polls": POLLS}
TABLES = ("conferences", "registrations", "sessions", "attendees", "poll_answers", "attendance")
BOB = {"email": "bob@example.com", "nickname": "Bob"}


@pytest.fixture(scope="module")
def server():
    with local_postgresql() as connection:
        yield connection


@pytest.fixture
def account(run_night, clickmeeting_sandbox) -> dict[str, int]:
    """Create two rooms: one with sessions of yesterday and of last week, one without; Ada has registered."""
    yesterday = clickmeeting_sandbox.now.replace(hour=10) - NIGHT
    room_id = clickmeeting_sandbox.add_room(permanent_room=True, registration={"enabled": True})["id"]
    clickmeeting_sandbox.add_room(permanent_room=True)
    ids = [
        clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), attendees=[ADA, BOB])
        for start in (yesterday, yesterday - 6 * NIGHT)
    ]
    ClickMeetingHook().register_participant(room_id, registration={1: "Ada", 2: "Lovelace", 3: "ada@example.com"})
    return {"room_id": room_id, "session_id": ids[0]}


@pytest.fixture
def run_night(run_at_noon, connect, server) -> Callable[..., Any]:
    """Run the DAG for the night after yesterday, and return the run."""
    connect(None, "warehouse", **server)
    hook = BaseHook.get_connection("warehouse").get_hook()
    for name in TABLES:
        hook.run(f"DROP TABLE IF EXISTS clickmeeting_{name}")
    return functools.partial(run_at_noon, "webinars_to_warehouse")


def tables() -> dict[str, list[Any]]:
    hook = BaseHook.get_connection("warehouse").get_hook()
    return {name: hook.get_records(f"SELECT * FROM clickmeeting_{name} ORDER BY 1, 2, 3") for name in TABLES}


@on_both_storages
def test_a_night_that_runs_twice_changes_nothing(run_night, account, tmp_path):
    assert run_night().state == "success"
    lake = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    loaded = tables()
    (attendees,), (attendance,) = ([*tmp_path.glob(f"lake/{name}/date=*/*")] for name in ("attendees", "attendance"))
    assert {attendees.stem, attendance.stem} == {str(account["session_id"])}
    assert pq.read_table(attendees).num_rows == 3
    (answers,) = tmp_path.glob("lake/poll_answers/date=*/*")
    assert pq.read_table(answers)["answer"].to_pylist() == ["Good"]
    assert {name: len(rows) for name, rows in loaded.items()} == {
        "conferences": 2,
        "registrations": 0,
        "sessions": 1,
        "attendees": 3,
        "poll_answers": 1,
        "attendance": 2,
    }
    assert run_night().state == "success"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == lake
    assert tables() == loaded


@pytest.mark.thorough
def test_a_run_without_a_logical_date_exports_all_sessions(run_night, account):
    assert run_night(logical_date=None).state == "success"
    assert {name: len(rows) for name, rows in tables().items()} == {
        "conferences": 2,
        "registrations": 1,
        "sessions": 2,
        "attendees": 6,
        "poll_answers": 2,
        "attendance": 4,
    }


@pytest.mark.thorough
def test_a_webinar_that_broke_off_and_went_on_counts_once(run_night, account, clickmeeting_sandbox, tmp_path):
    start = clickmeeting_sandbox.now.replace(hour=11, minute=10) - NIGHT
    clickmeeting_sandbox.play(account["room_id"], start=start, end=start + timedelta(minutes=30), attendees=[BOB])
    assert run_night().state == "success"
    (attendance,) = tmp_path.glob("lake/attendance/date=*/*")
    minutes = {row["person"]: row["minutes"] for row in pq.read_table(attendance).to_pylist()}
    assert minutes == {"ada@example.com": 50, "bob@example.com": 90}
    assert [row[0:2] for row in tables()["attendance"]] == [(account["room_id"], account["session_id"])] * 2


@pytest.mark.thorough
def test_a_large_account_needs_few_tasks_and_few_requests(run_night, clickmeeting_sandbox):
    """Both grow with the rooms that met, and only the search for them with the others that may have met."""
    yesterday = clickmeeting_sandbox.now.replace(hour=10) - NIGHT
    for number in range(510):
        clickmeeting_sandbox.add_room(starts_at=yesterday - (3 + number % 90) * NIGHT)
    for _ in range(40):
        clickmeeting_sandbox.add_room(starts_at=yesterday + 9 * NIGHT)
    for _ in range(60):
        room_id = clickmeeting_sandbox.add_room(starts_at=yesterday, registration={"enabled": True})["id"]
        clickmeeting_sandbox.play(room_id, start=yesterday, end=yesterday + timedelta(hours=1), attendees=[BOB])
    clickmeeting_sandbox.forget_requests()
    run = run_night()
    assert run.state == "success"
    # three tasks of the account, and nine for each of two batches
    assert len(run.get_task_instances()) == 3 + 9 * 2
    assert clickmeeting_sandbox.counts == {
        # one page of active rooms and three of inactive ones, all but the last once more, for three tasks
        "list_conferences": 3 * (4 + 3),
        # the search, and then seven tasks
        "list_sessions": 100 + 7 * 60,
        "list_session_attendees": 6 * 60,
        "list_registrations": 4 * 60,
    }
    assert {name: len(rows) for name, rows in tables().items()} == {
        "conferences": 610,
        "registrations": 0,
        "sessions": 60,
        "attendees": 60,
        "poll_answers": 0,
        "attendance": 60,
    }
