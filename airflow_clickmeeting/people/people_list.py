"""Who is on a list: the address and the names in each row, whatever its columns are called, and each person once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from airflow_clickmeeting.api import form_fields, validate
from airflow_clickmeeting.failures import MAX_FAILURES_KEPT
from airflow_clickmeeting.people.columns import Columns, Fields
from airflow_clickmeeting.people.read import RawPerson, people_from
from airflow_clickmeeting.people.results import Outcomes

if TYPE_CHECKING:
    from airflow_clickmeeting.people.read import People


class Person(NamedTuple):
    """A person on a list: the number of the row, and what it says; what it does not say is blank."""

    row: int
    email: str
    firstname: str = ""
    lastname: str = ""
    nickname: str = ""

    @property
    def shown(self) -> str:
        """The name that others see."""
        return self.nickname or f"{self.firstname} {self.lastname}".strip()

    @property
    def attendee(self) -> dict[str, str]:
        """What an invitation takes."""
        said = {"email": self.email, "firstname": self.firstname, "lastname": self.lastname}
        return {name: text for name, text in said.items() if text}


class InvalidRow(NamedTuple):
    """A row that names nobody, and why, without naming anybody; `given` is the malformed address."""

    row: int
    reason: str
    given: str | None = None


class PeopleList:
    """All guests of a list, each as in the first valid row; a person takes about 400 bytes of memory.

    :param name: the argument that says whose rows, for errors.
    :param people: dicts or a file, as `people_from` takes them.
    :param sql: a query instead.
    :param conn_id: the database that it is for.
    :param columns: fields by the list's own names of columns, where those are not understood; None leaves a column out.
    :raises ValueError: when the arguments make no sense, when there is nobody, or when a file cannot be read.
    """

    def __init__(
        self,
        name: str,
        people: People | None,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        columns: Mapping[str, str | None] | None = None,
    ) -> None:
        self.people: list[Person] = []
        self.invalid: list[InvalidRow] = []
        self.duplicates = 0
        self._columns = Columns(form_fields.name_of, ", ".join(map(repr, form_fields.SYNONYMS)), columns, strict=False)
        self._seen: set[str] = set()
        for row, person in people_from(name, people, sql=sql, sql_conn_id=sql_conn_id, skip=self._add_invalid):
            self._take(row, person)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.people) + len(self.invalid) + self.duplicates

    def _take(self, row: int, person: RawPerson) -> None:
        said, why = self._columns.read(person)
        if why:
            return self._add_invalid(row, why)
        email = said.get("email", "")
        if not email:
            return self._add_invalid(row, "it has no e-mail address; columns can say which column is one")
        if not validate.is_email(email):
            return self._add_invalid(row, "its e-mail address is malformed", email)
        if (key := email.casefold()) in self._seen:
            self.duplicates += 1
            return None
        self._seen.add(key)
        return self.people.append(Person(row, **said))

    def _add_invalid(self, row: int, why: str, given: str | None = None) -> None:
        self.invalid.append(InvalidRow(row, why, given))


def format_rows(rows: Iterable[int]) -> str:
    """Return numbers of rows in words, those in turn as a stretch: `rows 2 to 101, 205`."""
    stretches: list[list[int]] = []
    for row in rows:
        if stretches and row == stretches[-1][-1] + 1:
            stretches[-1][1:] = [row]
        else:
            stretches.append([row])
    first = ", ".join(" to ".join(map(str, stretch)) for stretch in stretches[:MAX_FAILURES_KEPT])
    return f"rows {first}{' and others' * (len(stretches) > MAX_FAILURES_KEPT)}"


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
    people: Iterable[tuple[int, RawPerson]],
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
