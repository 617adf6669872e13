"""Fixtures for tests that use databases: files of SQLite and DuckDB, and servers of PostgreSQL and MariaDB or MySQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import sqlalchemy as sa
from local_mariadb import local_mariadb
from local_postgresql import local_postgresql

# each database, and the package that it needs
PACKAGES = {"sqlite": "sqlite3", "postgresql": "psycopg2", "mysql": "MySQLdb", "duckdb": "duckdb_engine"}
KINDS = [kind for kind, package in PACKAGES.items() if find_spec(package)]
# a task that was killed may still hold locks
OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
# an empty schema in place of a new database, which is 300 files and takes 0.3 s to make and to remove
EMPTY = (f"SELECT pg_terminate_backend(pid) {OTHERS}", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")

Row = dict[str, Any]


class Warehouse:
    """A database that the tests look into by themselves, and that Airflow knows as a connection."""

    def __init__(self, engine: sa.Engine, conn_id: str) -> None:
        self.engine = engine
        self.conn_id = conn_id
        # DuckDB takes longer to open a file than for most statements, unless this process has the file open already
        self._open = engine.connect() if self.kind == "duckdb" else None

    def close(self) -> None:
        """Let another process open a file of DuckDB."""
        if self._open:
            self._open.close()
        self.engine.dispose()

    @property
    def kind(self) -> str:
        return self.engine.dialect.name

    @property
    def tables(self) -> list[str]:
        if self.kind == "duckdb":
            return [row["table_name"] for row in self.ask("SELECT table_name FROM duckdb_tables()")]
        return sa.inspect(self.engine).get_table_names()

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def ask(self, query: str) -> list[Row]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(query).mappings()]

    def rows(self, table: str = "loaded") -> list[Row]:
        """Return all of a table in order; PostgreSQL tells of each row which transaction wrote it."""
        version = ", xmin::text" if self.kind == "postgresql" else ""
        return self.ask(f"SELECT *{version} FROM {table} ORDER BY 1, 2, 3")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Row]:
    """A server whose zone is far from UTC; make the connection that is yielded to a database of your own."""
    with local_postgresql(timezone="America/New_York") as connection:
        yield connection


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Row]:
    """The same of MariaDB, whose defaults are against us: texts are Latin, and what is too long is truncated.

    The variable `TEST_MYSQL` names another server, such as MySQL itself at `127.0.0.1:3306`, with a root that has no
    password. Debian has no package of it. The server is for tests alone: the databases that they make stay there.
    """
    if server := os.environ.get("TEST_MYSQL"):
        host, port = server.split(":")
        yield {"conn_type": "mysql", "host": host, "port": int(port), "login": "root", "schema": "mysql"}
        return
    settings = {"default_time_zone": "-05:00", "character_set_server": "latin1", "sql_mode": ""}
    with local_mariadb(**settings) as connection:
        yield connection


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, connect: Callable[..., str], tmp_path: Any) -> Iterator[Warehouse]:
    """An empty database of each kind."""
    where = {"conn_type": request.param, "host": str(tmp_path / "warehouse.db"), "password": None}
    address = sa.URL.create(request.param, database=where["host"])
    if server := {"postgresql": "postgresql", "mysql": "mariadb"}.get(request.param):
        where |= request.getfixturevalue(server)
        address = sa.URL.create(request.param, where["login"], None, where["host"], where["port"], where["schema"])
        if server == "mariadb":
            where["schema"] = f"test_{uuid.uuid4().hex}"
            _run(address, f"CREATE DATABASE {where['schema']}")
            address = address.set(database=where["schema"], query={"charset": "utf8mb4"})
        else:
            _run(address, *EMPTY)
    engine = sa.create_engine(address)
    warehouse = Warehouse(engine, connect(None, "warehouse", **where))
    yield warehouse
    warehouse.close()


def _run(server: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
