"""The fields of a room's registration form, by number and by label (reference 2 and 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.values import Id

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Room

STANDARD = {1: "First Name", 2: "Last Name", 3: "Email Address"}


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
    known = {label.casefold() for label in STANDARD.values()}
    return all(_number(key) or str(key).strip().casefold() in known for key in registration)


def numbered(registration: Mapping[Any, Any], labels: Mapping[int, str] = STANDARD) -> dict[Id, Any]:
    """Return values by field number, from values by number or label in whatever case.

    :raises ValueError: for a label that is not there, naming those that are, or a field given twice.
    """
    numbers = {label.casefold(): number for number, label in labels.items()}
    found: dict[Id, Any] = {}
    for key, value in registration.items():
        number = _number(key) or numbers.get(str(key).strip().casefold())
        if number is None:
            known = ", ".join(f"{label!r} ({number})" for number, label in labels.items())
            raise ValueError(f"registration has no field {key!r}; the room's fields are {known}.")
        if number in found:
            raise ValueError(f"registration names the field {labels.get(number, number)!r} twice.")
        found[number] = value
    return found


def _number(key: object) -> int | None:
    return int(str(key)) if str(key).isdecimal() else None
