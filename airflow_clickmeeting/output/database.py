"""Open the database of an Airflow connection as a SQLAlchemy engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import sqlalchemy as sa
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import BaseHook, Connection

from airflow_clickmeeting.api.validate import bad_argument, filled
from airflow_clickmeeting.compat import AirflowException

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
DUCKDB = "duckdb"
MYSQL = ("mysql", "mariadb")  # MariaDB has either name, depending on the URL
#: the databases that loads have statements for
WAREHOUSES = (POSTGRESQL, *MYSQL, SQLITE, DUCKDB)
# Redshift and other relatives of PostgreSQL have an older version, which has no upserts
OLDEST_POSTGRESQL = (9, 5)
# a value of a row in the error of MySQL, of DuckDB, and of either
_VALUE = re.compile(
    r"(?<=Duplicate entry )'.*'(?= for key )"
    r'|(?<=duplicate key )".*"'
    r"|(?<=value: )(['\"]).*\1",
    re.DOTALL,
)


@contextmanager
def database(sql_conn_id: str, *, to_load: bool = False) -> Iterator[sa.Engine]:
    """Yield the engine of a database, and close its connections at the end.

    Nothing stays connected between two uses of the engine, since there may be hours of requests between them.

    :param to_load: whether the database must be one of `WAREHOUSES`.
    :raises ValueError: for a connection that is not to a database, or not to one that loads have statements for.
    :raises AirflowException: for an error of the database, with its message but without the rows concerned.
    """
    engine = _engine(sql_conn_id, to_load=to_load)
    if engine.dialect.name in MYSQL:
        sa.event.listen(engine, "do_connect", _use_utf8mb4)
        sa.event.listen(engine, "connect", _refuse_what_does_not_fit)
    try:
        if to_load:
            _check_support(engine)
        yield engine
    except sa.exc.StatementError as error:
        message = _without_rows(error.orig)
        raise AirflowException(
            f"The database of connection {sql_conn_id!r} returned an error: {message.rstrip('.')}. Correct the table "
            "or the connection, then clear this task."
        ) from None
    finally:
        engine.dispose()


def _without_rows(error: BaseException | None) -> str:
    """Return the message of a driver's error without what may be of a row: values in quotes, and more lines."""
    message = next((part for part in getattr(error, "args", ()) if isinstance(part, str)), str(error))
    return _VALUE.sub("...", message).partition("\n")[0]


def _engine(sql_conn_id: str, *, to_load: bool) -> sa.Engine:
    connection = BaseHook.get_connection(filled("sql_conn_id", sql_conn_id))
    if connection.conn_type == DUCKDB:
        return _duckdb_engine(connection)
    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException as error:
        raise ValueError(
            f"sql_conn_id: {error}; the provider of {connection.conn_type!r} may not be installed."
        ) from error
    if not isinstance(hook, DbApiHook):
        bad_argument("sql_conn_id", sql_conn_id, f"a connection to a database, not to {connection.conn_type!r}")
    try:
        engine: sa.Engine = hook.get_sqlalchemy_engine({"poolclass": sa.pool.NullPool})
    except (sa.exc.NoSuchModuleError, ImportError, NotImplementedError, AirflowException) as error:
        if to_load:
            _refuse(connection.conn_type)
        raise ValueError(f"sql_conn_id: SQLAlchemy cannot open the connection {sql_conn_id!r}: {error}") from error
    return engine


def _check_support(engine: sa.Engine) -> None:
    name = engine.dialect.name
    if name not in WAREHOUSES:
        _refuse(name)
    if name == POSTGRESQL:
        with engine.connect():  # reads the version
            if (engine.dialect.server_version_info or OLDEST_POSTGRESQL) < OLDEST_POSTGRESQL:
                _refuse("Redshift, or PostgreSQL before 9.5")


def _refuse(kind: object) -> NoReturn:
    raise ValueError(
        f"sql_conn_id must be a connection to PostgreSQL, MySQL, MariaDB, SQLite or DuckDB, not to {kind}. For another "
        "database, export to Parquet, and load the files with the loader of the database: see the documentation of "
        'loads, "Load into another database".'
    )


def _duckdb_engine(connection: Connection) -> sa.Engine:
    """Return the engine of a file of DuckDB: its connection needs no provider. In a URI the path is the schema."""
    path = connection.host or connection.schema
    if not path:
        raise ValueError(
            f"sql_conn_id: the connection {connection.conn_id!r} names no file; set its host to the path of the "
            "DuckDB file, such as /data/warehouse.duckdb."
        )
    try:
        return sa.create_engine(sa.URL.create(DUCKDB, database=path), poolclass=sa.pool.NullPool)
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise ModuleNotFoundError(
            "DuckDB needs the extra duckdb. Run pip install 'airflow-clickmeeting[duckdb]' on the workers, then clear "
            "this task."
        ) from error


def _use_utf8mb4(dialect: object, record: object, args: object, options: dict[str, Any]) -> None:
    """Let the connection send and receive every character, whatever the server's default is."""
    options["charset"] = "utf8mb4"


def _refuse_what_does_not_fit(connection: Any, record: object) -> None:
    """Let MySQL refuse a value that does not fit, whatever the server's default is, instead of truncating it."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")


def address(engine: sa.Engine, table: sa.Table) -> str:
    """Return the URL that identifies a table, without user name and password."""
    url = engine.url
    host = url.host if url.host and not url.host.startswith("/") else "localhost"
    schema = table.schema or engine.dialect.default_schema_name
    # what MySQL calls a schema is a database
    place = f"{schema}/{table.name}" if engine.dialect.name in MYSQL else f"{url.database}/{schema}/{table.name}"
    return sa.URL.create(engine.dialect.name, host=host, port=url.port, database=place).render_as_string()
