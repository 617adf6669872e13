"""Upsert rows into a table of a database: insert new keys, and update rows that have changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from airflow_clickmeeting.datasets.table import Row

Key = tuple[Any, ...]

CHUNK = 1000
SESSION = ("room_id", "session_id")


class Upserts:
    """Upserts rows into a table, within a transaction that the caller ends.

    A row that has not changed is not updated. Of rows with the same key in a chunk, only the last is written.

    :param connection: a connection in the transaction.
    :param table: the declared table of a dataset.
    """

    def __init__(self, connection: sa.Connection, table: sa.Table) -> None:
        self._connection = connection
        self._table = table
        self._key = table.primary_key.columns.keys()
        types = {column.name: column.type.dialect_impl(connection.dialect) for column in table.columns}
        self._converters = [(name, convert) for name, of in types.items() if (convert := _converter(of))]
        self._put = _WAYS.get(connection.dialect.name, _replacing)(table)

    def keys_of(self, session: Row) -> set[Key]:
        """Return the keys of all rows of a session in the table; none if the table's key does not name the session.

        :param session: its `room_id` and `session_id`.
        """
        if not set(SESSION) <= set(self._key):
            return set()
        its = (self._table.columns[name] == session[name] for name in SESSION)
        return {tuple(key) for key in self._connection.execute(sa.select(*self._table.primary_key).where(*its))}

    def write(self, rows: Iterable[Row], old: set[Key]) -> int:
        """Write rows in chunks, and return how many.

        :param old: the keys of which those of the rows are removed, so that it has the keys of the other rows in the
            end.
        """
        count, rows = 0, map(self._converted, rows)
        while chunk := [*islice(rows, CHUNK)]:
            fresh = {tuple(row[name] for name in self._key): row for row in chunk}
            self._put(self._connection, [*fresh.values()])
            old.difference_update(fresh)
            count += len(fresh)
        return count

    def delete(self, keys: Iterable[Key]) -> None:
        """Delete rows by their keys."""
        if rows := [dict(zip(self._key, key, strict=True)) for key in keys]:
            _delete(self._connection, self._table, rows)

    def _converted(self, row: Row) -> Row:
        return row | {name: convert(row[name]) for name, convert in self._converters if row[name]}


def _converter(of: sa.types.TypeEngine[Any]) -> Callable[[str], Any] | None:
    """Return the function that converts a cell for the database; None if no conversion is needed."""
    if isinstance(of, sa.String):
        return _storable
    return datetime.fromisoformat if isinstance(of, sa.DateTime) else None


def _storable(text: str) -> str:
    """Return a text without NUL, which PostgreSQL rejects; a lone surrogate, which JSON can contain, becomes `?`."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


# --- statements per database --------------------------------------------------------------------------------

Put = Callable[[sa.Connection, list[Row]], object]


def _postgresql(table: sa.Table) -> Put:
    """Send a chunk as one statement with an array per column, since most drivers send and await rows one by one."""
    names = table.columns.keys()
    arrays = [sa.cast(sa.bindparam(column.name), postgresql.ARRAY(column.type)) for column in table.columns]
    rows = sa.func.unnest(*arrays).table_valued(*names).render_derived()
    insert = _or_update(postgresql.insert(table).from_select(names, sa.select(*rows.columns)), table)
    return lambda connection, rows: connection.execute(insert, {name: [row[name] for row in rows] for name in names})


def _sqlite(table: sa.Table) -> Put:
    insert = _or_update(sqlite.insert(table), table)
    return lambda connection, rows: connection.execute(insert, rows)


def _or_update(insert: Any, table: sa.Table) -> sa.Insert:
    """Add the update of existing rows that differ to an insert."""
    pairs = [(column, insert.excluded[column.name]) for column in table.columns if not column.primary_key]
    updated: sa.Insert = insert.on_conflict_do_update(
        index_elements=table.primary_key.columns,
        set_={column.name: new for column, new in pairs},
        where=sa.or_(*(column.is_distinct_from(new) for column, new in pairs)),
    )
    return updated


def _replacing(table: sa.Table) -> Put:
    """Delete and insert rows, which works in every database."""
    insert = sa.insert(table)

    def put(connection: sa.Connection, rows: list[Row]) -> None:
        _delete(connection, table, rows)
        connection.execute(insert, rows)

    return put


def _delete(connection: sa.Connection, table: sa.Table, rows: Collection[Row]) -> None:
    """Delete rows by their key."""
    key = table.primary_key.columns.keys()
    those = sa.delete(table).where(*(table.columns[name] == sa.bindparam(name) for name in key))
    connection.execute(those, [{name: row[name] for name in key} for row in rows])


_WAYS = {"postgresql": _postgresql, "sqlite": _sqlite}
