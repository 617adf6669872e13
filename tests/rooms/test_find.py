"""Which room is the one that is meant: by its address, by a task's marker, by name and start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.room_form import room_form
from airflow_clickmeeting.rooms.find import RoomQuery, fits, marker

START = datetime(2027, 3, 1, 14, tzinfo=UTC)
TASK = ("planned", "create", "manual__1", -1)
WANTED = {"name": "Product tour", "starts_at": START, "timezone": "Europe/Warsaw"}


def room(room_id=1, **changes):
    shown = {"id": room_id, "name": "Product tour", "starts_at": "2027-03-01T15:00:00+01:00", "name_url": "other"}
    return {key: value for key, value in (shown | changes).items() if value is not None}


def search(task=TASK, *, another=False, **changes):
    return RoomQuery.for_form(room_form(**(WANTED | changes)), task, another=another)


MARK = search().marker


def told(found):
    return found and (found.room["id"], found.by)


class TestMarker:
    def test_is_an_address_of_the_name_and_eight_digits(self):
        assert MARK.startswith("product-tour-")
        assert len(MARK.removeprefix("product-tour-")) == 8

    @pytest.mark.parametrize("task", [TASK, ("other", "task", "of another run", 7), None])
    @pytest.mark.parametrize(
        "same",
        [
            {},
            {"name": " Product tour "},
            {"starts_at": "2027-03-01T14:00:30Z"},
            {"starts_at": "2027-03-01 15:00"},
            {"starts_at": "2027-03-01T09:00:00-05:00", "timezone": None},
            {"duration": "2:00", "access_type": "token"},
        ],
    )
    def test_is_the_same_for_all_who_want_a_room_of_this_name_and_start(self, task, same):
        found = search(task, **same)
        assert (found.marker[-8:], found.marker_is_own) == (MARK[-8:], False)

    @pytest.mark.parametrize(
        "other",
        [
            {"name": "Product Tour"},
            {"starts_at": START + timedelta(minutes=1)},
            {"starts_at": None, "permanent_room": True},
        ],
    )
    def test_differs_for_another_name_or_start(self, other):
        assert search(**other).marker[-8:] != MARK[-8:]

    def test_of_a_permanent_room_goes_by_its_name(self):
        one, other = (search(task, starts_at=None, permanent_room=True) for task in (TASK, None))
        assert one.marker == other.marker
        assert one.marker != search(name="Office", starts_at=None, permanent_room=True).marker

    @pytest.mark.parametrize("alone", [{"another": True}, {"starts_at": None}, {"another": True, "starts_at": None}])
    @pytest.mark.parametrize("other", [("other", 0), ("other", 1), ("other", 2), (0, 3)])
    def test_of_another_room_or_one_that_starts_now_differs_for_every_task(self, alone, other):
        value, place = other
        task = [*TASK]
        task[place] = value
        mine, theirs = search(**alone), search(task, **alone)
        assert mine.marker == search(**alone).marker
        assert mine.marker != theirs.marker
        assert mine.marker_is_own

    @pytest.mark.parametrize("alone", [{"another": True}, {"starts_at": None}])
    def test_of_these_there_is_none_outside_of_a_task(self, alone):
        assert search(None, **alone).marker is None

    def test_parts_do_not_run_into_each_other(self):
        assert marker("x", ("a", "bc")) != marker("x", ("ab", "c"))


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
        other = search(("planned", "create", "manual__2", -1), starts_at=None).marker
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
        assert (told(found), [each["id"] for each in found.others]) == ((3, "name_and_start"), [5, 9])

    def test_of_another_room_it_does_not_matter(self):
        assert search(another=True).find_in([room(7)]) is None

    @pytest.mark.parametrize("odd", ["0000-00-00 00:00:00", "2027-03-01", "soon"][::2])
    def test_a_start_that_makes_no_sense_matters_under_this_name_only(self, odd):
        assert search().find_in([room(1, name="Other", starts_at=odd)]) is None
        with pytest.raises(ParseError):
            search().find_in([room(1, starts_at=odd)])


@pytest.mark.parametrize(
    ("shown", "is_it"),
    [
        ({}, True),
        ({"name": "Product tour "}, True),
        ({"name": "Board of directors"}, False),
        ({"starts_at": "2027-03-02T15:00:00+01:00"}, False),
        ({"starts_at": None}, False),
        ({"starts_at": None, "permanent_room": True}, False),
    ],
)
def test_whether_a_room_can_be_the_requested_one(shown, is_it):
    assert fits(room(7, **shown), room_form(**WANTED)) is is_it


def test_a_room_that_starts_now_fits_by_its_name():
    form = room_form(**WANTED | {"starts_at": None, "permanent_room": False})
    assert fits(room(7), form)
    assert not fits(room(7, name="Other"), form)


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
