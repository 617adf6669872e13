"""Run a temporary Redis on a free port of this machine."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from database_server import DatabaseServer
from local_airflow import reserve_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def local_redis() -> Iterator[str]:
    """Start an empty server that writes nothing to the disk, and yield its URL, such as `redis://127.0.0.1:6379`."""
    redis = DatabaseServer("Redis", "redis", stop=signal.SIGTERM)
    port = str(reserve_port())
    probe = ["redis-cli", "-p", port, "ping"]
    with redis.folder() as home:
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with redis.running(home, command, probe):
            yield f"redis://127.0.0.1:{port}"
