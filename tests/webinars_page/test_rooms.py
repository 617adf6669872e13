"""The state of a room, and which rooms to read for how many requests: pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.ui.account import MAX_PAGES, MAX_REQUESTS
from airflow_clickmeeting.ui.rooms import WebinarRoom, by_state, rooms_to_read

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def room(room_id: int = 1, starts_in: timedelta | None = None, **wanted: Any) -> WebinarRoom:
    planned = (
        {"starts_at": (NOW + starts_in).isoformat(), "ends_at": (NOW + starts_in + HOUR).isoformat()}
        if starts_in is not None
        else {}
    )
    return WebinarRoom.of({"id": room_id, "registration_enabled": True, **planned, **wanted})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (room(starts_in=16 * MINUTE), "coming"),
        (room(starts_in=15 * MINUTE), "now"),
        (room(starts_in=-90 * MINUTE), "now"),
        (room(starts_in=-91 * MINUTE), "over"),
        (room(starts_in=16 * MINUTE, status="inactive"), "coming"),
        (room(starts_in=15 * MINUTE, status="inactive"), "over"),
        (room(starts_in=-30 * HOUR, ends_at=None), "now"),
        (room(), "open"),
        (room(status="inactive"), "over"),
        (room(starts_in=HOUR, starts_at="soon"), "open"),
    ],
)
def test_the_state_of_a_room(found, state):
    assert found.state(NOW) == state


def test_what_clickmeeting_leaves_out():
    found = WebinarRoom.of({"id": 7})
    assert (found.name, found.address, found.timezone, found.has_registration) == ("Room 7", "", "", False)


def test_the_order_in_each_state():
    rooms = [
        *(room(number, number * HOUR) for number in (3, 1, 2)),
        *(room(-number, -number * 24 * HOUR) for number in (3, 1, 2)),
        room(10, updated_at="2027-01-01T00:00:00+00:00"),
        room(11, updated_at="2027-01-02T00:00:00+00:00"),
        room(12),
    ]
    found = by_state(rooms, NOW)
    assert [each.id for each in found["coming"]] == [1, 2, 3]
    assert [each.id for each in found["over"]] == [-1, -2, -3]
    assert [each.id for each in found["open"]] == [11, 10, 12]


def test_the_most_interesting_rooms_come_first():
    rooms = [
        room(1, timedelta(0)),
        room(9, 12 * HOUR, status="inactive"),
        *(room(10 + day, day * 24 * HOUR) for day in range(1, 6)),
        room(20, -24 * HOUR),
        room(30),
    ]
    wanted = [(each.room.id, each.sessions) for each in rooms_to_read(rooms, NOW, 11)]
    assert wanted == [(1, True), (20, True), (11, False), (12, False), (30, True)]
    assert [each.room.id for each in rooms_to_read(rooms, NOW, 4)] == [1, 11]


HOURS = st.lists(st.one_of(st.none(), st.integers(-200, 200)), max_size=30)


@given(hours=HOURS, registration=st.booleans(), requests=st.integers(0, MAX_REQUESTS))
def test_they_never_cost_more_than_is_left(hours, registration, requests):
    rooms = [
        room(number, None if each is None else each * HOUR, registration_enabled=registration)
        for number, each in enumerate(hours)
    ]
    wanted = list(rooms_to_read(rooms, NOW, requests))
    assert sum(each.cost for each in wanted) <= requests
    assert len({each.room.id for each in wanted}) == len(wanted)


def test_the_lists_leave_requests_for_rooms():
    assert MAX_REQUESTS - MAX_PAGES - 1 >= 3, "the recordings are one, and a room is three"
