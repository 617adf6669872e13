"""Exports of attendees and registrations to files, against the sandbox."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.datasets import ATTENDEES, REGISTRATIONS
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportRegistrationsOperator,
)
from airflow_clickmeeting.transfers.formats import format_of


@pytest.fixture
def room(clickmeeting_sandbox):
    return clickmeeting_sandbox.add_room(name="Workshop", registration={"enabled": True}, timezone="Europe/Warsaw")


@pytest.fixture
def session_id(clickmeeting_sandbox, room):
    """A session in which Ada left and came back, and somebody without an address looked in."""
    start = clickmeeting_sandbox.now - timedelta(hours=2)
    return clickmeeting_sandbox.play(
        room["id"],
        start=start,
        end=start + timedelta(hours=1),
        attendees=[
            {"email": "ada@example.com", "nickname": 'Ada, "the first"', "visits": [[0, 20], [25, 60]], "rating": "5"},
            {"nickname": "Zażółć", "visits": [[10, 15]]},
        ],
    )


def rows_of(path) -> list[dict]:
    return list(csv.DictReader(io.StringIO(ObjectStoragePath(path).read_bytes().decode(), newline="")))


@pytest.fixture(params=["file", "memory"])
def folder(request, tmp_path):
    """A folder on two kinds of object storage."""
    attach("memory", fs=MemoryFileSystem())
    return tmp_path.as_uri() if request.param == "file" else "memory://exports"


def test_attendees_as_csv_a_row_per_entry(room, session_id, folder):
    path = f"{folder}/deep/a.csv"
    export = ClickMeetingExportAttendeesOperator(task_id="x", room_id=room["id"], session_id=session_id, path=path)
    exported = export.execute({})
    assert (exported["format"], exported["rows"]) == ("csv", 3)
    rows = rows_of(exported["path"])
    assert rows == rows_of(path)
    assert [row["email"] for row in rows].count("ada@example.com") == 2
    assert {row["nickname"] for row in rows} == {'Ada, "the first"', "Zażółć"}
    assert {(row["room_id"], row["session_id"]) for row in rows} == {(str(room["id"]), str(session_id))}
    assert not any(row["extra"] for row in rows)


def test_times_stand_there_in_utc_and_in_the_rooms_zone(room, session_id, tmp_path):
    path = f"{tmp_path.as_uri()}/a.jsonl"
    ClickMeetingExportAttendeesOperator(task_id="x", room_id=room["id"], session_id=session_id, path=path).execute({})
    row = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert row["start_date_utc"].endswith("+00:00")
    assert row["start_date"].endswith(("+01:00", "+02:00"))


def test_json_lines_keep_numbers_and_nothing(room, session_id, tmp_path):
    path = f"{tmp_path.as_uri()}/a.data"
    export = ClickMeetingExportAttendeesOperator(
        task_id="x", room_id=room["id"], session_id=session_id, path=path, file_format="jsonl"
    )
    assert export.execute({})["format"] == "jsonl"
    anonymous = [json.loads(line) for line in (tmp_path / "a.data").read_text().splitlines()]
    assert {row["room_id"] for row in anonymous} == {room["id"]}
    assert None in {row["email"] for row in anonymous}


def test_a_second_run_writes_the_same_bytes(room, session_id, tmp_path):
    export = ClickMeetingExportAttendeesOperator(
        task_id="x", room_id=room["id"], session_id=session_id, path=f"{tmp_path.as_uri()}/a.csv"
    )
    export.execute({})
    first = (tmp_path / "a.csv").read_bytes()
    export.execute({})
    assert (tmp_path / "a.csv").read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"], "no part is left behind"


def test_registrations_without_their_personal_links(clickmeeting_sandbox, room, tmp_path):
    company = clickmeeting_sandbox.add_field(room["id"], "Company")
    person = {1: "Ada", 2: "Lovelace", 3: "ada@example.com", company: "Example Ltd"}
    link = ClickMeetingHook().register_participant(room["id"], registration=person)
    path = f"{tmp_path.as_uri()}/r.csv"
    export = ClickMeetingExportRegistrationsOperator(task_id="x", room_id=str(room["id"]), path=path)
    assert export.execute({})["rows"] == 1
    row = rows_of(path)[0]
    assert (row["first_name"], row["last_name"], row["email"]) == ("Ada", "Lovelace", "ada@example.com")
    assert json.loads(row["fields"]) == {"Company": "Example Ltd"}
    text = (tmp_path / "r.csv").read_text()
    assert link["r"] not in text
    assert link["url"] not in text


def test_nobody_is_a_header_without_rows(room, tmp_path):
    path = f"{tmp_path.as_uri()}/r.csv"
    assert ClickMeetingExportRegistrationsOperator(task_id="x", room_id=room["id"], path=path).execute({})["rows"] == 0
    assert (tmp_path / "r.csv").read_bytes() == (",".join(REGISTRATIONS.header) + "\r\n").encode()


def test_a_session_that_is_not_there_leaves_the_older_file(room, tmp_path):
    (tmp_path / "a.csv").write_text("older")
    export = ClickMeetingExportAttendeesOperator(
        task_id="x", room_id=room["id"], session_id=1, path=f"{tmp_path.as_uri()}/a.csv"
    )
    with pytest.raises(NotFoundError):
        export.execute({})
    assert (tmp_path / "a.csv").read_text() == "older"


def test_an_odd_row_leaves_the_older_file_and_no_part(room, session_id, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("older")
    monkeypatch.setattr(type(ATTENDEES), "row", lambda *_: 1 / 0)
    export = ClickMeetingExportAttendeesOperator(
        task_id="x", room_id=room["id"], session_id=session_id, path=f"{tmp_path.as_uri()}/a.csv"
    )
    with pytest.raises(ZeroDivisionError):
        export.execute({})
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.csv": "older"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "file:///tmp/a.xlsx"}, "path must be a file name that ends in one of csv, jsonl; got 'a.xlsx'"),
        ({"path": "file:///tmp/a.csv", "file_format": "xml"}, "file_format must be one of csv, jsonl; got 'xml'"),
        ({"path": ""}, "path must be a file"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(clickmeeting_sandbox, arguments, message):
    with pytest.raises(ValueError, match=message):
        ClickMeetingExportRegistrationsOperator(task_id="x", room_id=1, **arguments).execute({})
    assert clickmeeting_sandbox.count() == 0


def test_what_clickmeeting_adds_goes_into_extra_but_no_secret_does():
    row = ATTENDEES.row({"uid": "1", "mood": "fine", "url": "https://secret.example/"})
    assert json.loads(row["extra"]) == {"mood": "fine"}


@pytest.mark.parametrize(("path", "file_format"), [("a.CSV", "csv"), ("a.b.jsonl", "jsonl")])
def test_the_name_says_the_format(path, file_format):
    assert format_of(path) == file_format
