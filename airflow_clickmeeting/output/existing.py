"""Read from a database which columns and unique keys an existing table has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from airflow_clickmeeting.output.database import DUCKDB

# The dialect of DuckDB reads the catalog of PostgreSQL, of which DuckDB has too little for SQLAlchemy 2.1
_COLUMNS = sa.text("""
    SELECT column_name AS name, data_type AS type, is_nullable AS nullable, column_default AS default_value
    FROM duckdb_columns()
    WHERE database_name = current_database() AND schema_name = :schema AND table_name = :table
    ORDER BY column_index
""")
_KEYS = sa.text("""
    SELECT constraint_column_names FROM duckdb_constraints()
    WHERE database_name = current_database() AND schema_name = :schema AND table_name = :table
        AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
""")
# the first word of a type of DuckDB
_DUCKDB_TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UINTEGER", "UBIGINT"), sa.BigInteger()),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), sa.Double()),
    "VARCHAR": sa.Text(),
    "JSON": sa.Text(),
    "BOOLEAN": sa.Boolean(),
    "TIMESTAMP": sa.DateTime(),
    "TIMESTAMP WITH TIME ZONE": sa.DateTime(timezone=True),
}


class UniqueKey(NamedTuple):
    """The columns of a unique key, and whether it holds only for some rows or for the beginnings of texts."""

    columns: set[str | None]
    partial: bool = False


def table_exists(engine: sa.Engine, table: sa.Table) -> bool:
    """Return whether a table of this name exists."""
    if engine.dialect.name == DUCKDB:
        return bool(existing_columns(engine, table))
    return sa.inspect(engine).has_table(table.name, table.schema)


def existing_columns(engine: sa.Engine, table: sa.Table) -> dict[str, Any]:
    """Return the columns by name, as SQLAlchemy's inspector describes them."""
    if engine.dialect.name == DUCKDB:
        return {row["name"]: _duckdb_column(row) for row in _ask_duckdb(engine, table, _COLUMNS)}
    return {each["name"]: each for each in sa.inspect(engine).get_columns(table.name, table.schema)}


def unique_keys(engine: sa.Engine, table: sa.Table) -> Iterator[UniqueKey]:
    """Yield the unique keys, except the indexes of DuckDB, which does not tell their columns."""
    if engine.dialect.name == DUCKDB:
        yield from (UniqueKey({*row["constraint_column_names"]}) for row in _ask_duckdb(engine, table, _KEYS))
        return
    inspector = sa.inspect(engine)
    yield UniqueKey({*inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"]})
    for constraint in inspector.get_unique_constraints(table.name, table.schema):
        if "duplicates_index" not in constraint:
            yield UniqueKey({*constraint["column_names"]})
    for index in inspector.get_indexes(table.name, table.schema):
        if index["unique"]:
            options = index.get("dialect_options", {})
            partial = any(option.endswith(("_where", "_length")) for option in options)
            yield UniqueKey({*index["column_names"]}, partial)


def _ask_duckdb(engine: sa.Engine, table: sa.Table, query: sa.TextClause) -> Sequence[sa.RowMapping]:
    with engine.connect() as connection:
        schema = table.schema or engine.dialect.default_schema_name
        return connection.execute(query, {"schema": schema, "table": table.name}).mappings().all()


def _duckdb_column(row: sa.RowMapping) -> dict[str, Any]:
    of = _DUCKDB_TYPES.get(row["type"].partition("(")[0], sa.types.NullType())
    return {"type": of, "nullable": row["nullable"], "default": row["default_value"]}
