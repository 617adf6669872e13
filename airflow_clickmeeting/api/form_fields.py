"""Find the fields of a room's registration form by number, by label or by a common name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_clickmeeting.api.validate import Id

FIRST_NAME, LAST_NAME, EMAIL = 1, 2, 3
STANDARD = {FIRST_NAME: "First Name", LAST_NAME: "Last Name", EMAIL: "Email Address"}
# common names in lower case without spaces and punctuation, by the names that ClickMeeting uses outside of forms
SYNONYMS = {
    "email": ("email", "emailaddress", "mail"),
    "firstname": ("firstname", "givenname", "forename"),
    "lastname": ("lastname", "surname", "familyname"),
    "nickname": ("nickname", "displayname", "fullname", "name"),
}
#: ClickMeeting's name for each common name
NAMES = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
_STANDARD_NUMBERS = {"firstname": FIRST_NAME, "lastname": LAST_NAME, "email": EMAIL}
#: the number of the standard field for each common name
STANDARD_SYNONYMS = {synonym: _STANDARD_NUMBERS[name] for synonym, name in NAMES.items() if name in _STANDARD_NUMBERS}


def are_standard(registration: Mapping[Any, Any]) -> bool:
    """Return whether all fields can be found without a request for the labels of the room's own fields."""
    return all(_to_number(key) or number_of(key, STANDARD) for key in registration)


def number_of(name: object, labels: Mapping[int, str]) -> int | None:
    """Return the number of a field from its number, its label in any case, or a common name of a standard field."""
    text = str(name).strip()
    if (number := _to_number(text)) in labels:
        return number
    by_label = {label.strip().casefold(): number for number, label in labels.items()}
    return by_label.get(text.casefold()) or STANDARD_SYNONYMS.get(re.sub(r"[\W_]+", "", text).casefold())


def format_labels(labels: Mapping[int, str]) -> str:
    """Return labels with their numbers, as text for an error message."""
    return ", ".join(f"{label!r} ({number})" for number, label in labels.items())


def numbered(registration: Mapping[Any, Any], labels: Mapping[int, str] = STANDARD) -> dict[Id, Any]:
    """Return the values of a registration by field number.

    :param registration: the values by number, by label in any case, or by a common name of a standard field.
    :param labels: the labels of the room's fields by number; by default the three fields that every room has.
    :raises ValueError: for a field that the room does not have, with those that it has; and for a field with two
        values.
    """
    found: dict[Id, Any] = {}
    for key, value in registration.items():
        number = _to_number(key) or number_of(key, labels)
        if number is None:
            raise ValueError(f"registration has no field {key!r}; the room's fields are {format_labels(labels)}.")
        if number in found:
            raise ValueError(f"registration has two values for the field {labels.get(number, number)!r}. Give one.")
        found[number] = value
    return found


def _to_number(key: object) -> int | None:
    return int(str(key)) if str(key).isdecimal() else None
