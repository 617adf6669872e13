"""Run a temporary MariaDB on a free port of this machine."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from database_server import DatabaseServer
from local_airflow import reserve_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def local_mariadb(**settings: str) -> Iterator[dict[str, Any]]:
    """Start a server with an empty database, and yield an Airflow connection to it, as root without a password.

    :param settings: settings of the server, such as `default_time_zone`.
    """
    mariadb = DatabaseServer("MariaDB", "mysql", places=[Path("/usr/sbin")], stop=signal.SIGKILL)
    port = reserve_port()
    defaults = {
        "bind_address": "127.0.0.1",
        "port": str(port),
        "innodb_flush_log_at_trx_commit": "0",
    }
    options = [f"--{name}={value}" for name, value in (defaults | settings).items()]
    probe = ["mariadb-admin", "--no-defaults", "-h", "127.0.0.1", "-P", str(port), "-u", "root", "ping"]
    with mariadb.folder() as home:
        options += [f"--datadir={home}/data", f"--socket={home}/socket", f"--pid-file={home}/pid"]
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={home}/data", "--skip-test-db"]
        mariadb.prepare(home, *install, "--auth-root-authentication-method=normal")
        with mariadb.running(home, ["mariadbd", "--no-defaults", *options], probe):
            yield {"conn_type": "mysql", "host": "127.0.0.1", "port": port, "login": "root", "schema": "mysql"}
