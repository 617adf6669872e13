"""Create a dataset's table in a database, or check that an existing table fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from airflow_clickmeeting.api.validate import bad_argument, filled
from airflow_clickmeeting.datasets.columns import Column, Type
from airflow_clickmeeting.datasets.table import Dataset
from airflow_clickmeeting.output.database import DUCKDB, MYSQL, SQLITE
from airflow_clickmeeting.output.existing import UniqueKey, existing_columns, table_exists, unique_keys

# MySQL compares texts without regard to case by default, and its TEXT ends at 64 KiB
UNICODE = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}
TEXT = sa.Text().with_variant(mysql.LONGTEXT(**UNICODE), *MYSQL)
# An index of MySQL holds 3,072 bytes: four for each character, and 16 for the ids before the text
KEY_TEXT = sa.Text().with_variant(mysql.VARCHAR(700, **UNICODE), *MYSQL)
# SQLite has no type for times. Its functions accept ISO 8601, and texts in UTC sort in the order of the times. A zone
# is missing in MySQL's DATETIME (its TIMESTAMP ends in 2038), and DuckDB needs an extension and pytz for it.
TIME = (
    sa.DateTime(timezone=True)
    .with_variant(sa.Text(), SQLITE)
    .with_variant(mysql.DATETIME(fsp=6), *MYSQL)
    .with_variant(sa.DateTime(), DUCKDB)
)
TYPES: Mapping[Type, sa.types.TypeEngine[Any]] = {
    "text": TEXT,
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "boolean": sa.Boolean(),
    "time": TIME,
    "json": TEXT,
}
# what gives a column of the user's own its values
SOURCES = ("default", "identity", "computed", "autoincrement")
KINDS = (sa.String, sa.Integer, (sa.Float, sa.Numeric), sa.Boolean, sa.DateTime)


def declared(dataset: Dataset, name: str) -> sa.Table:
    """Return the table for the rows of a dataset; its primary key is the dataset's key.

    :param name: `table` or `schema.table`, case-sensitive; SQLAlchemy adds quotes where necessary.
    :raises ValueError: for a name of another form.
    """
    *schema, table = filled("table", name).split(".")
    if len(schema) > 1 or not all([*schema, table]):
        bad_argument("table", name, "a name such as 'attendees' or 'schema.attendees'")
    columns = [_column(each, is_key=each.name in dataset.key) for each in dataset.columns]
    return sa.Table(table, sa.MetaData(), *columns, schema=schema[0] if schema else None)


def _column(column: Column, *, is_key: bool) -> sa.Column[Any]:
    of = KEY_TEXT if is_key and column.type == "text" else TYPES[column.type]
    return sa.Column(column.name, of, primary_key=is_key, autoincrement=False, comment=column.unit)


def prepare(engine: sa.Engine, table: sa.Table) -> None:
    """Create a declared table if it does not exist.

    :raises ValueError: if it exists and does not fit, listing the columns and what is wrong with them.
    """
    if not table_exists(engine, table):
        try:
            table.create(engine, checkfirst=False)
        except sa.exc.DBAPIError:
            if not table_exists(engine, table):  # otherwise a parallel task has just created it
                raise
    if misfits := [*_misfits(engine, table)]:
        raise ValueError(f"table {table.fullname!r} does not fit: {'; '.join(misfits)}.")


def _misfits(engine: sa.Engine, table: sa.Table) -> Iterator[str]:
    """Yield the reasons why the existing table cannot hold the rows of the declared one."""
    existing = existing_columns(engine, table)
    for column in table.columns:
        found = existing.pop(column.name, None)
        if not found:
            yield f"{column.name} is missing"
        elif _kind(column.type.dialect_impl(engine.dialect), engine) != _kind(found["type"], engine):
            yield f"{column.name} is not {column.type.compile(engine.dialect)}"
        elif not column.primary_key and not found["nullable"]:
            yield f"{column.name} cannot be NULL"
    for name, found in existing.items():
        if not found["nullable"] and not any(found.get(source) for source in SOURCES):
            yield f"{name} cannot be NULL and has no default"
    yield from _misfits_of_keys(engine, table)


def _misfits_of_keys(engine: sa.Engine, table: sa.Table) -> Iterator[str]:
    key: set[str | None] = {*table.primary_key.columns.keys()}
    keys = [*unique_keys(engine, table)]
    if UniqueKey(key) not in keys:
        yield f"the table has no unique key on {', '.join(table.primary_key.columns.keys())}"
    if engine.dialect.name in MYSQL:
        # MySQL updates the row that has the same values in any unique key
        for columns, _ in keys:
            if columns & {*table.columns.keys()} and not columns >= key:
                yield f"the unique key on {', '.join(sorted(map(str, columns)))} would merge rows"


def _kind(of: sa.types.TypeEngine[Any], engine: sa.Engine) -> tuple[list[bool], bool]:
    """Return what kind of values a type holds, of whatever size; MySQL keeps booleans as small integers."""
    if isinstance(of, sa.Boolean) and engine.dialect.name in MYSQL:
        of = sa.SmallInteger()
    return [isinstance(of, kind) for kind in KINDS], bool(getattr(of, "timezone", False))
