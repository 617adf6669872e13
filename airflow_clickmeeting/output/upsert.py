"""Upsert rows into a table of a database: insert new keys, and update rows that have changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from airflow_clickmeeting.output.database import DUCKDB, MYSQL, POSTGRESQL, SQLITE
from airflow_clickmeeting.output.spool import Columns

Cells = Sequence[Any]
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
        lists = _LISTS.get(connection.dialect.name)
        self._matching = lists.matching if lists else _matching
        self._put = lists.put(table) if lists else _PUTS[connection.dialect.name](table, connection.dialect)

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
        key_length = len(self._key)
        for chunk in _chunks(self._rows(batches)):
            fresh = dict(chunk)
            query = sa.select(*self._key, *self._table.columns).where(self._matching(self._key, fresh))
            old = {row[:key_length]: row[key_length:] for row in self._execute(query).all()}
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
        gone.difference_update(key for key, _ in self._rows(batches))
        for keys in _chunks(gone):
            self._execute(sa.delete(self._table).where(self._matching(self._key, keys)))

    def _execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        return self._connection.execute(statement)

    def _rows(self, batches: Iterable[Columns]) -> Iterator[tuple[Key, Values]]:
        """Yield the key of each row, and the row as the database returns it."""
        for columns in batches:
            converted = [convert(cells) for cells, convert in zip(columns, self._converters, strict=True)]
            keys = zip(*(converted[index] for index in self._key_indexes), strict=True)
            yield from zip(keys, zip(*converted, strict=True), strict=True)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    items = iter(items)
    while chunk := [*islice(items, CHUNK)]:
        yield chunk


def _converter(of: sa.types.TypeEngine[Any]) -> Callable[[Cells], Cells]:
    """Return the function that converts the cells of a column for the database."""
    if isinstance(of, sa.String):
        return _storable
    if isinstance(of, sa.DateTime):
        time = datetime.fromisoformat if of.timezone else _without_zone
        return lambda cells: [time(cell) if cell else cell for cell in cells]
    return lambda cells: cells


def _storable(texts: Cells) -> Cells:
    """Return texts without NUL, which PostgreSQL rejects; a lone surrogate, which JSON can contain, becomes `?`."""
    together = "".join(filter(None, texts))
    if together.isascii() and "\0" not in together:
        return texts
    return [text and text.replace("\0", "").encode("utf-8", "replace").decode() for text in texts]


def _without_zone(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)  # it is in UTC


# --- conditions ---------------------------------------------------------------------------------------------


def _matching(columns: Sequence[sa.ColumnElement[Any]], keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    """Return the condition that the columns have one of the keys.

    It names each beginning of the keys once, because SQLite is slow with `(a, b) IN ((1, 2), ...)`.
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


# --- statements per database --------------------------------------------------------------------------------

Put = Callable[[sa.Connection, list[Values]], object]


class _Lists(NamedTuple):
    """Statements with one parameter per column, for databases that are slow with a parameter per cell.

    :param encode: converts the cells of a column to the parameter.
    :param rows: returns the parameter's cells as rows.
    """

    encode: Callable[[Cells], Any]
    rows: Callable[[sa.BindParameter[Any], sa.ColumnElement[Any]], sa.ColumnElement[Any]]

    def matching(self, columns: Sequence[sa.ColumnElement[Any]], keys: Iterable[Key]) -> sa.ColumnElement[bool]:
        """Return the condition that the columns have one of the keys."""
        cells = map(self.encode, zip(*keys, strict=True))
        rows = [self.rows(sa.literal(each), column) for each, column in zip(cells, columns, strict=True)]
        return sa.tuple_(*columns).in_(sa.select(*rows))

    def put(self, table: sa.Table) -> Put:
        names = table.columns.keys()
        rows = [self.rows(sa.bindparam(column.name), column) for column in table.columns]
        upsert = _or_update(postgresql.insert(table).from_select(names, sa.select(*rows)), table)

        def put(connection: sa.Connection, rows: list[Values]) -> None:
            cells = map(self.encode, zip(*rows, strict=True))
            connection.execute(upsert, dict(zip(names, cells, strict=True)))

        return put


def _json(cells: Cells) -> str:
    return json.dumps(cells, ensure_ascii=False, default=str)


def _json_rows(cells: sa.BindParameter[Any], column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(sa.func.json_array_elements_text(sa.cast(sa.cast(cells, sa.Text()), postgresql.JSON)), column.type)


def _list_rows(cells: sa.BindParameter[Any], column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.unnest(sa.cast(cells, postgresql.ARRAY(column.type)))


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


# most drivers of PostgreSQL send rows one by one, and it takes long to parse the arrays of psycopg2
_LISTS = {POSTGRESQL: _Lists(_json, _json_rows), DUCKDB: _Lists(list, _list_rows)}
_PUTS = {**dict.fromkeys(MYSQL, _mysql), SQLITE: _sqlite}
