"""Test the export of attendance, and its summaries."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.datasets.definitions import ATTENDANCE_SUMMARIES
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator

START = datetime(2027, 2, 1, 10, tzinfo=UTC)


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(START - timedelta(days=1))
    return clickmeeting_sandbox


@pytest.fixture
def rooms(sandbox) -> list[int]:
    """Create two courses of two evenings: Ada joins twice, Grace registered but does not come, Tim did not register."""
    rooms = []
    for name in ("Course", "Seminar"):
        room = sandbox.add_room(name=name, permanent_room=1, registration={"enabled": True})["id"]
        for person in ("Ada", "Grace"):
            fields = {1: person, 2: "Example", 3: f"{person.lower()}@example.com"}
            ClickMeetingHook().register_participant(room, registration=fields)
        for evening in range(2):
            start = START + timedelta(days=evening)
            sandbox.play(
                room,
                start=start,
                end=start + timedelta(hours=1),
                attendees=[
                    {"email": "ada@example.com", "visits": [[0, 20], [25, 60]]},
                    {"email": "tim@example.com", "visits": [[0, 30]]},
                    {"email": "bob@example.com", "role": "presenter"},
                ],
            )
        rooms.append(room)
    sandbox.set_time(START + timedelta(days=3))
    sandbox.forget_requests()
    return rooms


@pytest.fixture
def export(tmp_path):
    def export(**arguments):
        arguments = {"path": f"{tmp_path.as_uri()}/attendance.csv", **arguments}
        return ClickMeetingExportAttendanceOperator(task_id="export", **arguments).execute({})

    return export


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_a_row_for_each_person_and_session(rooms, export, tmp_path):
    exported = export(room_id=rooms[0])
    assert (exported["rows"], exported["rooms"], exported["sessions"]) == (8, 1, 2)
    first_evening = rows_of(tmp_path / "attendance.csv")[:4]
    found = {row["person"]: (row["status"], row["visits"], row["minutes"]) for row in first_evening}
    assert found == {
        "ada@example.com": ("attended", "2", "55.0"),
        "bob@example.com": ("", "1", "60.0"),
        "grace@example.com": ("no_show", "0", "0.0"),
        "tim@example.com": ("walk_in", "1", "30.0"),
    }


def test_a_short_absence_counts_as_presence_where_that_is_wanted(rooms, export, tmp_path):
    export(room_id=rooms[0], rejoin_gap="300")
    assert rows_of(tmp_path / "attendance.csv")[0]["minutes"] == "60.0"


def test_the_numbers_of_all_sessions_are_in_the_result(rooms, export):
    assert export()["summary"] == {
        "sessions": 4,
        "registered": 8,
        "came": 8,
        "attended": 4,
        "no_show": 4,
        "walk_in": 4,
        "show_up_rate": 0.5,
        "median_minutes": 42.5,
        "peak": 2,
    }


def test_the_numbers_of_each_session_are_in_a_file_of_their_own(rooms, export, tmp_path):
    export(summary_path=f"{tmp_path.as_uri()}/sessions.csv")
    rows = rows_of(tmp_path / "sessions.csv")
    assert [row["room_id"] for row in rows] == [str(room) for room in rooms for _ in range(2)]
    assert {(row["registered"], row["came"], row["peak"]) for row in rows} == {("2", "2", "2")}
    assert rows[0]["start_date_utc"] == START.isoformat()


def test_registrations_are_asked_for_once_in_each_room(sandbox, rooms, export):
    export()
    assert sandbox.counts["list_registrations"] == 2
    assert sandbox.counts["list_session_attendees"] == 4


def test_no_sessions_are_no_rows_and_zeros(sandbox, export, tmp_path):
    exported = export(summary_path=f"{tmp_path.as_uri()}/sessions.csv")
    assert (exported["rows"], exported["summary"]["came"], exported["summary"]["show_up_rate"]) == (0, 0, None)
    assert (tmp_path / "sessions.csv").read_bytes().decode() == ",".join(ATTENDANCE_SUMMARIES.header) + "\r\n"


def test_if_registrations_cannot_be_read_all_sessions_of_the_room_fail(sandbox, rooms, export, tmp_path):
    sandbox.fault("list_registrations", "html")
    exported = export(max_parallel=1, max_failures=999)
    assert [each["room_id"] for each in exported["failures"]] == [rooms[0]] * 2
    assert (exported["sessions"], exported["summary"]["sessions"], exported["rows"]) == (2, 2, 8)


def test_if_all_sessions_fail_the_older_files_stay(sandbox, rooms, export, tmp_path):
    for name in ("attendance.csv", "sessions.csv"):
        (tmp_path / name).write_text("older")
    sandbox.fault("list_session_attendees", "html", times=None)
    export(summary_path=f"{tmp_path.as_uri()}/sessions.csv", max_failures=999)
    assert (tmp_path / "attendance.csv").read_text() == (tmp_path / "sessions.csv").read_text() == "older"


def test_an_entry_that_cannot_be_read_is_a_failure_and_the_others_count(sandbox, export):
    room = sandbox.add_room(name="Talk", permanent_room=1)["id"]
    people = [{"email": "ada@example.com", "visits": [[30, 20]]}, {"email": "bob@example.com"}]
    session = sandbox.play(room, start=START, end=START + timedelta(hours=1), attendees=people)
    sandbox.set_time(START + timedelta(days=3))
    exported = export(max_failures=999)
    (failure,) = exported["failures"]
    assert (failure["session_id"], exported["rows"]) == (session, 1)
    assert "is before start_date" in failure["reason"]
    assert "example.com" not in failure["reason"]


def test_a_session_that_still_runs_counts_up_to_now(sandbox, export, tmp_path):
    room = sandbox.add_room(name="Talk", permanent_room=1)["id"]
    session = sandbox.play(room, start=START, end=START + timedelta(hours=1), attendees=[{"email": "ada@example.com"}])
    sandbox.set_time(START + timedelta(minutes=15))
    export(room_id=room, session_id=session)
    assert float(rows_of(tmp_path / "attendance.csv")[0]["minutes"]) == pytest.approx(15, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rejoin_gap": -1},
            "rejoin_gap must be a timedelta, ISO 8601 text such as 'PT90S', or a number of seconds, zero or more",
        ),
        ({"summary_path": "file:///tmp/{room_id}.csv"}, "summary_path must be a path with no placeholders; got"),
        ({"summary_path": "file:///tmp/a.txt"}, "a file name that ends in one of csv"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(sandbox, export, arguments, message):
    with pytest.raises(ValueError, match=message):
        export(**arguments)
    assert sandbox.count() == 0
