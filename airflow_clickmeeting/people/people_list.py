"""Read a list of people: each person once, with the rows that are not valid beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.failures import MAX_FAILURES_KEPT
from airflow_clickmeeting.people.columns import Columns, Fields, Rows
from airflow_clickmeeting.scratch import ScratchFile

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path

    People = Sequence[Mapping[str, Any]] | Path

MIB = 1 << 20


class Person(NamedTuple):
    """A person on a list: the number of the row, the e-mail address, and the fields that are not blank.

    `key` is the address in the one spelling that all spellings of it share, see `validate.email_key`. `error` is the
    reason why it is not known whether a request for this person had an effect.
    """

    row: int
    email: str
    key: str
    fields: Fields
    error: str = ""

    @property
    def display_name(self) -> str:
        """The name that others see in a room."""
        return self.fields.get("nickname") or " ".join(
            self.fields[name] for name in ("firstname", "lastname") if name in self.fields
        )

    @property
    def role(self) -> str:
        """The role of the person's own, in lower case; empty if the list gives none."""
        return self.fields.get("role", "").lower()

    @property
    def attendee(self) -> dict[str, str]:
        """The person as an attendee of an invitation."""
        names = ("email", "firstname", "lastname", "role")
        return {name: self.fields[name] for name in names if name in self.fields}


class InvalidRow(NamedTuple):
    """A row without a valid person: its number, and the reason, which names nobody; `given` is the e-mail address."""

    row: int
    reason: str
    given: str | None = None


Item = TypeVar("Item", Person, InvalidRow)


class Spool(Generic[Item]):
    """A list that is on disk if it is long; you may iterate over it again and again, but not add to it meanwhile.

    :param kind: the class of the items.
    """

    def __init__(self, kind: type[Item]) -> None:
        self._kind: type[Item] = kind
        self._file = ScratchFile(MIB)
        #: how many items there are
        self.count = 0

    def add(self, item: Item) -> None:
        self._file.write(json.dumps(item).encode() + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        for line in self._file:
            yield self._kind(*json.loads(line))


class PeopleList:
    """The people of a list, each as in the first valid row; a person takes about 70 bytes of memory.

    :param name: the argument that has the list, for errors.
    :param people: dicts, or the path of a file `.csv` or `.jsonl`, which may end in `.gz`.
    :param columns: matches the list's columns with fields.
    :param sql: a query instead, whose columns are the keys.
    :param sql_conn_id: the database of the query.
    :param encoding: the encoding of the file; by default UTF-8.
    :raises ValueError: for arguments that are wrong, for a list without anybody, and for a file that cannot be read.
    """

    def __init__(
        self,
        name: str,
        people: People | None,
        columns: Columns,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self.people = Spool(Person)
        self.invalid = Spool(InvalidRow)
        self.duplicates = 0
        seen: set[int] = set()
        where, rows = read_rows(name, people, sql, sql_conn_id, encoding)
        for number, row in rows:
            if row is None:
                continue
            fields, problem = ({}, row) if isinstance(row, str) else columns.read(row)
            email = fields.get(columns.email)
            if problem or email is None:
                self.invalid.add(InvalidRow(number, problem or "", email))
            elif (digest := hash(key := validate.email_key(email))) in seen:
                self.duplicates += 1
            else:
                seen.add(digest)
                self.people.add(Person(number, email, key, fields))
        if not self.rows:
            raise ValueError(f"{name} must be at least one of the people; {where} has no rows.")

    @property
    def rows(self) -> int:
        """How many rows are not blank."""
        return self.people.count + self.invalid.count + self.duplicates


def read_rows(
    name: str, people: People | None, sql: str | None, sql_conn_id: str | None, encoding: str | None = None
) -> tuple[str, Rows]:
    """Return the words for where rows are from, and the rows of a list, a file or a query."""
    if (people is None) == (sql is None):
        raise ValueError(f"{name} must be given, or else sql with sql_conn_id; not both.")
    if sql is None and sql_conn_id is not None:
        validate.bad_argument("sql_conn_id", sql_conn_id, "left out where there is no sql")
    given = people if isinstance(people, Sequence) and not isinstance(people, str) else None
    if encoding is not None and (given is not None or sql is not None):
        validate.bad_argument("encoding", encoding, f"left out where {name} is not a file")
    if given is not None:
        rows = enumerate(validate.rows(name, given, "people"), start=1)
        return name, (
            (number, row if isinstance(row, Mapping) else f"it is of type {type(row).__name__}, not a dict")
            for number, row in rows
        )

    from airflow_clickmeeting.people.read import read_file, read_query

    return read_file(name, people, encoding) if sql is None else ("the query", read_query(sql, sql_conn_id))


def format_rows(rows: Iterable[int]) -> str:
    """Return numbers of rows in words, consecutive ones as a range: `rows 2 to 101, 205`."""
    ranges: list[list[int]] = []
    for row in rows:
        if ranges and row == ranges[-1][-1] + 1:
            ranges[-1][1:] = [row]
        else:
            ranges.append([row])
    first = ", ".join(" to ".join(map(str, each)) for each in ranges[:MAX_FAILURES_KEPT])
    return f"rows {first}{' and others' * (len(ranges) > MAX_FAILURES_KEPT)}"
