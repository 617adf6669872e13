"""The rooms that met in an interval, found from the lists with few requests; what is uncertain counts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from airflow.timetables.base import DataInterval

from airflow_clickmeeting.exceptions import AuthenticationError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

NOON = datetime(2027, 2, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
YESTERDAY = (NOON - DAY, NOON)


@pytest.fixture(autouse=True)
def at_noon(sandbox) -> None:
    sandbox.set_speed(0)
    sandbox.set_time(NOON)


@pytest.fixture
def met(sandbox):
    """Create a room with sessions that began so long before noon and took an hour, and return its id."""

    def met(*before: timedelta, **room) -> int:
        room_id = sandbox.add_room(**{"permanent_room": True, **room})["id"]
        for each in before:
            sandbox.play(room_id, start=NOON - each, end=NOON - each + HOUR)
        return room_id

    return met


@pytest.fixture
def ids_of(hook):
    """Return the ids of the rooms that met."""
    return lambda interval=YESTERDAY, **options: [room["id"] for room in hook.rooms_with_sessions(interval, **options)]


@pytest.fixture
def log_lines(mocker, caplog):
    """Return what the hook has logged."""
    mocker.patch.object(ClickMeetingHook, "log", logging.getLogger("task"))
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(text for name, _, text in caplog.record_tuples if name == "task")


def test_rooms_of_all_kinds_that_met(met, ids_of, sandbox):
    found = [
        met(3 * HOUR),
        met(6 * DAY, 3 * HOUR),
        met(3 * HOUR, permanent_room=False, starts_at=NOON - 3 * HOUR),
        # a rehearsal, days before the planned start
        met(5 * HOUR, permanent_room=False, starts_at=NOON + 9 * DAY),
        # a session that still runs
        sandbox.add_room(permanent_room=True)["id"],
        # one that began before the interval
        met(DAY + HOUR / 2),
    ]
    sandbox.play(found[4], start=NOON - HOUR, end=NOON + HOUR)
    met(6 * DAY)
    met(6 * DAY, permanent_room=False, starts_at=NOON - 6 * DAY)
    met()
    assert ids_of() == sorted(found)


def test_the_rooms_are_those_of_the_list(met, hook):
    room_id = met(3 * HOUR, name="Talk")
    (room,) = hook.rooms_with_sessions(YESTERDAY)
    assert (room["id"], room["name"]) == (room_id, "Talk")


@pytest.mark.parametrize(
    ("interval", "count"),
    [
        (YESTERDAY, 1),
        (DataInterval(*YESTERDAY), 1),
        (tuple(bound.isoformat() for bound in YESTERDAY), 1),
        ((None, NOON - 5 * DAY), 1),
        ((NOON - DAY, None), 1),
        ((None, None), 2),
    ],
)
def test_an_interval_in_every_form(met, ids_of, interval, count):
    met(3 * HOUR)
    met(6 * DAY)
    assert len(ids_of(interval)) == count


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ((NOON, NOON), "interval must end later than it starts"),
        ((NOON, NOON - DAY), "interval must end later than it starts"),
        ((NOON.replace(tzinfo=None), None), "interval must be a time with its zone or UTC offset"),
        (("yesterday", None), "interval must be a datetime or an ISO 8601 text"),
    ],
)
def test_a_wrong_interval_is_refused_before_a_request(hook, sandbox, interval, reason):
    with pytest.raises(ValueError, match=reason):
        hook.rooms_with_sessions(interval)
    assert sandbox.count() == 0


def test_few_requests(met, ids_of, sandbox):
    """Only of the active rooms, and of those that ended lately, are the sessions requested."""
    for number in range(300):
        sandbox.add_room(starts_at=NOON - (5 + number % 100) * DAY)
    found = met(3 * HOUR)
    met()
    sandbox.add_room(starts_at=NOON + 3 * DAY)
    sandbox.forget_requests()
    assert ids_of() == [found]
    # a page of active rooms, two of inactive ones, and all but the last once more, since the list may have changed
    assert sandbox.counts == {"list_conferences": 5, "list_sessions": 3}


def test_a_room_that_was_created_after_the_interval_is_not_requested(met, ids_of, sandbox):
    met(3 * HOUR)
    sandbox.set_time(NOON + 9 * DAY)
    sandbox.add_room(permanent_room=True)
    sandbox.forget_requests()
    ids_of((NOON - DAY, NOON))
    assert sandbox.count("list_sessions") == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "answer", "json": [{"start_date": "2027-02-10T10:00:00+00:00"}]},
        {"kind": "html"},
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 500},
    ],
)
def test_a_room_whose_sessions_cannot_be_read_counts(met, ids_of, sandbox, log_lines, fault):
    ids = [met(), met(3 * HOUR)]
    sandbox.fault("list_sessions", **fault)
    assert ids_of(max_parallel=1) == ids
    assert f"The sessions of room {ids[0]} cannot be read, so the room counts" in log_lines()


def test_a_room_that_was_deleted_meanwhile_is_left_out(met, ids_of, sandbox):
    met(3 * HOUR)
    there = met(3 * HOUR)
    sandbox.fault("list_sessions", "status", status=404)
    sandbox.fault("get_conference", "status", status=404)
    assert ids_of(max_parallel=1) == [there]


def test_a_room_that_was_never_used_and_whose_list_is_not_found_did_not_meet(met, ids_of, sandbox):
    met()
    sandbox.fault("list_sessions", "status", status=404)
    assert ids_of() == []


def test_a_wrong_key_is_an_error_and_no_empty_list(met, hook, sandbox):
    met(3 * HOUR)
    sandbox.fault("list_sessions", "status", status=401)
    with pytest.raises(AuthenticationError):
        hook.rooms_with_sessions(YESTERDAY)


def test_the_log_has_the_bounds_and_the_numbers(met, hook, log_lines):
    met(3 * HOUR)
    hook.rooms_with_sessions(YESTERDAY)
    expected = "1 rooms have sessions from 2027-02-09 12:00:00+00:00 before 2027-02-10 12:00:00+00:00; requested the"
    assert f"{expected} sessions of 1 rooms, of 1 in the account" in log_lines()
