"""The fields of a registration form, by number or by label."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.api import form_fields


@pytest.mark.parametrize(
    ("registration", "standard"),
    [
        ({1: "Ada", "2": "Lovelace", 10: "Acme"}, True),
        ({"First Name": "Ada", " email address ": "ada@example.com"}, True),
        ({"first_name": "Ada", "surname": "Lovelace", "E-Mail": "ada@example.com"}, True),
        ({"Company": "Acme"}, False),
        ({}, True),
    ],
)
def test_only_a_label_of_the_rooms_own_needs_the_room(registration, standard):
    assert form_fields.are_standard(registration) is standard


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("first_name", 1),
        ("FirstName", 1),
        ("Given name", 1),
        (" Surname ", 2),
        ("last-name", 2),
        ("e-mail", 3),
        ("EMAIL", 3),
        ("E-mail address", 3),
        ("3", 3),
        (10, 10),
        ("company", 10),
        ("COMPANY ", 10),
        ("Mail", 11),
        ("4", None),
        ("Town", None),
        ("", None),
        (None, None),
    ],
)
def test_a_field_is_found_by_number_label_or_synonym(name, number):
    labels = form_fields.STANDARD | {10: "Company", 11: " mail"}
    assert form_fields.number_of(name, labels) == number


def test_values_may_be_given_by_number_or_by_label_in_whatever_case():
    given = {"FIRST NAME": "Ada", "2": "Lovelace", 3: "ada@example.com", "company": "Acme"}
    assert form_fields.numbered(given, form_fields.STANDARD | {10: "Company"}) == {
        1: "Ada",
        2: "Lovelace",
        3: "ada@example.com",
        10: "Acme",
    }


@pytest.mark.parametrize("key", ["Company", "0", "²", "", None, True])
def test_a_field_that_is_not_there_is_refused_with_those_that_are(key):
    with pytest.raises(ValueError) as refusal:
        form_fields.numbered({key: "Acme"})
    assert str(refusal.value) == (
        f"registration has no field {key!r}; "
        "the room's fields are 'First Name' (1), 'Last Name' (2), 'Email Address' (3)."
    )


@pytest.mark.parametrize("again", ["first name", "first_name", "1"])
def test_a_field_given_twice_is_refused(again):
    with pytest.raises(ValueError, match=r"^registration has two values for the field 'First Name'\. Give one\.$"):
        form_fields.numbered({1: "Ada", again: "Eve"})
