"""A PostgreSQL of one's own on a free port of this machine, stopped for certain."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_airflow import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIANS = Path("/usr/lib/postgresql")
PATIENCE = 60.0

# As root PostgreSQL does not run. When this process dies, however it does, the server goes with it.
DROPPED = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
LAUNCH = ["setpriv", *DROPPED, "--pdeathsig=QUIT"]


@contextmanager
def local_postgresql(**settings: str) -> Iterator[dict[str, Any]]:
    """Start a server with an empty database, and yield Airflow's connection to it; settings are the server's."""
    home = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if DROPPED:
        shutil.chown(home, "postgres", "postgres")
    try:
        initdb = ["initdb", "-D", "data", "-U", "airflow", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*LAUNCH, *_found(initdb)], cwd=home, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        with _running(home, port, settings):
            yield {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "airflow", "schema": "postgres"}
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(home: Path, port: int, settings: dict[str, str]) -> Iterator[None]:
    own = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port), "fsync": "off"}
    options = [f"--{name}={value}" for name, value in (own | settings).items()]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([*LAUNCH, *_found(["postgres", "-D", "data", *options])], cwd=home, stderr=log)
    try:
        _wait_for(server, port, home / "log")
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(PATIENCE)
        finally:
            server.kill()


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ask = _found(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)])
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(ask, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _found(command: list[str]) -> list[str]:
    """Return a command with the path of its program; Debian keeps most of PostgreSQL's off the PATH."""
    program, *arguments = command
    places = [*sorted(DEBIANS.glob("*/bin"), reverse=True), *os.get_exec_path()]
    found = shutil.which(program, path=os.pathsep.join(map(str, places)))
    if not found:
        raise FileNotFoundError(f"{program} is not here: install PostgreSQL's server, for example by `make postgresql`")
    return [found, *arguments]
