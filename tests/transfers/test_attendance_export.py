"""Test the export of attendance, and its summaries."""

from __future__ import annotations

import csv
import io
import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG
from thorough import everyday

from airflow_clickmeeting.datasets.definitions import ATTENDANCE_SUMMARIES
from airflow_clickmeeting.exceptions import NotFoundError
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


@pytest.fixture(params=["file", "s3"])
def export(request, tmp_path):
    """Export to the test's folder, or to S3 and have the files in the folder afterwards."""
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else None
    root = bucket.url if bucket else tmp_path.as_uri()

    def export(**arguments):
        arguments = {"path": f"{root}/attendance.csv", **arguments}
        if bucket and "summary_path" in arguments:
            arguments["summary_path"] = arguments["summary_path"].removeprefix("file://").replace(str(tmp_path), root)
        with bucket.mirrored(tmp_path) if bucket else nullcontext():
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


class TestJoinedSessions:
    """Three registered, two came; the host's connection dropped after 30 minutes, and one of the two came back."""

    WITHIN = timedelta(minutes=15)
    END = START + timedelta(hours=1)

    @pytest.fixture
    def held(self, sandbox):
        def held(*spans, empty=()) -> tuple[int, list[int]]:
            room = sandbox.add_room(name="Webinar", permanent_room=1, registration={"enabled": True})["id"]
            for person in ("Ada", "Bob", "Carol"):
                fields = {1: person, 2: "Example", 3: f"{person.lower()}@example.com"}
                ClickMeetingHook().register_participant(room, registration=fields)
            ids = []
            for number, (first, last) in enumerate(spans):
                start, end = START + timedelta(minutes=first), START + timedelta(minutes=last)
                audience = [{"email": "ada@example.com"}, {"email": "bob@example.com"}]
                came = [] if number in empty else audience[: 2 - number]
                host = {"email": "host@example.com", "role": "host"}
                ids.append(sandbox.play(room, start=start, end=end, attendees=[host, *came]))
            sandbox.set_time(START + timedelta(days=3))
            sandbox.forget_requests()
            return room, ids

        return held

    @pytest.fixture
    def broken_off(self, held):
        return held((0, 30), (35, 60))

    def test_a_dropped_host_leaves_the_show_up_rate_as_it_was(self, broken_off, export, tmp_path):
        room, (first, second) = broken_off
        export(summary_path=f"{tmp_path.as_uri()}/sessions.csv")
        rates = [float(row["show_up_rate"]) for row in rows_of(tmp_path / "sessions.csv")]
        assert rates == pytest.approx([2 / 3, 1 / 2]), "each session alone"

        exported = export(summary_path=f"{tmp_path.as_uri()}/sessions.csv", join_sessions_within=self.WITHIN)
        assert (exported["sessions"], exported["summary"]["sessions"], exported["rows"]) == (1, 1, 4)
        assert exported["summary"]["show_up_rate"] == pytest.approx(2 / 3)
        (event,) = rows_of(tmp_path / "sessions.csv")
        assert (event["room_id"], event["session_id"]) == (str(room), str(first))
        assert json.loads(event["session_ids"]) == [first, second]
        assert (event["start_date_utc"], event["end_date_utc"]) == (START.isoformat(), self.END.isoformat())
        assert (event["registered"], event["attended"], event["no_show"]) == ("3", "2", "1")

    def test_a_person_has_one_row_and_the_break_counts_for_nobody(self, broken_off, export, tmp_path):
        _, (first, second) = broken_off
        export(join_sessions_within="PT5M")
        rows = rows_of(tmp_path / "attendance.csv")
        assert {row["person"]: (row["status"], row["visits"], row["minutes"]) for row in rows} == {
            "ada@example.com": ("attended", "1", "55.0"),
            "bob@example.com": ("attended", "1", "30.0"),
            "carol@example.com": ("no_show", "0", "0.0"),
            "host@example.com": ("", "1", "55.0"),
        }
        assert {(row["session_id"], row["session_ids"]) for row in rows} == {(str(first), f"[{first}, {second}]")}

    def test_a_longer_break_makes_two_sessions(self, broken_off, export):
        assert export(join_sessions_within=timedelta(minutes=4))["summary"]["sessions"] == 2

    def test_without_the_argument_each_row_names_its_session(self, broken_off, export, tmp_path):
        _, ids = broken_off
        export()
        found = {(row["session_id"], row["session_ids"]) for row in rows_of(tmp_path / "attendance.csv")}
        assert found == {(str(number), f"[{number}]") for number in ids}

    @pytest.mark.parametrize("place", [0, 1])
    def test_a_single_session_stands_for_its_whole_event(self, broken_off, export, tmp_path, place):
        room, ids = broken_off
        exported = export(
            room_id=room,
            session_id=ids[place],
            join_sessions_within=self.WITHIN,
            path=f"{tmp_path.as_uri()}/{{session_id}}-{{date}}.csv",
        )
        assert exported["paths"] == [f"{tmp_path.as_uri()}/{ids[0]}-2027-02-01.csv"]
        assert (exported["rows"], exported["sessions"]) == (4, 1)

    def test_a_session_that_is_not_there_is_still_a_failure(self, broken_off, export):
        room, _ = broken_off
        with pytest.raises(NotFoundError, match="session 404 does not exist in room"):
            export(room_id=room, session_id=404, join_sessions_within=self.WITHIN)

    @pytest.mark.parametrize("minute", everyday(range(28, 91, 2), 28, 60, 76, 90))
    def test_two_neighbouring_runs_have_the_event_once_and_whole(self, sandbox, broken_off, export, minute):
        """Wherever the bound is, and however early each of the runs is."""
        bound = START + timedelta(minutes=minute)
        sandbox.set_time(bound)
        before = export(until=bound, join_sessions_within=self.WITHIN)
        sandbox.set_time(START + timedelta(days=3))
        again = export(until=bound, join_sessions_within=self.WITHIN)
        after = export(since=bound, join_sessions_within=self.WITHIN)
        assert before["summary"] == again["summary"], "the time of the run does not matter"
        assert [before["sessions"], after["sessions"]] == ([1, 0] if minute > 75 else [0, 1])
        assert before["rows"] + after["rows"] == 4

    def test_an_event_that_still_goes_on_is_left_out_as_a_whole(self, sandbox, broken_off, export):
        sandbox.set_time(START + timedelta(minutes=50))
        assert export(join_sessions_within=self.WITHIN)["sessions"] == 0
        assert export()["sessions"] == 1

    def test_it_counts_up_to_now_where_it_is_asked_for(self, sandbox, broken_off, export, tmp_path):
        room, (first, _) = broken_off
        sandbox.set_time(START + timedelta(minutes=50))
        summary_path = f"{tmp_path.as_uri()}/sessions.csv"
        export(room_id=room, session_id=first, join_sessions_within=self.WITHIN, summary_path=summary_path)
        ada = rows_of(tmp_path / "attendance.csv")[0]
        assert float(ada["minutes"]) == pytest.approx(45, abs=1)
        assert rows_of(tmp_path / "sessions.csv")[0]["end_date"] == ""

    @pytest.mark.parametrize("place", [0, 1])
    def test_if_the_attendees_of_one_session_cannot_be_read_the_event_is_left_out(
        self, sandbox, broken_off, export, place
    ):
        _, ids = broken_off
        sandbox.fault("list_session_attendees", "html", skip=place)
        exported = export(join_sessions_within=self.WITHIN, max_failures=999, max_parallel=1)
        assert [each["session_id"] for each in exported["failures"]] == [ids[place]]
        assert (exported["rows"], exported["sessions"], exported["summary"]["sessions"]) == (0, 0, 0)

    def test_each_list_is_asked_for_once(self, sandbox, broken_off, export):
        export(join_sessions_within=self.WITHIN)
        expected = {"list_sessions": 1, "list_registrations": 1, "list_session_attendees": 2}
        assert {name: sandbox.counts[name] for name in expected} == expected

    def test_sessions_of_two_rooms_are_never_one(self, held, export):
        held((0, 30))
        held((31, 60))
        assert export(join_sessions_within=self.WITHIN)["sessions"] == 2

    @pytest.mark.parametrize(("within", "sessions"), [(None, 2), (timedelta(minutes=15), 1)])
    def test_a_session_of_the_host_alone_makes_nobody_a_no_show(self, held, export, within, sessions):
        held((0, 5), (15, 60), empty=[0])
        summary = export(join_sessions_within=within)["summary"]
        # Ada came to the second session, and neither Bob nor Carol
        assert (summary["sessions"], summary["registered"], summary["no_show"]) == (sessions, 3, 2)

    def test_a_session_whose_times_cannot_be_read_is_a_failure_and_the_others_are_joined(
        self, sandbox, broken_off, export
    ):
        room, ids = broken_off
        times = {ids[0]: ("10:00", "10:30"), 9: ("10:32", "soon"), ids[1]: ("10:35", "11:00")}
        listed = [
            {"id": number, "start_date": f"2027-02-01T{start}:00+00:00", "end_date": f"2027-02-01T{end}:00+00:00"}
            for number, (start, end) in times.items()
        ]
        sandbox.fault("list_sessions", "answer", json=listed, times=None)
        for scope in ({}, {"room_id": room, "session_id": ids[1]}):
            exported = export(join_sessions_within=self.WITHIN, max_failures=999, **scope)
            (failure,) = exported["failures"]
            assert (failure["session_id"], exported["rows"], exported["sessions"]) == (9, 4, 1)
            assert "the session's times cannot be read: expected an ISO 8601 time, got" in failure["reason"]

    def test_a_template_may_give_the_length_or_nothing(self, broken_off, run_dag, tmp_path):
        for name, rendered in {"joined": "PT15M", "alone": None}.items():
            with DAG(f"attendance_{name}", schedule=None, params={"within": rendered}) as dag:
                ClickMeetingExportAttendanceOperator(
                    task_id="export", path=f"{tmp_path.as_uri()}/{name}.csv", join_sessions_within="{{ params.within }}"
                )
            assert run_dag(dag).state == "success"
        assert [len(rows_of(tmp_path / f"{name}.csv")) for name in ("joined", "alone")] == [4, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"join_sessions_within": 900}, r"^join_sessions_within must be .*; got 900, which has no unit"),
        ({"join_sessions_within": "P2D"}, "^join_sessions_within must be a length of time of at most a day; got 'P2D'"),
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
