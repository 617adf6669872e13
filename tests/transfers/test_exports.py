"""Test exports to files: which data, into which files, and how failures are handled."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Lock, get_ident
from typing import Any, NamedTuple

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import parquet

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.datasets.definitions import ATTENDEES, REGISTRATIONS
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ForbiddenError,
    NotFoundError,
    UnexpectedAnswerError,
)
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.output.writers import RowWriter
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportRecordingsOperator,
    ClickMeetingExportRegistrationsOperator,
    ClickMeetingExportSessionsOperator,
)

NOW = datetime(2027, 2, 4, 12, tzinfo=UTC)


def february(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2027, 2, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOW)
    return clickmeeting_sandbox


class Account(NamedTuple):
    """Create a room with sessions on two days, one with a session late in the evening, and one never used."""

    talk: int
    party: int
    unused: int
    first: int
    late: int
    second: int


@pytest.fixture
def account(sandbox) -> Account:
    talk = sandbox.add_room(name="Talk", starts_at=february(1, 10))["id"]
    party = sandbox.add_room(name="Party", permanent_room=1, timezone="Europe/Warsaw")["id"]
    unused = sandbox.add_room(name="Unused", permanent_room=1)["id"]
    hour = timedelta(hours=1)
    first = sandbox.play(talk, start=february(1, 10), end=february(1, 10) + hour, count=3)
    late = sandbox.play(party, start=february(1, 23), end=february(1, 23) + hour, count=2)
    second = sandbox.play(talk, start=february(2, 10), end=february(2, 10) + hour, count=1)
    sandbox.forget_requests()
    return Account(talk, party, unused, first, late, second)


@pytest.fixture(params=["file", "s3"])
def export(request, tmp_path) -> Callable[..., Any]:
    """Execute an export to a path below the test's folder, and return its result, which XCom can keep.

    With S3, the folder has the files of the bucket afterwards, and the result has the folder in place of the bucket.
    """
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else None
    folder = tmp_path.as_uri()

    def export(operator: type, path: str, context: Any = None, **arguments: Any) -> Any:
        root = bucket.url if bucket else folder
        arguments = {name: to_bucket(value, root) for name, value in arguments.items()}
        with bucket.mirrored(tmp_path) if bucket else nullcontext():
            exported = operator(task_id="export", path=f"{root}/{path}", **arguments).execute(context or {})
        text = json.dumps(exported)
        assert json.loads(text) == exported
        return json.loads(text.replace(root, folder))

    def to_bucket(value: Any, root: str) -> Any:
        return value.replace(str(tmp_path), root) if isinstance(value, str) else value

    return export


# object storages have no permissions
on_disk = pytest.mark.parametrize("export", ["file"], indirect=True)


@pytest.fixture
def rows(tmp_path) -> Callable[[str], list[dict[str, str]]]:
    return lambda name: rows_of(tmp_path / name)


def rows_of(path: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def files_in(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_bytes().decode() for each in folder.rglob("*") if each.is_file()}


HEADER = ",".join(ATTENDEES.header) + "\r\n"


# --- whose data -------------------------------------------------------------------------------------------------------


def test_a_room(account, export, rows):
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=account.talk)
    assert (exported["rows"], exported["rooms"], exported["sessions"]) == (4, 1, 2)
    assert [row["session_id"] for row in rows("a.csv")] == [str(account.first)] * 3 + [str(account.second)]


def test_a_session_is_exported_whenever_it_was(account, export):
    exported = export(
        ClickMeetingExportAttendeesOperator,
        "a.csv",
        room_id=str(account.talk),
        session_id=str(account.second),
        context={"data_interval_start": february(1), "data_interval_end": february(2)},
    )
    assert (exported["rows"], exported["sessions"]) == (1, 1)


def test_a_session_that_still_runs_is_exported_when_it_is_asked_for(sandbox, account, export):
    running = sandbox.play(
        account.party, start=NOW - timedelta(minutes=5), end=NOW + timedelta(hours=1), attendees=[{"nickname": "Ada"}]
    )
    one = export(ClickMeetingExportAttendeesOperator, "one.csv", room_id=account.party, session_id=running)
    all_of_them = export(ClickMeetingExportAttendeesOperator, "all.csv", room_id=account.party)
    assert (one["sessions"], one["rows"]) == (1, 1)
    assert all_of_them["sessions"] == 1


def test_some_rooms_by_their_ids_whatever_the_order(account, export, rows):
    exported = export(
        ClickMeetingExportAttendeesOperator, "a.csv", room_id=[account.party, str(account.talk), account.party]
    )
    assert (exported["rooms"], exported["sessions"]) == (2, 3)
    assert [row["room_id"] for row in rows("a.csv")] == [str(account.talk)] * 4 + [str(account.party)] * 2


def test_the_whole_account_active_and_inactive(sandbox, account, export, rows):
    statuses = {room["status"] for room in sandbox.state["rooms"]}
    exported = export(ClickMeetingExportConferencesOperator, "c.csv")
    assert statuses == {"active", "inactive"}
    assert (exported["rows"], exported["rooms"], exported["sessions"]) == (3, 3, 0)
    assert [row["name"] for row in rows("c.csv")] == ["Talk", "Party", "Unused"]


def test_rooms_that_are_named_are_read_one_by_one(account, export, rows):
    export(ClickMeetingExportConferencesOperator, "c.csv", room_id=[account.unused, account.talk])
    assert [row["name"] for row in rows("c.csv")] == ["Talk", "Unused"]


def test_the_bytes_do_not_depend_on_the_number_of_requests_at_a_time(sandbox, account, export, tmp_path):
    for parallel in ("1", 8):
        export(ClickMeetingExportAttendeesOperator, f"{parallel}.csv", max_parallel=parallel)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "8.csv").read_bytes()


def test_many_sessions_at_a_time_get_all_their_rows(sandbox, export, rows):
    sandbox.bulk(12, 5, 7)
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", max_parallel=16)
    assert (exported["rooms"], exported["sessions"], exported["rows"]) == (12, 60, 420)
    sessions = [row["session_id"] for row in rows("a.csv")]
    assert sessions == sorted(sessions)
    assert {sessions.count(session) for session in sessions} == {7}
    assert sandbox.count("list_session_attendees") == 60


# --- of what time -----------------------------------------------------------------------------------------------------


def sessions_between(export, since, until) -> list[str]:
    exported = export(ClickMeetingExportSessionsOperator, "s.csv", since=since, until=until)
    return [row["id"] for row in rows_of(ObjectStoragePath(exported["path"]))]


def test_a_session_belongs_to_the_period_in_which_it_ended(account, export):
    assert sessions_between(export, february(1, 11), february(2)) == [str(account.first)]
    assert sessions_between(export, "2027-02-02T01:00:00+01:00", february(2, 11)) == [str(account.late)]
    assert sessions_between(export, february(2, 11), None) == [str(account.second)]


def test_periods_that_adjoin_have_every_session_once(account, export):
    moments = [None, february(1, 11), february(2), february(2, 11), None]
    found = [each for period in pairwise(moments) for each in sessions_between(export, *period)]
    assert sorted(found) == sorted(map(str, (account.first, account.late, account.second)))


def test_the_runs_data_interval_is_the_period(account, export):
    interval = {"data_interval_start": february(2), "data_interval_end": february(3)}
    found = export(ClickMeetingExportSessionsOperator, "s.csv", context=interval)
    assert found["sessions"] == 2
    assert (found["since"], found["until"]) == (february(2).isoformat(), february(3).isoformat())


@pytest.mark.parametrize(
    ("arguments", "bounds"),
    [({"since": february(1)}, (february(1), february(3))), ({"until": february(4)}, (february(2), february(4)))],
)
def test_a_bound_that_is_left_out_is_that_of_the_data_interval(account, export, arguments, bounds):
    interval = {"data_interval_start": february(2), "data_interval_end": february(3)}
    found = export(ClickMeetingExportSessionsOperator, "s.csv", context=interval, **arguments)
    assert (found["since"], found["until"]) == tuple(each.isoformat() for each in bounds)


def test_a_list_of_rooms_that_changes_while_it_is_read_loses_no_room(sandbox, account, export):
    rooms = export(ClickMeetingExportConferencesOperator, "c.csv")["rows"]
    sandbox.fault("list_conferences", "answer", json=[])
    found = export(ClickMeetingExportConferencesOperator, "c.csv")
    assert (found["rows"], found["list_restarts"]) == (rooms, 1)


def test_a_room_that_cannot_be_read_is_one_failure(sandbox, account, export):
    rooms = ClickMeetingHook().list_conferences("active")
    sandbox.fault("list_conferences", "answer", times=2, skip=0, json=[*rooms, {"name": "without an id"}])
    found = export(ClickMeetingExportConferencesOperator, "c.csv", max_failures=1)
    reason = f"item {len(rooms) + 1} of the list: expected a room with a number as its id, got null as its id"
    assert found["failures"] == [{"reason": reason}]
    assert found["rows"] >= len(rooms)


@pytest.mark.parametrize(("start", "end"), [(None, None), (NOW, NOW)], ids=["none", "empty"])
def test_a_run_without_data_interval_has_no_bounds(account, export, start, end):
    interval = {"data_interval_start": start, "data_interval_end": end}
    assert export(ClickMeetingExportSessionsOperator, "s.csv", context=interval)["sessions"] == 3


def test_recordings_belong_to_the_period_in_which_they_ended(sandbox, account, export, rows):
    started = sandbox.add_recording(account.talk, size=1000, duration=1800)
    start = datetime.fromisoformat(ClickMeetingHook().list_recordings(account.talk)[0]["recorder_start_date"])
    end = start + timedelta(seconds=1800)
    before = export(ClickMeetingExportRecordingsOperator, "before.csv", since=start, until=end)
    since = export(ClickMeetingExportRecordingsOperator, "since.csv", since=end)
    assert (before["rows"], since["rows"]) == (0, 1)
    assert [(row["room_id"], row["id"]) for row in rows("since.csv")] == [(str(account.talk), str(started))]


def test_registrations_belong_to_the_period_of_their_own_time(sandbox, export, rows):
    room_id = sandbox.add_room(name="Open", permanent_room=1, registration={"enabled": True})["id"]
    for name in ("ada", "bob"):
        ClickMeetingHook().register_participant(room_id, registration={1: name, 2: "Example", 3: f"{name}@example.com"})
        sandbox.advance(timedelta(hours=1))
    exported = export(ClickMeetingExportRegistrationsOperator, "r.csv", since=NOW + timedelta(hours=1))
    assert (exported["rows"], exported["rooms"]) == (1, 1)
    assert [row["email"] for row in rows("r.csv")] == ["bob@example.com"]


def test_a_room_without_registration_has_none(account, export):
    exported = export(ClickMeetingExportRegistrationsOperator, "r.csv")
    assert (exported["rows"], exported["rooms"], exported["failures"]) == (0, 3, [])


# --- which files ------------------------------------------------------------------------------------------------------


def test_a_file_for_each_room_also_for_one_without_sessions(account, export, tmp_path):
    exported = export(ClickMeetingExportAttendeesOperator, "{room_id}.csv")
    files = files_in(tmp_path)
    assert files.keys() == {f"{room}.csv" for room in (account.talk, account.party, account.unused)}
    assert files[f"{account.unused}.csv"] == HEADER
    assert (exported["path"], exported["format"]) == (f"{tmp_path.as_uri()}/{{room_id}}.csv", "csv")
    assert exported["paths"] == [f"{tmp_path.as_uri()}/{name}" for name in sorted(files)]


def test_a_file_for_each_day_and_session(account, export, tmp_path):
    export(ClickMeetingExportAttendeesOperator, "date={date}/{room_id}-{session_id}.jsonl")
    assert files_in(tmp_path).keys() == {
        f"date=2027-02-01/{account.talk}-{account.first}.jsonl",
        f"date=2027-02-02/{account.party}-{account.late}.jsonl",
        f"date=2027-02-02/{account.talk}-{account.second}.jsonl",
    }, "a day is one in the room's zone"


def test_what_has_the_same_path_goes_into_one_file(account, export, rows):
    exported = export(ClickMeetingExportSessionsOperator, "{date}.csv")
    assert exported["rows"] == 3
    assert [row["id"] for row in rows("2027-02-02.csv")] == [str(account.second), str(account.late)]


def test_a_folder_and_a_format(account, export, tmp_path):
    exported = export(ClickMeetingExportSessionsOperator, "deep/", file_format="jsonl")
    assert exported["paths"] == [f"{tmp_path.as_uri()}/deep/sessions.jsonl"]


def test_nothing_at_all_is_a_header_and_zeros(sandbox, export, tmp_path):
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv")
    assert (exported["rows"], exported["rooms"], exported["sessions"]) == (0, 0, 0)
    assert files_in(tmp_path) == {"a.csv": HEADER}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_every_format_has_all_rows_and_a_second_run_writes_the_same_bytes(account, export, tmp_path, name):
    assert export(ClickMeetingExportAttendeesOperator, name)["rows"] == 6
    first = (tmp_path / name).read_bytes()
    export(ClickMeetingExportAttendeesOperator, name)
    assert (tmp_path / name).read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [name], "no part is left behind"
    content = gzip.decompress(first) if name.endswith(".gz") else first
    lines = parquet.read_table(tmp_path / name).num_rows if name.endswith("parquet") else content.count(b"\n")
    assert lines == 6 + ("csv" in name)


def test_formulas_are_escaped_unless_that_is_not_wanted(sandbox, account, export, rows):
    names = ["=1+1", " =1+1", "\ufeff+48", "\uff1d1", "Ada"]
    people = [{"nickname": name} for name in names]
    session_id = sandbox.play(account.unused, attendees=people, start=february(3), end=february(3, 1))
    where = {"room_id": account.unused, "session_id": session_id}
    export(ClickMeetingExportAttendeesOperator, "plain.csv", escape_formulas="false", **where)
    export(ClickMeetingExportAttendeesOperator, "escaped.csv", **where)
    assert {row["nickname"] for row in rows("plain.csv")} == {*names}
    assert {row["nickname"] for row in rows("escaped.csv")} == {*(f"'{name}" for name in names[:-1]), "Ada"}


@on_disk
def test_only_the_owner_can_read_the_files(account, export, tmp_path):
    before = os.umask(0)
    summary = {"summary_path": f"{tmp_path}/summary.csv"}
    export(ClickMeetingExportAttendanceOperator, "a.csv", **summary)
    export(ClickMeetingExportAttendeesOperator, "opened.csv", file_mode="644")
    os.umask(before)
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in tmp_path.iterdir()}
    assert modes == {"a.csv": "600", "summary.csv": "600", "opened.csv": "644"}


@pytest.mark.parametrize("path", ["{date}.csv", "date={date}/{session_id}.csv"])
@pytest.mark.parametrize("date", ["../../../pw", "/etc/passwd", "2027-02-01/../../../pw"])
@pytest.mark.parametrize("one", [True, False])
def test_a_date_of_clickmeeting_does_not_lead_out_of_the_folder(sandbox, account, export, tmp_path, path, date, one):
    session = {"id": account.first, "start_date": date, "end_date": "2027-02-01T12:00:00+01:00"}
    sandbox.fault("list_sessions", "answer", json=[session])
    only = {"session_id": account.first} if one else {}
    exported = export(
        ClickMeetingExportAttendeesOperator, f"deep/er/{path}", room_id=account.talk, max_failures=9, **only
    )
    assert (exported["failure_count"], exported["paths"]) == (1, [])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_object_storage(account):
    attach("memory", fs=MemoryFileSystem())
    path = ObjectStoragePath("memory://exports/deep/{room_id}.csv")
    exported = ClickMeetingExportAttendeesOperator(task_id="x", path=path, room_id=account.talk).execute({})
    assert len(rows_of(ObjectStoragePath(*exported["paths"]))) == 4


def test_on_s3_a_file_is_one_request_and_needs_one_right(account, bucket):
    bucket.deny("s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "s3:CreateBucket", "s3:AbortMultipartUpload")
    path = f"{bucket.url}/deep/er/{{room_id}}.csv"
    exported = ClickMeetingExportAttendeesOperator(task_id="x", path=path).execute({})
    assert bucket.rights == {"s3:PutObject": 3}
    names = [f"deep/er/{room_id}.csv" for room_id in sorted((account.talk, account.party, account.unused))]
    assert [*bucket.read()] == names
    assert exported["paths"] == [f"{bucket.url}/{name}" for name in names]


def test_on_s3_the_right_that_is_missing_is_named(account, bucket):
    bucket.deny("s3:PutObject")
    with pytest.raises(PermissionError, match=r"write to s3://.*csv: the right s3:PutObject is missing"):
        ClickMeetingExportAttendeesOperator(task_id="x", path=f"{bucket.url}/{{room_id}}.csv").execute({})
    assert bucket.read() == {}


@pytest.mark.parametrize("parallel", [1, 4])
def test_as_many_files_at_a_time_are_stored_as_wanted(sandbox, stand_in, parallel, mocker):
    sandbox.bulk(12, 1, 2)
    together, lock, running, most = Barrier(parallel), Lock(), [], []
    real = type(stand_in).pipe_file

    def put(*arguments: Any) -> None:
        running.append(get_ident())
        together.wait(600)
        with lock:
            most.append(len(running))
        together.wait(600)
        running.remove(get_ident())
        real(*arguments)

    mocker.patch.object(type(stand_in), "pipe_file", put)
    path = f"{stand_in.protocol}://exports/{{room_id}}.csv"
    exported = ClickMeetingExportAttendeesOperator(task_id="x", path=path, max_parallel=parallel).execute({})
    assert most == [parallel] * 12
    assert exported["paths"] == sorted(exported["paths"])
    for each in exported["paths"]:
        lines = stand_in.cat(each.partition("://")[2]).decode().splitlines()[1:]
        assert {line.partition(",")[0] for line in lines} == {each.rpartition("/")[2].removesuffix(".csv")}
        assert len(lines) == 2


def test_a_file_that_cannot_be_stored_fails_the_task_and_the_others_are_complete(account, tmp_path):
    (tmp_path / f"{account.talk}.csv").mkdir()
    path = f"{tmp_path.as_uri()}/{{room_id}}.csv"
    with pytest.raises(IsADirectoryError):
        ClickMeetingExportAttendeesOperator(task_id="x", path=path).execute({})
    assert files_in(tmp_path).keys() == {f"{account.party}.csv", f"{account.unused}.csv"}
    assert len(rows_of(tmp_path / f"{account.party}.csv")) == 2


def test_files_that_are_complete_are_stored_before_an_error_fails_the_task(sandbox, account, export, tmp_path):
    sandbox.play(account.unused, start=february(3), end=february(3, 1), count=1)
    sandbox.fault("list_session_attendees", "status", status=401, skip=3)
    with pytest.raises(AuthenticationError):
        export(ClickMeetingExportAttendeesOperator, "{room_id}.csv", max_parallel=1)
    assert files_in(tmp_path).keys() == {f"{account.talk}.csv"}, "the second file was not yet known to be complete"


# --- what is in them --------------------------------------------------------------------------------------------------


@pytest.fixture
def workshop(sandbox) -> dict[str, int]:
    """Create a session in which Ada rejoined, and a person without an address joined briefly."""
    room = sandbox.add_room(name="Workshop", registration={"enabled": True}, timezone="Europe/Warsaw")
    session_id = sandbox.play(
        room["id"],
        start=february(3, 10),
        end=february(3, 11),
        attendees=[
            {"email": "ada@example.com", "nickname": 'Ada, "the first"', "visits": [[0, 20], [25, 60]], "rating": "5"},
            {"nickname": "Zażółć", "visits": [[10, 15]]},
        ],
    )
    return {"room_id": room["id"], "session_id": session_id}


def test_attendees_a_row_per_entry(workshop, export, rows):
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", **workshop)
    assert (exported["format"], exported["rows"]) == ("csv", 3)
    assert [row["email"] for row in rows("a.csv")].count("ada@example.com") == 2
    assert {row["nickname"] for row in rows("a.csv")} == {'Ada, "the first"', "Zażółć"}
    assert {(row["room_id"], row["session_id"]) for row in rows("a.csv")} == {tuple(map(str, workshop.values()))}
    assert not any(row["extra"] for row in rows("a.csv"))


def test_json_lines_have_times_in_utc_and_in_the_rooms_zone_and_keep_numbers(workshop, export, tmp_path):
    export(ClickMeetingExportAttendeesOperator, "a.jsonl", **workshop)
    found = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert found[0]["start_date_utc"] == "2027-02-03T10:00:00+00:00"
    assert found[0]["start_date"] == "2027-02-03T11:00:00+01:00"
    assert {row["room_id"] for row in found} == {workshop["room_id"]}
    assert None in {row["email"] for row in found}


def test_registrations_without_their_personal_links(sandbox, workshop, export, rows, tmp_path):
    company = sandbox.add_field(workshop["room_id"], "Company")
    person = {1: "Ada", 2: "Lovelace", 3: "ada@example.com", company: "Example Ltd"}
    link = ClickMeetingHook().register_participant(workshop["room_id"], registration=person)
    assert export(ClickMeetingExportRegistrationsOperator, "r.csv", room_id=workshop["room_id"])["rows"] == 1
    row = rows("r.csv")[0]
    assert (row["first_name"], row["last_name"], row["email"]) == ("Ada", "Lovelace", "ada@example.com")
    assert json.loads(row["fields"]) == {"Company": "Example Ltd"}
    text = (tmp_path / "r.csv").read_text()
    assert link["r"] not in text
    assert link["url"] not in text


def test_nobody_is_a_header_without_rows(workshop, export, tmp_path):
    export(ClickMeetingExportRegistrationsOperator, "r.csv", room_id=workshop["room_id"])
    assert (tmp_path / "r.csv").read_bytes() == (",".join(REGISTRATIONS.header) + "\r\n").encode()


def test_what_clickmeeting_adds_goes_into_extra_but_no_secret_does():
    row = ATTENDEES.row({"uid": "1", "mood": "fine", "url": "https://secret.example/"})
    assert json.loads(row["extra"]) == {"mood": "fine"}


def test_people_can_be_joined_but_not_read(workshop, export, rows, connect, mocker):
    connect(conn_id="pseudonyms", conn_type="generic", password="key of the tests")
    mocker.patch.dict(os.environ, {"AIRFLOW_VAR_PSEUDONYMS": "key of the tests"})
    hidden = {"pseudonymise": ["email", "nickname"], **workshop}
    export(ClickMeetingExportAttendeesOperator, "c.csv", pseudonym_conn_id="pseudonyms", **hidden)
    export(ClickMeetingExportAttendeesOperator, "v.csv", pseudonym_variable="pseudonyms", **hidden)
    assert rows("c.csv") == rows("v.csv")
    emails = [row["email"] for row in rows("c.csv") if row["email"]]
    assert len(emails) == 2
    assert len(set(emails)) == 1
    assert "@" not in emails[0]


# --- failures ---------------------------------------------------------------------------------------------------------

NOWHERE = 99999999


def test_a_room_that_does_not_exist_does_not_stop_the_others(account, export, tmp_path):
    with pytest.raises(AirflowException, match=r"^1 of 7 items failed \(max_failures=0\): room 9+: ") as failure:
        export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=[NOWHERE, account.talk])
    assert type(failure.value) is AirflowFailException
    assert len(rows_of(tmp_path / "a.csv")) == 4


def test_a_failure_beside_a_room_without_sessions_is_counted_and_not_raised_itself(account, export):
    with pytest.raises(AirflowException, match=r"^1 of 2 items failed \(max_failures=0\): room 9+: ") as failure:
        export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=[NOWHERE, account.unused])
    assert type(failure.value) is AirflowFailException
    exported = export(
        ClickMeetingExportAttendeesOperator, "a.csv", room_id=[NOWHERE, account.unused], max_failures="0.5"
    )
    assert (exported["failure_count"], exported["rooms"], exported["rows"]) == (1, 1, 0)


def test_the_only_room_fails_with_its_own_error(account, export):
    with pytest.raises(NotFoundError):
        export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=NOWHERE)


def test_accepted_failures_are_in_the_result(account, export):
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=[NOWHERE, account.talk], max_failures=999)
    (failure,) = exported["failures"]
    assert (failure["room_id"], failure.get("session_id")) == (NOWHERE, None)
    assert "not found" in failure["reason"].lower()
    assert (exported["failure_count"], exported["rooms"], exported["rows"]) == (1, 1, 4)


@pytest.mark.parametrize(
    "fault", [{"kind": "html"}, {"kind": "error200"}, {"kind": "empty"}, {"kind": "status", "status": 500}]
)
def test_a_session_with_a_bad_response_is_a_failure(sandbox, account, export, rows, fault):
    sandbox.fault("list_session_attendees", **fault)
    exported = export(
        ClickMeetingExportAttendeesOperator, "a.csv", room_id=account.talk, max_parallel=1, max_failures="999"
    )
    (failure,) = exported["failures"]
    assert (failure["room_id"], failure["session_id"]) == (account.talk, account.first)
    assert {row["session_id"] for row in rows("a.csv")} == {str(account.second)}


def test_a_row_that_does_not_fit_is_a_failure_with_its_number(sandbox, account, export, rows):
    people = [{"nickname": "Ada", "rating": "good"}, {"nickname": "Bob", "rating": "4"}]
    session_id = sandbox.play(account.unused, start=february(3), end=february(3, 1), attendees=people)
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=account.unused, max_failures=999)
    assert exported["failures"] == [
        {
            "room_id": account.unused,
            "session_id": session_id,
            "reason": "attendees, row 1: rating must be a whole number; got 'good'.",
        }
    ]
    assert [row["nickname"] for row in rows("a.csv")] == ["Bob"]


def test_a_hundred_failures_are_returned_and_all_are_counted(sandbox, account, export):
    people = [{"nickname": "Ada", "rating": "good"}] * 120
    sandbox.play(account.unused, start=february(3), end=february(3, 1), attendees=people)
    exported = export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=account.unused, max_failures=999)
    assert (len(exported["failures"]), exported["failure_count"]) == (100, 120)


def test_the_file_of_a_room_stays_if_everything_for_it_failed(sandbox, account, export, tmp_path):
    for room in (account.talk, account.party, NOWHERE):
        (tmp_path / f"{room}.csv").write_text("older")
    sandbox.fault("list_session_attendees", "html", times=2)
    rooms = [account.talk, account.party, NOWHERE]
    exported = export(
        ClickMeetingExportAttendeesOperator, "{room_id}.csv", room_id=rooms, max_parallel=1, max_failures=999
    )
    files = files_in(tmp_path)
    assert files[f"{account.talk}.csv"] == files[f"{NOWHERE}.csv"] == "older"
    assert len(rows_of(tmp_path / f"{account.party}.csv")) == 2
    assert exported["failure_count"] == 3


def test_a_session_that_does_not_exist_raises_its_own_error_and_leaves_the_older_file(account, export, tmp_path):
    (tmp_path / "a.csv").write_text("older")
    with pytest.raises(NotFoundError, match="session 1 does not exist in room"):
        export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=account.talk, session_id=1)
    assert files_in(tmp_path) == {"a.csv": "older"}


@pytest.mark.parametrize("operation", ["list_conferences", "list_sessions", "list_session_attendees"])
def test_a_wrong_key_fails_the_task_at_once(sandbox, account, export, operation, tmp_path):
    sandbox.fault(operation, "status", status=401, times=None)
    with pytest.raises(AuthenticationError):
        export(ClickMeetingExportAttendeesOperator, "a.csv")
    assert files_in(tmp_path) == {}


def test_an_error_while_writing_leaves_the_older_file_and_no_part(workshop, export, tmp_path, mocker):
    (tmp_path / "a.csv").write_text("older")
    mocker.patch.object(RowWriter, "write_batches", side_effect=ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        export(ClickMeetingExportAttendeesOperator, "a.csv", **workshop)
    assert files_in(tmp_path) == {"a.csv": "older"}


# --- wrong arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "file:///tmp/a.xlsx"}, "path must be a file name that ends in one of csv, jsonl, parquet, csv.gz"),
        ({"file_format": "xml"}, "file_format must be one of csv, jsonl, parquet, csv.gz, jsonl.gz; got 'xml'"),
        ({"path": ""}, "path must be a file"),
        (
            {"path": "file:///tmp/{room}.csv"},
            r"path must be a path with the placeholders {room_id}, {session_id}, {date} and no others",
        ),
        ({"path": "file:///tmp/{room_id.csv"}, "in which each brace is closed"),
        ({"room_id": "None"}, "room_id must be a room's id, a list of ids, or 'all' for the whole account"),
        ({"room_id": None}, "room_id must be a room's id"),
        ({"room_id": ""}, "room_id must be a room's id"),
        ({"room_id": 1, "session_id": None}, "session_id must be a session's id, or 'all'"),
        ({"room_id": 1, "session_id": "None"}, "session_id must be the positive number"),
        ({"room_id": 1, "session_id": ""}, "session_id must be the positive number"),
        ({"room_id": []}, "room_id must be a list with at least one"),
        ({"room_id": "all", "session_id": 1}, "room_id must be the session's room where session_id is given"),
        ({"room_id": [1, 2], "session_id": 1}, "room_id must be the session's room where session_id is given"),
        ({"since": "2027-02-01 10:00"}, "since must be a time with its zone"),
        ({"since": february(2), "until": february(1)}, "until must be later than since"),
        ({"since": february(1), "until": february(1)}, "CronDataIntervalTimetable"),
        ({"max_parallel": 0}, "max_parallel must be a whole number from 1 to 64"),
        ({"max_failures": "perhaps"}, "max_failures must be a whole number, or a share below 1"),
        ({"escape_formulas": "perhaps"}, "escape_formulas must be true or false"),
        ({"escape_formulas": None}, "escape_formulas must be true or false; got None"),
        ({"file_mode": "rw"}, "file_mode must be permissions in octal digits"),
        ({"pseudonymise": ["email"]}, "pseudonymise needs a key"),
        (
            {"pseudonymise": ["email"], "pseudonym_conn_id": "a", "pseudonym_variable": "b"},
            "pseudonymise needs a key: give either",
        ),
        ({"pseudonym_variable": "b"}, "pseudonymise is missing"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(sandbox, arguments, message):
    with pytest.raises(ValueError, match=message):
        ClickMeetingExportAttendeesOperator(
            **{"task_id": "x", "room_id": 1, "path": "file:///tmp/a.csv", **arguments}
        ).execute({})
    assert sandbox.count() == 0


@pytest.mark.parametrize(
    ("operator", "known"),
    [
        (ClickMeetingExportConferencesOperator, r"the placeholders {room_id} and no other"),
        (ClickMeetingExportRegistrationsOperator, r"the placeholders {room_id} and no other"),
        (ClickMeetingExportSessionsOperator, r"the placeholders {room_id}, {session_id}, {date} and no other"),
    ],
)
def test_an_unknown_placeholder_is_refused_with_the_valid_ones(sandbox, operator, known):
    with pytest.raises(ValueError, match=known):
        operator(task_id="x", path="file:///tmp/{day}.csv").execute({})
    assert sandbox.count() == 0


class TestForbidden:
    def test_a_session_that_is_forbidden_is_one_failure(self, sandbox, account, export):
        sandbox.fault("list_session_attendees", "status", status=403)
        found = export(ClickMeetingExportAttendeesOperator, "a.csv", max_failures=1)
        assert found["failure_count"] == 1
        assert "403" in found["failures"][0]["reason"] or "FORBIDDEN" in found["failures"][0]["reason"]
        assert found["rows"] > 0

    def test_if_all_are_forbidden_the_task_fails_with_that_error(self, sandbox, account, export):
        sandbox.fault("list_session_attendees", "status", status=403, times=None)
        with pytest.raises(ForbiddenError):
            export(
                ClickMeetingExportAttendeesOperator, "a.csv", max_failures=1000, room_id=[account.talk, account.party]
            )

    def test_a_firewalls_page_may_pass(self, sandbox, account, export):
        sandbox.fault("list_session_attendees", "status", status=403, body="html", times=None)
        with pytest.raises(AirflowException) as error:
            export(ClickMeetingExportAttendeesOperator, "a.csv", room_id=[account.talk, account.party])
        assert not isinstance(error.value, AirflowFailException)


def test_a_page_of_html_in_the_list_of_rooms_exports_nothing(sandbox, account, export):
    sandbox.fault("list_conferences", "html404", skip=1)
    with pytest.raises(UnexpectedAnswerError, match="404"):
        export(ClickMeetingExportConferencesOperator, "c.csv", max_failures=1000)


def test_a_wrong_api_url_exports_nothing(sandbox, account, export, connect):
    connect(sandbox, host=sandbox.url.replace("/v1", "/v2"))
    with pytest.raises(ClickMeetingError):
        export(ClickMeetingExportConferencesOperator, "c.csv", max_failures=1000)
