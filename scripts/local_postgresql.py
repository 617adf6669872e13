"""Run a temporary PostgreSQL on a free port of this machine."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from database_server import DatabaseServer
from local_airflow import reserve_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_FOLDER = Path("/usr/lib/postgresql")


@contextmanager
def local_postgresql(folder: Path | None = None, **settings: str) -> Iterator[dict[str, Any]]:
    """Start a server with an empty database, and yield an Airflow connection to it.

    :param folder: where the server keeps its files, if its user may enter the folder; the caller removes them.
    :param settings: settings of the server, such as `timezone`.
    """
    places = sorted(DEBIAN_FOLDER.glob("*/bin"), reverse=True)
    postgresql = DatabaseServer("PostgreSQL", "postgres", places=places, stop=signal.SIGQUIT)
    port = reserve_port()
    defaults = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port), "fsync": "off"}
    options = [f"--{name}={value}" for name, value in (defaults | settings).items()]
    initdb = ["initdb", "-D", "data", "-U", "airflow", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    probe = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    with postgresql.folder(folder) as home:
        postgresql.prepare(home, *initdb)
        with postgresql.running(home, ["postgres", "-D", "data", *options], probe):
            yield {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "airflow", "schema": "postgres"}
