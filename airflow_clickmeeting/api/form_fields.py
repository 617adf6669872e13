"""The fields of a room's registration form, by number and by label (reference 2 and 6.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.validate import Id

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Room

FIRST_NAME, LAST_NAME, EMAIL = 1, 2, 3
STANDARD = {FIRST_NAME: "First Name", LAST_NAME: "Last Name", EMAIL: "Email Address"}
# what people call things, once simplified, by ClickMeeting's names where it has no form
SYNONYMS = {
    "email": ("email", "emailaddress", "mail"),
    "firstname": ("firstname", "givenname", "forename"),
    "lastname": ("lastname", "surname", "familyname"),
    "nickname": ("nickname", "displayname", "fullname", "name"),
}
_NAMES = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
_NUMBERS = {"firstname": FIRST_NAME, "lastname": LAST_NAME, "email": EMAIL}


def labels_of(room: Room) -> dict[int, str]:
    """Return the labels of a room's fields by their numbers: the three that every room has, and its own.

    They stand in `registration.fields` or at the top of the answer.
    """
    holder: Any = room.get("registration")
    fields: Any = holder.get("fields") if isinstance(holder, Mapping) else holder
    fields = fields or dict(room).get("fields") or []
    own = [each for each in fields if isinstance(each, Mapping) and "id" in each and "label" in each]
    return STANDARD | {int(each["id"]): str(each["label"]) for each in own}


def are_standard(registration: Mapping[Any, Any]) -> bool:
    """Tell whether values can be sent without knowing the room's own labels."""
    return all(_number(key) or number_of(key, STANDARD) for key in registration)


def number_of(name: object, labels: Mapping[int, str]) -> int | None:
    """Return the field that a number or a label in whatever case means; the standard three have synonyms as well."""
    text = str(name).strip()
    if (number := _number(text)) in labels:
        return number
    by_label = {label.strip().casefold(): number for number, label in labels.items()}
    return by_label.get(text.casefold()) or _NUMBERS.get(name_of(text) or "")


def name_of(synonym: str) -> str | None:
    """Return `email`, `firstname`, `lastname` or `nickname`, if that is meant."""
    return _NAMES.get(simplified(synonym))


def simplified(name: str) -> str:
    """Return a name in small letters, with nothing but letters and digits."""
    return re.sub(r"[\W_]+", "", name).casefold()


def listed(labels: Mapping[int, str]) -> str:
    """Return the fields that there are, for people."""
    return ", ".join(f"{label!r} ({number})" for number, label in labels.items())


def numbered(registration: Mapping[Any, Any], labels: Mapping[int, str] = STANDARD) -> dict[Id, Any]:
    """Return values by field number, from values by number or label in whatever case.

    :raises ValueError: for a label that is not there, naming those that are, or a field given twice.
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
