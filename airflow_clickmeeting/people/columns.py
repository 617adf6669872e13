"""Which field each column of a list of people goes to, and what a row says in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.redact import without_addresses
from airflow_clickmeeting.people.read import RawPerson

Fields = dict[str, str]


class Columns:
    """Which field each column of a list goes to.

    :param find: returns the field that a name means.
    :param known: the fields that there are, for people.
    :param given: fields by the list's own names of columns, in whatever case; None leaves a column out.
    :param strict: whether each column must go to a field, and no two to the same one. Else columns that match none are
        left out, so are others for a field that is given, and two for the same field are the fault of their row.
    :raises ValueError: for a name that no field has.
    """

    def __init__(
        self,
        find: Callable[[str], str | None],
        known: str,
        given: Mapping[str, str | None] | None,
        *,
        strict: bool,
    ) -> None:
        self._find = find
        self._known = known
        self._strict = strict
        self._fields: dict[str, str | None] = {}
        for column, name in validate.table("columns", given).items():
            self._fields[_key(column)] = None if name is None else self._needed(str(name), str(column))
        self._given = {field for field in self._fields.values() if field}

    def read(self, person: RawPerson) -> tuple[Fields, str | None]:
        """Return what of a person goes into the fields, but for what is blank, and what is wrong with the row.

        :raises ValueError: when they are strict, for a column that no field matches, or two for the same field.
        """
        found: Fields = {}
        columns: dict[str, object] = {}
        for column, value in person.items():
            if (field := self._field(str(column))) is None:
                continue
            if field in columns:
                return found, self._twice(columns[field], column)
            if isinstance(value, dict | list):
                return found, f"{column} is of type {type(value).__name__}"
            columns[field] = column
            if text := _text(value):
                found[field] = text
        return found, None

    def _field(self, column: str) -> str | None:
        key = _key(column)
        if key not in self._fields:
            self._fields[key] = self._needed(column, column) if self._strict else self._free(column)
        return self._fields[key]

    def _needed(self, name: str, column: str) -> str:
        if (field := self._find(name)) is None:
            # without a header, a column is called by what is in the first row
            what = without_addresses(f"No field matches {name!r}, the column {column!r}")
            raise ValueError(
                f"{what}: there are {self._known}. The argument columns says which field a column goes to; "
                "None leaves it out."
            )
        return field

    def _free(self, column: str) -> str | None:
        field = self._find(column)
        return None if field in self._given else field

    def _twice(self, column: object, other: object) -> str:
        why = f"The columns {column!r} and {other!r} go to the same field: there are {self._known}"
        if self._strict:
            raise ValueError(f"{why}.")
        return why


def _key(column: object) -> str:
    return str(column).strip().casefold()


def _text(value: Any) -> str:
    """Return a cell as text; half a character, which JSON can hold, becomes `?`."""
    return "" if value is None else re.sub("[\ud800-\udfff]", "?", str(value).strip())
