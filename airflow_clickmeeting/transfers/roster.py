"""A list of people as it will be sent: matched with the fields of a form, checked, and each person once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

from airflow_clickmeeting.api import values
from airflow_clickmeeting.transfers.outcomes import Outcomes
from airflow_clickmeeting.transfers.people import Person

MIB = 1 << 20

Fields = dict[str, str]


class Row(NamedTuple):
    """A person in a list: the number of the row, the address in small letters, and what is in the form's fields.

    `trouble` is what came between, when it is not known whether the person was sent.
    """

    number: int
    email: str
    fields: Fields
    trouble: str = ""


class Spool:
    """Rows on a disk, if there are many; they can be walked again and again, but not while one is added."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._file = SpooledTemporaryFile(MIB)  # noqa: SIM115 - goes when nobody can read it any more
        self._count = 0
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add a row at the end."""
        self._file.write(json.dumps(row).encode() + b"\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        self._file.seek(0)
        for line in self._file:
            yield Row(*json.loads(line))


class Columns:
    """Which field of a form each column of a list goes to.

    :param find: returns the field that a name means.
    :param known: the fields that there are, for people.
    :param renamed: fields by the list's own names of columns; None leaves a column out.
    :raises ValueError: for a name that no field has.
    """

    def __init__(self, find: Callable[[str], str | None], known: str, renamed: Mapping[str, str | None] | None) -> None:
        self._find = find
        self._known = known
        self._fields: dict[str, str | None] = {}
        for column, name in values.table("columns", renamed).items():
            self._add(str(column).strip(), name)

    def read(self, person: Person) -> tuple[Fields, str | None]:
        """Return what of a person goes into the fields, but for what is blank, and what is no text.

        :raises ValueError: for a column that no field matches, or two for the same field.
        """
        found: Fields = {}
        for column, value in person.items():
            if column not in self._fields:
                self._add(column, column)
            if (field := self._fields[column]) is None:
                continue
            if isinstance(value, dict | list):
                return found, f"{column} is of type {type(value).__name__}"
            if text := _text(value):
                found[field] = text
        return found, None

    def _add(self, column: str, name: str | None) -> None:
        field = None if name is None else self._find(str(name))
        if name is not None and field is None:
            raise ValueError(
                f"No field matches {name!r}, the column {column!r}: there are {self._known}. "
                "The argument columns says which field a column goes to; None leaves it out."
            )
        if field is not None and field in self._fields.values():
            other = next(each for each, taken in self._fields.items() if taken == field)
            raise ValueError(f"The columns {other!r} and {column!r} go to the same field: there are {self._known}.")
        self._fields[column] = field


def roster(
    people: Iterable[tuple[int, Person]],
    columns: Columns,
    email: str,
    fault: Callable[[Fields], str | None],
    outcomes: Outcomes,
) -> Spool:
    """Return the people that can be sent, each once, as in the first valid row.

    It costs about 70 bytes of memory a person.

    :param people: rows with their numbers.
    :param email: the field of the address.
    :param fault: says what is wrong with a row.
    :param outcomes: is told of rows that are invalid, and of duplicates.
    :raises ValueError: for a column that no field matches.
    """
    rows = Spool()
    seen: set[int] = set()
    for number, person in people:
        fields, why = columns.read(person)
        if why := why or fault(fields):
            outcomes.invalid(number, why)
        elif (key := hash(fields[email].casefold())) in seen:
            outcomes.count(number, "duplicate")
        else:
            seen.add(key)
            rows.add(Row(number, fields[email].casefold(), fields))
    return rows


def _text(value: Any) -> str:
    """Return a cell as text; half a character, which JSON can hold, becomes `?`."""
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode()
