"""Test the example `webinars_to_warehouse`: two runs for the same night, into files and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk import BaseHook
from local_postgresql import local_postgresql

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

NIGHT = timedelta(days=1)
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
ADA = {"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (30, None)]}
BOB = {"email": "bob@example.com", "nickname": "Bob"}


@pytest.fixture(scope="module")
def server():
    with local_postgresql() as connection:
        yield connection


@pytest.fixture
def account(clickmeeting_sandbox) -> dict[str, int]:
    """Create two rooms: one with sessions of yesterday and of last week, one without; Ada has registered."""
    clickmeeting_sandbox.set_time(NOON)
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
def run_night(examples, run_dag, connect, server, clickmeeting_sandbox, tmp_path) -> Callable[[], Any]:
    """Run the DAG for the night after yesterday, and return the run."""
    connect(None, "warehouse", **server)
    dag = examples.dags["webinars_to_warehouse"]
    return lambda: run_dag(dag, logical_date=clickmeeting_sandbox.now, run_conf={"folder": tmp_path.as_uri()})


def tables() -> dict[str, list[Any]]:
    hook = BaseHook.get_connection("warehouse").get_hook()
    names = ("conferences", "registrations", "sessions", "attendees", "attendance")
    return {name: hook.get_records(f"SELECT * FROM clickmeeting_{name} ORDER BY 1, 2, 3") for name in names}


def test_a_night_that_runs_twice_changes_nothing(run_night, account, tmp_path):
    assert run_night().state == "success"
    lake = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    loaded = tables()
    (attendees,), (attendance,) = ([*tmp_path.glob(f"{name}/date=*/*")] for name in ("attendees", "attendance"))
    assert {attendees.stem, attendance.stem} == {str(account["session_id"])}
    assert pq.read_table(attendees).num_rows == 3
    assert {name: len(rows) for name, rows in loaded.items()} == {
        "conferences": 2,
        "registrations": 0,
        "sessions": 1,
        "attendees": 3,
        "attendance": 2,
    }
    assert run_night().state == "success"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == lake
    assert tables() == loaded


def test_a_webinar_that_broke_off_and_went_on_counts_once(run_night, account, clickmeeting_sandbox, tmp_path):
    start = clickmeeting_sandbox.now.replace(hour=11, minute=10) - NIGHT
    clickmeeting_sandbox.play(account["room_id"], start=start, end=start + timedelta(minutes=30), attendees=[BOB])
    assert run_night().state == "success"
    (attendance,) = tmp_path.glob("attendance/date=*/*")
    minutes = {row["person"]: row["minutes"] for row in pq.read_table(attendance).to_pylist()}
    assert minutes == {"ada@example.com": 50, "bob@example.com": 90}
    assert [row[0:2] for row in tables()["attendance"]] == [(account["room_id"], account["session_id"])] * 2
