"""Upsert rows into a table of a database: insert new keys, and update rows that have changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from airflow_clickmeeting.output.database import DUCKDB, MYSQL, POSTGRESQL, SQLITE
from airflow_clickmeeting.output.spool import Columns

Key = tuple[Any, ...]
Values = tuple[Any, ...]

CHUNK = 1000
SESSION = ("room_id", "session_id")


class Upserts:
    """Upserts rows into a table, within a transaction that the caller ends.

    Each chunk of rows is compared with the table first, in one statement. A second one writes the rows that are new or
    have changed, so a chunk that has not changed costs no write. Of rows with the same key, the last one is written.

    :param connection: a connection in the transaction, to one of `database.WAREHOUSES`.
    :param table: the declared table of a dataset. Batches of rows have its columns, in its order.
    """

    def __init__(self, connection: sa.Connection, table: sa.Table) -> None:
        self._connection = connection
        self._table = table
        self._key = [*table.primary_key.columns]
        self._key_indexes = [table.columns.keys().index(column.name) for column in self._key]
        self._of_sessions = tuple(column.name for column in self._key[:2]) == SESSION
        self._converters = [_converter(column.type.dialect_impl(connection.dialect)) for column in table.columns]
        self._matching = _matching_lists if connection.dialect.name == DUCKDB else _matching
        self._put = _WAYS[connection.dialect.name](table, connection.dialect)

    def count_rows(self, sessions: Iterable[Key]) -> Counter[Key]:
        """Return how many rows of each session are in the table; none if the table's key does not name the session.

        :param sessions: the ids of their rooms and themselves.
        """
        counts: Counter[Key] = Counter()
        session = self._key[: len(SESSION)]
        for some in _chunks(sessions if self._of_sessions else ()):
            query = sa.select(*session, sa.func.count()).where(self._matching(session, some)).group_by(*session)
            counts.update({tuple(row[:-1]): row[-1] for row in self._execute(query)})
        return counts

    def write(self, batches: Iterable[Columns]) -> tuple[int, Counter[Key]]:
        """Write rows in chunks.

        :return: how many, and how many rows of each session were in the table already.
        """
        count = 0
        found: Counter[Key] = Counter()
        for chunk in _chunks(self._rows(batches)):
            fresh = {self._key_of(row): row for row in chunk}
            query = sa.select(self._table).where(self._matching(self._key, fresh))
            old = {self._key_of(row): tuple(row) for row in self._execute(query).all()}
            if changed := [row for key, row in fresh.items() if old.get(key) != row]:
                self._put(self._connection, changed)
            count += len(fresh)
            if self._of_sessions:
                found.update(key[: len(SESSION)] for key in old)
        return count, found

    def delete_others(self, sessions: Collection[Key], batches: Iterable[Columns]) -> None:
        """Delete the rows of sessions except some.

        :param sessions: the ids of their rooms and themselves.
        :param batches: the rows that stay.
        """
        query = sa.select(*self._key).where(self._matching(self._key[: len(SESSION)], sessions))
        gone = {tuple(key) for key in self._execute(query)}
        gone.difference_update(map(self._key_of, self._rows(batches)))
        for keys in _chunks(gone):
            self._execute(sa.delete(self._table).where(self._matching(self._key, keys)))

    def _execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        return self._connection.execute(statement)

    def _key_of(self, row: Sequence[Any]) -> Key:
        return tuple([row[index] for index in self._key_indexes])

    def _rows(self, batches: Iterable[Columns]) -> Iterator[Values]:
        """Yield rows as the database returns them."""
        for columns in batches:
            converted = [
                [convert(cell) if cell else cell for cell in cells] if convert else cells
                for cells, convert in zip(columns, self._converters, strict=True)
            ]
            yield from zip(*converted, strict=True)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    items = iter(items)
    while chunk := [*islice(items, CHUNK)]:
        yield chunk


def _converter(of: sa.types.TypeEngine[Any]) -> Callable[[str], Any] | None:
    """Return the function that converts a cell for the database; None if no conversion is needed."""
    if isinstance(of, sa.String):
        return _storable
    if isinstance(of, sa.DateTime):
        return datetime.fromisoformat if of.timezone else _without_zone
    return None


def _storable(text: str) -> str:
    """Return a text without NUL, which PostgreSQL rejects; a lone surrogate, which JSON can contain, becomes `?`."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _without_zone(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)  # it is in UTC


# --- conditions ---------------------------------------------------------------------------------------------


