"""The walk over pages of rooms ends, misses no room, and brings none twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api.calls import PAGE_SIZE
from airflow_clickmeeting.api.errors import ParseError
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
        assert len(asked) < 50, "the walk does not end"
        ids += [room["id"] for room in pages.take(answer(wanted, number))]
    return ids, asked


@pytest.mark.parametrize(
    ("rooms", "asked"),
    [
        (0, ["active 1"]),
        (1, ["active 1"]),
        (249, ["active 1"]),
        (250, ["active 1", "active 2", "active 1"]),
        (251, ["active 1", "active 2", "active 1"]),
        (500, ["active 1", "active 2", "active 3", "active 1", "active 2"]),
    ],
)
def test_a_short_page_is_the_last_one(rooms, asked):
    assert walk("active", lambda _, page: page_of(ACTIVE, rooms, page)) == (list(range(ACTIVE, ACTIVE + rooms)), asked)


def test_without_the_check_no_page_is_requested_twice():
    pages, asked = RoomPages("all", check=False), []
    while call := pages.call:
        asked.append(f"{call.path.removeprefix('conferences/')} {call.query['page']}")
        pages.take(page_of(ACTIVE, 300 if "/active" in call.path else 0, call.query["page"]))
    assert asked == ["active 1", "active 2", "inactive 1"]


def test_a_last_page_that_repeats_ends_the_walk():
    ids, asked = walk("inactive", lambda _, page: page_of(INACTIVE, 500, min(page, 2)))
    assert len(ids) == len(set(ids)) == 500
    assert asked == ["inactive 1", "inactive 2", "inactive 3", "inactive 1", "inactive 2"]


def test_a_page_number_that_is_ignored_ends_the_walk():
    ids, asked = walk("active", lambda _, page: page_of(ACTIVE, 250, 1))
    assert len(ids) == 250
    assert asked == ["active 1", "active 2", "active 1"]


def test_active_rooms_come_before_inactive_ones():
    numbers = {"active": (ACTIVE, 3), "inactive": (INACTIVE, 260)}
    ids, asked = walk("all", lambda status, page: page_of(*numbers[status], page))
    assert ids == [*range(ACTIVE, ACTIVE + 3), *range(INACTIVE, INACTIVE + 260)]
    assert asked == ["active 1", "inactive 1", "inactive 2", "active 1", "inactive 1"]


def test_a_room_that_ends_meanwhile_comes_once():
    ids, _ = walk("all", lambda status, page: [{"id": 7}, {"id": 8 if status == "active" else 9}])
    assert ids == [7, 8, 9]


def test_inactive_pages_that_were_seen_as_active_do_not_end_the_walk():
    numbers = {"active": (ACTIVE, 250), "inactive": (ACTIVE, 300)}
    ids, asked = walk("all", lambda status, page: page_of(*numbers[status], page))
    assert ids == list(range(ACTIVE, ACTIVE + 300))
    assert asked == ["active 1", "active 2", "inactive 1", "inactive 2", "active 1", "active 2", "inactive 1"]


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


class Account:
    """Rooms by status, that change between two requests of a walk."""

    def __init__(self, active: int, inactive: int, changes: dict[int, tuple[str, int]]) -> None:
        self.rooms = {"active": [*range(1, active + 1)], "inactive": [*range(10**6, 10**6 + inactive)]}
        self.changes = changes
        self.requests = 0

    def answer(self, status: str, page: int) -> list[dict[str, int]]:
        change, index = self.changes.get(self.requests, ("none", 0))
        self.requests += 1
        source = self.rooms["inactive" if change == "open" else "active"]
        if change != "none" and source:
            room = source.pop(index % len(source))
            if change != "delete":
                self.rooms["active" if change == "open" else "inactive"].insert(0, room)
        return [{"id": each} for each in self.rooms[status][(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]


def changes_of(*kinds: str) -> st.SearchStrategy[dict[int, tuple[str, int]]]:
    """Return what happens before which request: the kind of change, and the index of the room."""
    return st.dictionaries(st.integers(0, 12), st.tuples(st.sampled_from(kinds), st.integers(0, 1000)), max_size=3)


# nobody can find a room that moves away from where is looked, and back again
@given(st.integers(0, 800), st.integers(0, 600), changes_of("close", "delete") | changes_of("open"))
def test_a_room_that_exists_all_the_time_is_returned_whatever_changes_meanwhile(active, inactive, changes):
    account = Account(active, inactive, changes)
    ids, _ = walk("all", account.answer)
    assert {*account.rooms["active"], *account.rooms["inactive"]} <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_walk_counts_how_often_it_began_again():
    account = Account(600, 0, {1: ("delete", 0)})
    pages = RoomPages("active")
    while call := pages.call:
        pages.take(account.answer("active", call.query["page"]))
    assert pages.restarts == 1


def test_a_list_that_changes_all_the_time_ends_the_walk_nevertheless():
    account = Account(600, 0, dict.fromkeys(range(100), ("delete", 0)))
    ids, asked = walk("active", account.answer)
    assert len(ids) == len(set(ids)) == 599
    assert len(asked) < 40


def test_a_room_that_cannot_be_read_is_left_out_and_told_once():
    reasons: list[str] = []
    pages = RoomPages("active", skip=reasons.append)
    data = [{"id": each} for each in range(1, 250)] + [{"id": None}]
    asked = []
    found = []
    while call := pages.call:
        asked.append(call.query["page"])
        found += pages.take(call.read(data if call.query["page"] == 1 else [{"id": 900}]))
    assert asked == [1, 2, 1]
    assert [room["id"] for room in found] == [*range(1, 250), 900]
    assert reasons == ["item 250 of the list: expected a room with a number as its id, got null as its id"]
    with pytest.raises(ParseError, match="item 250"):
        RoomPages("active").call.read(data)
