"""The fields of a room's registration form, by number and by label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_clickmeeting.api.validate import Id

FIRST_NAME, LAST_NAME, EMAIL = 1, 2, 3
STANDARD = {FIRST_NAME: "First Name", LAST_NAME: "Last Name", EMAIL: "Email Address"}
# common names in lower case without blanks and punctuation, by the names that ClickMeeting has outside of forms
SYNONYMS = {
    "email": ("email", "emailaddress", "mail"),
    "firstname": ("firstname", "givenname", "forename"),
    "lastname": ("lastname", "surname", "familyname"),
    "nickname": ("nickname", "displayname", "fullname", "name"),
}
#: ClickMeeting's name for each synonym
NAMES = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
_NUMBERS = {"firstname": FIRST_NAME, "lastname": LAST_NAME, "email": EMAIL}
#: the standard field for each synonym
STANDARD_SYNONYMS = {synonym: _NUMBERS[name] for synonym, name in NAMES.items() if name in _NUMBERS}


def are_standard(registration: Mapping[Any, Any]) -> bool:
    """Return whether values can be sent without the room's own labels."""
    return all(_number(key) or number_of(key, STANDARD) for key in registration)


def number_of(name: object, labels: Mapping[int, str]) -> int | None:
    """Return the field for a number or a label in any case; the three standard fields also have synonyms."""
    text = str(name).strip()
    if (number := _number(text)) in labels:
        return number
    by_label = {label.strip().casefold(): number for number, label in labels.items()}
    return by_label.get(text.casefold()) or STANDARD_SYNONYMS.get(re.sub(r"[\W_]+", "", text).casefold())


def listed(labels: Mapping[int, str]) -> str:
    """Return the labels with their numbers, for an error message."""
    return ", ".join(f"{label!r} ({number})" for number, label in labels.items())


def numbered(registration: Mapping[Any, Any], labels: Mapping[int, str] = STANDARD) -> dict[Id, Any]:
    """Return values by field number, from values by number or label in any case.

    :raises ValueError: for a label that does not exist, listing those that do, or for a field that is given twice.
    """
    found: dict[Id, Any] = {}
    for key, value in registration.items():
        number = _number(key) or number_of(key, labels)
        if number is None:
            raise ValueError(f"registration has no field {key!r}; the room's fields are {listed(labels)}.")
        if number in found:
            raise ValueError(f"registration names the field {labels.get(number, number)!r} twice.")
        found[number] = value
    return found


def _number(key: object) -> int | None:
    return int(str(key)) if str(key).isdecimal() else None
