"""What is given of a room becomes a form, once for making and changing it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_clickmeeting.api.room_form import room_form, start_of


def test_what_is_not_given_is_not_there():
    assert {name: value for name, value in room_form().items() if value not in (None, {})} == {}


@pytest.mark.parametrize("nothing", ["", None])
def test_an_address_that_a_template_left_empty_is_none(nothing):
    assert room_form(custom_room_url_name=nothing)["custom_room_url_name"] is None


@pytest.mark.parametrize("lost", ["None", " "])
def test_an_address_that_a_template_did_not_find_is_refused(lost):
    with pytest.raises(ValueError, match="custom_room_url_name must be a text that is not blank; got"):
        room_form(custom_room_url_name=lost)


def test_a_permanent_room_has_no_start():
    with pytest.raises(ValueError, match="starts_at must be left out when permanent_room is true; got '2027-03-01T"):
        room_form(permanent_room="yes", starts_at="2027-03-01T15:00:00Z")


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({"starts_at": "2027-03-01T15:00", "timezone": "Europe/Warsaw"}, datetime(2027, 3, 1, 14, tzinfo=UTC)),
        ({"starts_at": "2027-03-01T15:00:00-05:00"}, datetime(2027, 3, 1, 20, tzinfo=UTC)),
        ({"starts_at": "2027-03-01T15:00:00Z"}, datetime(2027, 3, 1, 15, tzinfo=UTC)),
        ({"timezone": "Europe/Warsaw"}, None),
    ],
)
def test_the_instant_that_a_form_means(given, start):
    assert start_of(room_form(**given)) == start


def test_a_parameter_that_no_room_has_is_refused_with_those_that_there_are():
    with pytest.raises(TypeError, match=r"^A room has no parameter 'colour', 'size'\. It has name, room_type, "):
        room_form(name="Talk", size=3, colour="red")