def _matching(columns: Sequence[sa.ColumnElement[Any]], keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    """Return the condition that the columns have one of the keys.

    It names each beginning of the keys once, because PostgreSQL and SQLite are slow with `(a, b) IN ((1, 2), ...)`.
    """
    endings: dict[Key, list[Any]] = {}
    for *beginning, last in keys:
        endings.setdefault(tuple(beginning), []).append(last)
    *first, final = columns
    return sa.or_(
        *(
            sa.and_(*(column == value for column, value in zip(first, beginning, strict=True)), final.in_(some))
            for beginning, some in endings.items()
        )
    )


def _matching_lists(columns: Sequence[sa.ColumnElement[Any]], keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    """Return the same condition for DuckDB, which is slow with many values, but fast at joins."""
    cells = zip(*keys, strict=True)
    lists = [_unnested([*each], column) for each, column in zip(cells, columns, strict=True)]
    return sa.tuple_(*columns).in_(sa.select(*lists))


def _unnested(cells: Any, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a list of cells of a column as rows."""
    return sa.func.unnest(sa.cast(cells, postgresql.ARRAY(column.type)))


# --- statements per database --------------------------------------------------------------------------------

Put = Callable[[sa.Connection, list[Values]], object]


def _postgresql(table: sa.Table, _: object) -> Put:
    """Send a chunk as one statement with a JSON array per column.

    Most drivers send rows one by one, and arrays of psycopg2 take PostgreSQL long to parse.
    """

    def rows(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        cells = sa.cast(sa.bindparam(column.name, type_=sa.Text()), postgresql.JSON)
        return sa.cast(sa.func.json_array_elements_text(cells), column.type)

    return _by_columns(table, rows, lambda cells: json.dumps(cells, ensure_ascii=False, default=str))


def _duckdb(table: sa.Table, _: object) -> Put:
    """Send a chunk as one statement with a list per column, since DuckDB takes long for each statement."""
    return _by_columns(table, lambda column: _unnested(sa.bindparam(column.name), column), list)


def _by_columns(
    table: sa.Table, rows: Callable[[sa.Column[Any]], sa.ColumnElement[Any]], encode: Callable[[Sequence[Any]], Any]
) -> Put:
    """Send the cells of each column as one parameter.

    :param rows: returns the cells of a column as rows; their parameter has the name of the column.
    :param encode: converts the cells of a column to the parameter.
    """
    names = table.columns.keys()
    insert = postgresql.insert(table).from_select(names, sa.select(*map(rows, table.columns)))
    upsert = _or_update(insert, table)

    def put(connection: sa.Connection, rows: list[Values]) -> None:
        columns = map(encode, zip(*rows, strict=True))
        connection.execute(upsert, dict(zip(names, columns, strict=True)))

    return put


def _sqlite(table: sa.Table, dialect: sa.Dialect) -> Put:
    return _by_rows(table, dialect, str(_or_update(sqlite.insert(table), table).compile(dialect=dialect)))


def _mysql(table: sa.Table, dialect: sa.Dialect) -> Put:
    """Send a chunk as one statement: drivers join rows where `ON DUPLICATE` follows `VALUES (...)` directly.

    SQLAlchemy writes `AS new` between the two for some versions. MySQL itself leaves rows alone that do not change.
    """
    names = [dialect.identifier_preparer.quote(column.name) for column in table.columns if not column.primary_key]
    update = ", ".join(f"{name} = VALUES({name})" for name in names)
    return _by_rows(table, dialect, f"{sa.insert(table).compile(dialect=dialect)} ON DUPLICATE KEY UPDATE {update}")


def _by_rows(table: sa.Table, dialect: sa.Dialect, upsert: str) -> Put:
    """Give rows to the driver as they are, since SQLAlchemy takes longer to prepare them than a database to write."""
    names = table.columns.keys()

    def put(connection: sa.Connection, rows: list[Values]) -> None:
        given = rows if dialect.positional else [dict(zip(names, row, strict=True)) for row in rows]
        connection.exec_driver_sql(upsert, given)

    return put


def _or_update(insert: Any, table: sa.Table) -> sa.Insert:
    """Add the update of existing rows that differ to an insert."""
    pairs = [(column, insert.excluded[column.name]) for column in table.columns if not column.primary_key]
    updated: sa.Insert = insert.on_conflict_do_update(
        index_elements=table.primary_key.columns,
        set_={column.name: new for column, new in pairs},
        where=sa.or_(*(column.is_distinct_from(new) for column, new in pairs)),
    )
    return updated


_WAYS = {POSTGRESQL: _postgresql, **dict.fromkeys(MYSQL, _mysql), SQLITE: _sqlite, DUCKDB: _duckdb}
