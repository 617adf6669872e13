"""Which room is the one that is meant: by its address, by a task's marker, by name and start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.api.room_form import room_form
from airflow_clickmeeting.rooms.find import RoomQuery, marker

START = datetime(2027, 3, 1, 14, tzinfo=UTC)
TASK = ("planned", "create", "manual__1", -1)
MARK = marker("Product tour", *TASK)


def room(room_id=1, **changes):
    shown = {"id": room_id, "name": "Product tour", "starts_at": "2027-03-01T15:00:00+01:00", "name_url": "other"}
    return {key: value for key, value in (shown | changes).items() if value is not None}


def search(mark=MARK, **changes):
    given = {"name": "Product tour", "starts_at": START, "timezone": "Europe/Warsaw"}
    return RoomQuery.for_form(room_form(**(given | changes)), mark)


def told(found):
    return found and (found.room["id"], found.by)


class TestMarker:
    def test_is_an_address_of_the_name_and_eight_digits(self):
        assert MARK.startswith("product-tour-")
        assert len(MARK.removeprefix("product-tour-")) == 8

    def test_is_the_same_in_every_try(self):
        assert marker("Product tour", *TASK) == MARK

    @pytest.mark.parametrize("other", [("other", 0), ("other", 1), ("other", 2), (0, 3)])
    def test_differs_from_that_of_every_other_task(self, other):
        value, place = other
        task = [*TASK]
        task[place] = value
        assert marker("Product tour", *task) != MARK

    def test_parts_do_not_run_into_each_other(self):
        assert marker("x", "a", "bc") != marker("x", "ab", "c")


class TestByAddress:
    @pytest.mark.parametrize(
        "shown",
        [
            {"name_url": "product-tour"},
            {"name_url": "PRODUCT_TOUR"},
            {"name_url": None, "room_url": "https://acme.clickmeeting.example/product_tour"},
        ],
    )
    def test_whatever_the_spelling_the_name_and_the_start(self, shown):
        found = search(custom_room_url_name="Product-tour").find_in([room(7, name="Other", starts_at=None, **shown)])
        assert told(found) == (7, "custom_room_url_name")

    def test_nothing_else_counts_where_an_address_is_given(self):
        assert search(custom_room_url_name="tour").find_in([room(), room(name_url=MARK)]) is None


class TestByMarker:
    def test_comes_before_the_name(self):
        assert told(search().find_in([room(1), room(2, name_url=MARK)])) == (2, "marker")

    @pytest.mark.parametrize("spelled", [MARK.upper(), MARK.replace("-", "_"), "shorter-" + MARK[-8:]])
    def test_whatever_became_of_its_spelling(self, spelled):
        assert told(search().find_in([room(2, name="Renamed", name_url=spelled)])) == (2, "marker")

    def test_of_another_task_is_none(self):
        other = marker("Product tour", "planned", "create", "manual__2", -1)
        assert search(starts_at=None).find_in([room(2, name_url=other)]) is None

    def test_ends_the_walk(self):
        def rooms():
            yield room(2, name_url=MARK)
            raise AssertionError("one room too many")

        assert told(search().find_in(rooms())) == (2, "marker")


class TestByNameAndStart:
    @pytest.mark.parametrize(
        "shown",
        [
            {},
            {"name": "Product tour "},
            {"starts_at": "2027-03-01T14:00:00+00:00"},
            {"starts_at": "2027-03-01T14:00:30+00:00"},
        ],
    )
    def test_the_same(self, shown):
        assert told(search().find_in([room(7, **shown)])) == (7, "name_and_start")

    @pytest.mark.parametrize(
        "shown",
        [{"name": "Product Tour"}, {"starts_at": "2027-03-01T15:00:00+02:00"}, {"starts_at": None}, {"name": None}],
    )
    def test_another(self, shown):
        assert search().find_in([room(7, **shown)]) is None

    def test_an_escaped_name(self):
        assert search(name="Q&A").find_in([room(7, name="Q&amp;A")]) is not None

    def test_a_permanent_room_is_found_by_name_and_being_one(self):
        office = search(starts_at=None, permanent_room=True)
        assert told(office.find_in([room(1), room(2, permanent_room=True, starts_at=None)])) == (2, "name_and_start")

    def test_a_scheduled_one_is_not_meant_by_that_nor_the_other_way_round(self):
        assert search(starts_at=None, permanent_room=True).find_in([room()]) is None
        assert search().find_in([room(permanent_room=True, starts_at=None)]) is None

    def test_without_a_start_the_name_tells_nothing(self):
        assert search(starts_at=None).find_in([room()]) is None

    def test_of_several_the_oldest_with_the_others(self):
        found = search().find_in([room(9), room(3), room(5), room(3)])
        assert (told(found), found.others) == ((3, "name_and_start"), (5, 9))


@pytest.mark.parametrize(
    ("wanted", "can_find"),
    [
        (search(), True),
        (search(None), True),
        (search(starts_at=None), True),
        (search(None, starts_at=None), False),
        (search(None, starts_at=None, permanent_room=True), True),
        (search(None, custom_room_url_name="tour", starts_at=None), True),
        (RoomQuery(), False),
        (RoomQuery(starts_at=START + timedelta(days=1)), False),
    ],
)
def test_whether_there_is_anything_to_go_by(wanted, can_find):
    assert bool(wanted) is can_find
