"""A list of people as it will be sent: matched with the fields of a form, checked, and each person once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from airflow_clickmeeting.transfers.matching import Columns, Fields
from airflow_clickmeeting.transfers.outcomes import Outcomes
from airflow_clickmeeting.transfers.people import Person

MIB = 1 << 20


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
