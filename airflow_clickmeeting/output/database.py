"""Open the database of an Airflow connection as a SQLAlchemy engine."""

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
    """Yield the engine of a database, and close its connections at the end.

    :raises ValueError: for a connection that is not to a database.
    :raises AirflowException: for an error of the database, with its message but without the rows concerned.
    """
    engine = _engine(sql_conn_id)
    try:
        yield engine
    except sa.exc.StatementError as error:
        # the lines after the first may quote a row
        message = str(error.orig).partition("\n")[0]
        raise AirflowException(f"The database of connection {sql_conn_id!r} returned an error: {message}") from None
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
    """Return the URL that identifies a table, without user name and password."""
    url = engine.url
    host = url.host if url.host and not url.host.startswith("/") else "localhost"
    place = f"{url.database}/{table.schema or engine.dialect.default_schema_name}/{table.name}"
    return sa.URL.create(engine.dialect.name, host=host, port=url.port, database=place).render_as_string()
