"""The walk over pages of rooms ends, misses no room, and brings none twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api.calls import PAGE_SIZE
from airflow_clickmeeting.api.pagination import RoomPages

ACTIVE, INACTIVE = 10**6, 2 * 10**6


def page_of(first: int, total: int, number: int) -> list[dict[str, int]]:
    start = (number - 1) * PAGE_SIZE
    return [{"id": first + each} for each in range(total)[start : start + PAGE_SIZE]]


def walk(status: str, answer: Callable[[str, int], list[dict[str, int]]]) -> tuple[list[int], list[str]]:
    """Return the ids that a walk brings, and the pages that it asked for."""
    pages, ids, asked = RoomPages(status), [], []
    while call := pages.call:
        wanted, number = call.path.removeprefix("conferences/"), call.query["page"]
        asked.append(f"{wanted} {number}")
        assert len(asked) < 20, "the walk does not end"
        ids += [room["id"] for room in pages.take(answer(wanted, number))]
    return ids, asked


@pytest.mark.parametrize(
    ("rooms", "asked"),
    [
        (0, ["active 1"]),
        (1, ["active 1"]),
        (249, ["active 1"]),
        (250, ["active 1", "active 2"]),
        (251, ["active 1", "active 2"]),
        (500, ["active 1", "active 2", "active 3"]),
    ],
)
def test_a_short_page_is_the_last_one(rooms, asked):
    assert walk("active", lambda _, page: page_of(ACTIVE, rooms, page)) == (list(range(ACTIVE, ACTIVE + rooms)), asked)


def test_a_last_page_that_repeats_ends_the_walk():
    ids, asked = walk("inactive", lambda _, page: page_of(INACTIVE, 500, min(page, 2)))
    assert len(ids) == len(set(ids)) == 500
    assert asked == ["inactive 1", "inactive 2", "inactive 3"]


def test_a_page_number_that_is_ignored_ends_the_walk():
    ids, asked = walk("active", lambda _, page: page_of(ACTIVE, 250, 1))
    assert len(ids) == 250
    assert asked == ["active 1", "active 2"]


def test_active_rooms_come_before_inactive_ones():
    numbers = {"active": (ACTIVE, 3), "inactive": (INACTIVE, 260)}
    ids, asked = walk("all", lambda status, page: page_of(*numbers[status], page))
    assert ids == [*range(ACTIVE, ACTIVE + 3), *range(INACTIVE, INACTIVE + 260)]
    assert asked == ["active 1", "inactive 1", "inactive 2"]


def test_a_room_that_ends_meanwhile_comes_once():
    ids, _ = walk("all", lambda status, page: [{"id": 7}, {"id": 8 if status == "active" else 9}])
    assert ids == [7, 8, 9]


def test_inactive_pages_that_were_seen_as_active_do_not_end_the_walk():
    numbers = {"active": (ACTIVE, 250), "inactive": (ACTIVE, 300)}
    ids, asked = walk("all", lambda status, page: page_of(*numbers[status], page))
    assert ids == list(range(ACTIVE, ACTIVE + 300))
    assert asked == ["active 1", "active 2", "inactive 1", "inactive 2"]


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match=r"^status must be one of 'active', 'inactive', 'all'; got 'some'\.$"):
        RoomPages("some")


@given(st.integers(0, 1100), st.integers(0, 600), st.sampled_from(["empty", "repeat"]))
def test_every_room_comes_exactly_once(active, inactive, past_last):
    numbers = {"active": (ACTIVE, active), "inactive": (INACTIVE, inactive)}

    def answer(status: str, page: int) -> list[dict[str, int]]:
        first, total = numbers[status]
        last = max((total - 1) // PAGE_SIZE + 1, 1)
        return page_of(first, total, min(page, last) if past_last == "repeat" else page)

    ids, _ = walk("all", answer)
    assert ids == [*range(ACTIVE, ACTIVE + active), *range(INACTIVE, INACTIVE + inactive)]
