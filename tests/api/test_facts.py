"""What an item of a list says of a session or a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.api import facts

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(("end", "counts"), [(None, True), (at(0), True), (at(1), True), (at(-1), False)])
def test_a_session_counts_that_was_not_over_by_a_moment(end, counts):
    assert facts.over_since({"id": 1, "end_date": end}, at(0)) is counts


def test_seconds_of_the_moment_do_not_matter():
    assert facts.over_since({"id": 1, "end_date": at(0)}, (NOON + timedelta(seconds=59)).isoformat())


@pytest.mark.parametrize(("end", "over"), [(None, False), (at(-1), True), (at(0), False), (at(1), False)])
def test_a_session_is_over_when_its_end_lies_back(end, over):
    assert facts.over_for({"id": 1, "end_date": end}, 300, NOON) is over


def test_the_facts_of_a_session():
    session = {"id": 7, "start_date": at(-1), "end_date": at(0), "total_visitors": 3, "max_visitors": 2}
    assert facts.session_facts("5", session) == {
        "room_id": 5,
        "session_id": 7,
        "started_at": at(-1),
        "ended_at": at(0),
        "total_visitors": 3,
        "max_visitors": 2,
    }


@pytest.mark.parametrize(("size", "is_recorded"), [(None, False), (0, False), (5000, True)])
def test_a_recording_is_ready_when_it_has_a_size(size, is_recorded):
    assert facts.recorded({"id": 1, "recording_file_size": size}) is is_recorded


def test_the_facts_of_a_recording_are_without_its_link():
    recording = {
        "id": 9,
        "recording_name": "Part one",
        "recorder_started": "2027-03-01 12:00:00",
        "recording_duration": 3600,
        "recording_file_size": 5000,
        "recording_url": "https://media.example.com/9",
    }
    assert facts.recording_facts(recording) == {
        "recording_id": 9,
        "name": "Part one",
        "started_at": NOON.isoformat(),
        "duration": 3600,
        "size": 5000,
    }
    assert facts.recorded_until(recording) == NOON + timedelta(hours=1)


def test_a_recording_that_does_not_say_when_it_began():
    assert facts.recording_facts({"id": 9})["started_at"] is None
    assert facts.recorded_until({"id": 9}) is None


def test_the_time_with_an_offset_comes_first():
    recording = {"id": 9, "recorder_start_date": at(1), "recorder_started": "2027-03-01 12:00:00"}
    assert facts.recorded_at(recording) == NOON + timedelta(hours=1)


SCHEDULED = {"id": 1, "status": "inactive", "created_at": at(-900), "starts_at": at(-100), "ends_at": at(-99)}
PERMANENT = {"id": 1, "status": "inactive", "permanent_room": True, "created_at": at(-900)}


@pytest.mark.parametrize(
    ("room", "may_have_met"),
    [
        ({"id": 1}, True),
        ({"id": 1, "status": "active", "starts_at": at(1000), "updated_at": at(-900)}, True),
        # created after the period, or in it
        ({"id": 1, "status": "active", "created_at": at(30)}, False),
        ({"id": 1, "status": "active", "created_at": at(20)}, True),
        ({"id": 1, "status": "active", "created_at": "tomorrow"}, True),
        # inactive since long before the period, or not so long
        ({**SCHEDULED, "updated_at": at(-98)}, False),
        ({**SCHEDULED, "status": "Inactive", "updated_at": at(-98)}, False),
        ({**SCHEDULED, "updated_at": at(-26)}, True),
        ({**PERMANENT, "updated_at": at(-98)}, False),
        ({**PERMANENT, "updated_at": at(-26)}, True),
        # the times of an inactive room do not agree: the last one counts
        ({**SCHEDULED, "updated_at": at(-98), "ends_at": at(-26)}, True),
        ({**SCHEDULED, "updated_at": at(-98), "starts_at": at(-26)}, True),
        # or one of them is missing
        (SCHEDULED, True),
        (PERMANENT, True),
        ({**SCHEDULED, "updated_at": at(-98), "ends_at": None}, True),
        ({**SCHEDULED, "updated_at": at(-98), "ends_at": "never"}, True),
        ({**SCHEDULED, "updated_at": 5}, True),
        ({**SCHEDULED, "status": "archived", "updated_at": at(-98)}, True),
    ],
)
def test_only_what_is_certain_excludes_a_room(room, may_have_met):
    since, until = NOON - timedelta(hours=3), NOON
    assert facts.may_have_met(room, since, until) is may_have_met


@pytest.mark.parametrize("room", [{**SCHEDULED, "updated_at": at(-98)}, {"id": 1, "created_at": at(1000)}])
def test_without_bounds_every_room_may_have_met(room):
    assert facts.may_have_met(room, None, None)


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [
        (at(-5), at(-4), False),
        (at(-5), at(-3), True),
        (at(-5), at(5), True),
        (at(-2), at(-1), True),
        (at(-1), at(1), True),
        (at(0), at(1), False),
        # it is still running
        (at(-5), None, True),
        (at(-1), "", True),
        (at(1), None, False),
        # a time is missing, or makes no sense
        (None, at(-4), False),
        (None, at(-1), True),
        (None, at(1), True),
        ("soon", at(-1), True),
        (at(-5), "late", True),
        (None, None, True),
        (at(-1), at(-5), True),
        (at(5), at(-1), True),
    ],
)
def test_a_session_took_place_in_a_period_if_a_part_of_it_did(start, end, counts):
    session = {"id": 1, "start_date": start, "end_date": end}
    assert facts.took_place(session, NOON - timedelta(hours=3), NOON) is counts
    assert facts.took_place(session, None, None)
