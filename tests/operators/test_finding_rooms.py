"""The rooms that met in a period, as ids or in batches that Airflow can map over."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from airflow_clickmeeting.operators.sessions import ClickMeetingListRoomsWithSessionsOperator


@pytest.fixture
def met(sandbox):
    """Create rooms with a session each that ended so long ago, and return their ids."""

    def met(*before: timedelta) -> list[int]:
        ids = [sandbox.add_room(permanent_room=True)["id"] for _ in before]
        for room_id, each in zip(ids, before, strict=True):
            sandbox.play(room_id, start=sandbox.now - each - timedelta(hours=1), end=sandbox.now - each)
        return ids

    return met


def of_run(sandbox, days: float = 1) -> dict[str, Any]:
    """Return the context of a run whose data interval ends now."""
    return {"data_interval_start": sandbox.now - timedelta(days=days), "data_interval_end": sandbox.now}


def test_the_rooms_that_met_in_the_data_interval(sandbox, met):
    first, second, _ = met(timedelta(hours=1), timedelta(hours=20), timedelta(days=3))
    task = ClickMeetingListRoomsWithSessionsOperator(task_id="rooms")
    assert task.execute(of_run(sandbox)) == [first, second]


def test_the_rooms_that_met_in_a_period_of_its_own(run, sandbox, met):
    first, second = met(timedelta(days=5), timedelta(days=3))
    period = {"since": "2027-01-25T00:00:00+00:00", "until": sandbox.now - timedelta(days=4)}
    assert run(ClickMeetingListRoomsWithSessionsOperator, **period) == [first]
    until_now = {"since": sandbox.now - timedelta(days=4), "max_parallel": "1"}
    assert run(ClickMeetingListRoomsWithSessionsOperator, **until_now) == [second]


def test_a_run_without_a_data_interval_finds_the_rooms_that_ever_met(told_by, met):
    ids = met(timedelta(days=5), timedelta(days=50))
    found, log = told_by(ClickMeetingListRoomsWithSessionsOperator)
    assert found == ids
    assert "This run has no data interval" in log
    assert "2 rooms have sessions from None before None" in log


def test_rooms_whose_events_are_over_in_the_period_count_with_those_that_are_joined(run, sandbox, met):
    (room_id,) = met(timedelta(minutes=70))
    period = {"since": sandbox.now - timedelta(hours=1)}
    assert run(ClickMeetingListRoomsWithSessionsOperator, **period) == []
    joined = run(ClickMeetingListRoomsWithSessionsOperator, join_sessions_within="PT15M", **period)
    assert joined == [room_id]


@pytest.mark.parametrize(("batch_size", "sizes"), [(None, None), (2, [2, 2, 1]), ("5", [5]), (50, [5])])
def test_batches(run, met, batch_size, sizes):
    ids = met(*[timedelta(hours=1)] * 5)
    found = run(ClickMeetingListRoomsWithSessionsOperator, batch_size=batch_size)
    if sizes is None:
        assert found == ids
    else:
        assert [len(batch) for batch in found] == sizes
        assert [room_id for batch in found for room_id in batch] == ids


def test_there_are_never_more_batches_than_airflow_maps_over(run, met, mocker):
    mocker.patch.dict(os.environ, {"AIRFLOW__CORE__MAX_MAP_LENGTH": "2"})
    met(*[timedelta(hours=1)] * 5)
    found = run(ClickMeetingListRoomsWithSessionsOperator, batch_size=1)
    assert [len(batch) for batch in found] == [3, 2]


def test_nothing_to_map_over(run, sandbox):
    sandbox.add_room(permanent_room=True)
    assert run(ClickMeetingListRoomsWithSessionsOperator, batch_size=10) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"since": "yesterday"}, "since must be a datetime or an ISO 8601 text"),
        ({"since": "2027-02-01T00:00:00Z", "until": "2027-02-01T00:00:00Z"}, "until must be later than since"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 on; got 0."),
        ({"max_parallel": 65}, "max_parallel must be a whole number from 1 to 64; got 65."),
        ({"join_sessions_within": 15}, "join_sessions_within must be"),
    ],
)
def test_wrong_arguments_of_the_search_for_rooms(refusal, arguments, reason):
    assert refusal(ClickMeetingListRoomsWithSessionsOperator, **arguments).startswith(reason)
