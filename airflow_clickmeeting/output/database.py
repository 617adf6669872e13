"""The database of an Airflow connection, as an engine of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import BaseHook

from airflow_clickmeeting.api.validate import bad_argument, filled


@contextmanager
def database(sql_conn_id: str) -> Iterator[sa.Engine]:
    """Yield a database, and close its connections.

    :raises ValueError: for a connection that is none to a database.
    :raises AirflowException: for what the database itself refuses, in its own words but without the rows concerned.
    """
    engine = _engine(sql_conn_id)
    try:
        yield engine
    except sa.exc.StatementError as error:
        # what follows the first line may quote a row
        words = str(error.orig).partition("\n")[0]
        raise AirflowException(f"The database of connection {sql_conn_id!r} refused: {words}") from None
    finally:
        engine.dispose()


def _engine(sql_conn_id: str) -> sa.Engine:
    connection = BaseHook.get_connection(filled("sql_conn_id", sql_conn_id))
    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException as error:
        raise ValueError(
            f"sql_conn_id: {error}; the provider of {connection.conn_type!r} may not be installed."
        ) from error
    if not isinstance(hook, DbApiHook):
        bad_argument("sql_conn_id", sql_conn_id, f"a connection to a database, not to {connection.conn_type!r}")
    engine: sa.Engine = hook.get_sqlalchemy_engine()
    return engine


def address(engine: sa.Engine, table: sa.Table) -> str:
    """Return a table's address, which tells it from all others, without who may read it."""
    url = engine.url
    host = url.host if url.host and not url.host.startswith("/") else "localhost"
    place = f"{url.database}/{table.schema or engine.dialect.default_schema_name}/{table.name}"
    return sa.URL.create(engine.dialect.name, host=host, port=url.port, database=place).render_as_string()
