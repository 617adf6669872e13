"""Test paths with placeholders: which files they make, and that no value of a response leads out of the folder."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.output.paths import OF_ROOMS, OF_SESSIONS, PathTemplate


def session(session_id: Any, start_date: Any = "2027-02-01T23:30:00+01:00", room_id: Any = 5) -> RoomOrSession:
    return RoomOrSession(room_id, session_id, {"id": session_id, "start_date": start_date})


def files_of(path: str, *places: RoomOrSession, known=OF_SESSIONS) -> tuple[dict[str, list[Any]], list[Any]]:
    failures = FailureLog(logging.getLogger())
    found = [(RoomOrSession(places[0].room_id if places else 5), list(places))]
    files = PathTemplate("path", path, "attendees.csv", known).files(found, failures)
    return {name: [place.session_id for place in group] for name, group in files.items()}, failures.kept


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("/data/a.csv", {"/data/a.csv": [7, 8]}),
        ("/data/", {"/data/attendees.csv": [7, 8]}),
        ("/data/{room_id}.csv", {"/data/5.csv": [7, 8]}),
        ("/data/{session_id}.csv", {"/data/7.csv": [7], "/data/8.csv": [8]}),
        ("/data/{date}/{room_id}.csv", {"/data/2027-02-01/5.csv": [7], "/data/2027-02-02/5.csv": [8]}),
    ],
)
def test_places_with_the_same_path_share_a_file(path, files):
    assert files_of(path, session(7), session(8, "2027-02-02T10:00:00Z")) == (files, [])


def test_a_room_without_places_has_a_file_if_its_path_is_known():
    assert files_of("/data/{room_id}.csv") == ({"/data/5.csv": []}, [])
    assert files_of("/data/{room_id}.csv", known=OF_ROOMS) == ({"/data/5.csv": []}, [])
    assert files_of("/data/{session_id}.csv") == ({}, [])


@pytest.mark.parametrize(
    "start_date",
    ["../../../pw", "2027-02-01/../../../pw", "/etc/passwd", "..", "", None, 7, ["2027-02-01"], "2027-02-31T10:00:00Z"],
)
def test_a_date_that_is_none_is_a_failure_of_its_session_and_makes_no_path(start_date):
    files, failures = files_of("/data/{date}.csv", session(7), session(8, start_date))
    assert files == {"/data/2027-02-01.csv": [7]}
    (failure,) = failures
    assert (failure["room_id"], failure["session_id"]) == (5, 8)
    assert failure["reason"].startswith("the path cannot be built: expected ")


def test_a_session_without_a_start_is_a_failure():
    files, failures = files_of("/data/{date}.csv", RoomOrSession(5, 8, {"id": 8}))
    assert (files, len(failures)) == ({}, 1)


@pytest.mark.parametrize("odd", ["../../pw", "7/../../pw", "", None, 0, -1, True, "\u0667/.."])
@pytest.mark.parametrize("name", OF_ROOMS + OF_SESSIONS[1:2])
def test_an_id_that_is_none_is_a_failure_and_makes_no_path(name, odd):
    place = session(7, room_id=odd) if name == "room_id" else session(odd)
    files, failures = files_of(f"/data/{{{name}}}.csv", place)
    assert files == {}
    assert f"the path cannot be built: {name} must be the positive number" in failures[0]["reason"]
