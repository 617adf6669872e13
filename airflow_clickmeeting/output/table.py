"""Create a dataset's table in a database, or check that an existing table fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from airflow_clickmeeting.api.validate import bad_argument, filled
from airflow_clickmeeting.datasets.columns import Column, Type
from airflow_clickmeeting.datasets.table import Dataset

# the databases whose column types are known to be read back unchanged
KNOWN = ("postgresql", "sqlite")

# SQLite has no type for times. Its functions accept ISO 8601, and texts in UTC sort in the order of the times
TYPES: Mapping[Type, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "boolean": sa.Boolean(),
    "time": sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite"),
    "json": sa.Text(),
}
# most other databases cannot have a text of unlimited length in a key
KEY_TEXT = sa.String(255).with_variant(sa.Text(), *KNOWN)
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
    if not _exists(engine, table):
        try:
            table.create(engine)
        except sa.exc.DBAPIError:
            if not _exists(engine, table):  # otherwise a parallel task has just created it
                raise
    if misfits := [*_misfits(engine, table)]:
        raise ValueError(f"table {table.fullname!r} does not fit: {'; '.join(misfits)}.")


def _exists(engine: sa.Engine, table: sa.Table) -> bool:
    return sa.inspect(engine).has_table(table.name, table.schema)


def _misfits(engine: sa.Engine, table: sa.Table) -> Iterator[str]:
    """Yield the reasons why the existing table cannot hold the rows of the declared one."""
    inspector = sa.inspect(engine)
    existing: dict[str, Any] = {each["name"]: each for each in inspector.get_columns(table.name, table.schema)}
    for column in table.columns:
        found = existing.pop(column.name, None)
        if not found:
            yield f"{column.name} is missing"
        elif engine.dialect.name in KNOWN and not _alike(column.type.dialect_impl(engine.dialect), found["type"]):
            yield f"{column.name} is not {column.type.compile(engine.dialect)}"
        elif not column.primary_key and not found["nullable"]:
            yield f"{column.name} cannot be NULL"
    for name, found in existing.items():
        if not found["nullable"] and not any(found.get(source) for source in ("default", "identity", "computed")):
            yield f"{name} cannot be NULL and has no default"
    key = table.primary_key.columns.keys()
    if not any(set(key) == set(columns) for columns in _unique_keys(inspector, table)):
        yield f"the table has no unique key on {', '.join(key)}"


def _alike(one: sa.types.TypeEngine[Any], other: sa.types.TypeEngine[Any]) -> bool:
    """Return whether two types hold the same kind of values, of whatever size."""
    return _kind(one) == _kind(other)


def _kind(of: sa.types.TypeEngine[Any]) -> tuple[list[bool], bool]:
    return [isinstance(of, kind) for kind in KINDS], getattr(of, "timezone", False)


def _unique_keys(inspector: sa.Inspector, table: sa.Table) -> Iterator[Sequence[str | None]]:
    yield inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"]
    for constraint in inspector.get_unique_constraints(table.name, table.schema):
        yield constraint["column_names"]
    for index in inspector.get_indexes(table.name, table.schema):
        if index["unique"] and not any(option.endswith("_where") for option in index.get("dialect_options", {})):
            yield index["column_names"]
