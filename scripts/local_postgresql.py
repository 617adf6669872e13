"""Run a temporary PostgreSQL on a free port of this machine, and always stop it at the end."""

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

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
TIMEOUT = 60.0

# PostgreSQL does not run as root. The kernel stops the server when this process ends, also when it is killed.
DROP_ROOT = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
LAUNCH = ["setpriv", *DROP_ROOT, "--pdeathsig=QUIT"]


@contextmanager
def local_postgresql(**settings: str) -> Iterator[dict[str, Any]]:
    """Start a server with an empty database, and yield an Airflow connection to it.

    :param settings: settings of the server, such as `timezone`.
    """
    home = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if DROP_ROOT:
        shutil.chown(home, "postgres", "postgres")
    try:
        initdb = ["initdb", "-D", "data", "-U", "airflow", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*LAUNCH, *_with_path(initdb)], cwd=home, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        with _server(home, port, settings):
            yield {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "airflow", "schema": "postgres"}
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _server(home: Path, port: int, settings: dict[str, str]) -> Iterator[None]:
    defaults = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port), "fsync": "off"}
    options = [f"--{name}={value}" for name, value in (defaults | settings).items()]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([*LAUNCH, *_with_path(["postgres", "-D", "data", *options])], cwd=home, stderr=log)
    try:
        _wait_until_ready(server, port, home / "log")
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(TIMEOUT)
        finally:
            server.kill()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    probe = _with_path(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)])
    deadline = time.monotonic() + TIMEOUT
    while subprocess.run(probe, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _with_path(command: list[str]) -> list[str]:
    """Return a command with the path of its program, because Debian installs most of PostgreSQL outside PATH."""
    program, *arguments = command
    places = [*sorted(DEBIAN_FOLDER.glob("*/bin"), reverse=True), *os.get_exec_path()]
    found = shutil.which(program, path=os.pathsep.join(map(str, places)))
    if not found:
        raise FileNotFoundError(
            f"{program} was not found. Install the server of PostgreSQL, for example with `make postgresql`"
        )
    return [found, *arguments]
