"""Fixtures for tests that use databases: a file of SQLite and a real PostgreSQL server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from local_postgresql import local_postgresql

Row = dict[str, Any]


class Warehouse:
    """A database that the tests look into by themselves, and that Airflow knows as a connection."""

    def __init__(self, engine: sa.Engine, conn_id: str) -> None:
        self.engine = engine
        self.conn_id = conn_id

    @property
    def kind(self) -> str:
        return self.engine.dialect.name

    @property
    def tables(self) -> list[str]:
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


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse(request: pytest.FixtureRequest, connect: Callable[..., str], tmp_path: Any) -> Iterator[Warehouse]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        where = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db"), "password": None}
        engine = sa.create_engine(f"sqlite:///{where['host']}")
    else:
        server = request.getfixturevalue("postgresql")
        where = server | {"schema": f"test_{uuid.uuid4().hex}"}
        address = sa.URL.create("postgresql", where["login"], None, where["host"], where["port"], server["schema"])
        _create_database(address, where["schema"])
        engine = sa.create_engine(address.set(database=where["schema"]))
    yield Warehouse(engine, connect(None, "warehouse", **where))
    engine.dispose()


def _create_database(server: sa.URL, name: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
