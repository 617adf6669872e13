"""What the tests in a real Airflow share: one Airflow, a sandbox, and a way to it that can be shut."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import real_airflow
from local_airflow import PARTS, LocalAirflow, reserve_port
from real_airflow import SETTINGS, metadata_database
from writing_account import Writing

from airflow_clickmeeting.sandbox.handle import Sandbox

HERE = Path(__file__).parent

# from 3.3 on Airflow keeps what watchers have told, and what tasks know
KEEPS = find_spec("airflow.triggers.shared_stream") is not None
collect_ignore = [] if KEEPS else ["test_waiting.py", "test_writing.py"]


AIRFLOWS: list[LocalAirflow] = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Kill Airflow after the last test that is here: idle, it takes a third of a processor from the tests elsewhere."""
    if not nextitem or HERE not in nextitem.path.parents:
        while AIRFLOWS:
            AIRFLOWS.pop().kill_all()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """An empty ClickMeeting."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of Airflow's database."""
    with metadata_database() as url:
        yield url


@pytest.fixture(scope="session")
def airflow(database, tmp_path_factory) -> Iterator[LocalAirflow]:
    """Airflow's parts, without a DAG; one for all tests, because its start takes long."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    settings = {**SETTINGS, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    if KEEPS:
        shutil.copytree(HERE / "config", home / "config")
    with LocalAirflow(Path(sys.executable).parent, home, dags, settings, parts=PARTS) as airflow:
        AIRFLOWS.append(airflow)
        yield airflow
        airflow.kill_all()


@pytest.fixture(scope="session")
def add_dags(airflow) -> Callable[..., None]:
    """Add a connection and the DAGs that use it: files in `dags`, or what is given by name."""

    def add(connection: Mapping[str, Any], *names: str, **sources: str) -> None:
        real_airflow.add_dags(airflow, connection, HERE / "dags", *names, **sources)

    return add


@pytest.fixture(scope="session")
def writing(airflow, add_dags, thorough) -> Iterator[Writing]:
    """The run of `test_writing.py`; it goes on while other tests wait."""
    size = {"people": 300, "kills": 50} if thorough else {"people": 200, "kills": 8}
    with Sandbox() as sandbox, closing(Writing(airflow, sandbox, **size)) as writing:
        writing.start(add_dags)
        yield writing


@pytest.fixture(scope="module")
def gate(sandbox) -> Iterator[Gate]:
    """A way to the sandbox that can be shut."""
    with closing(Gate(sandbox.url)) as gate:
        yield gate


class Gate:
    """Forwards a port of its own to a server; shut, it refuses connections and has cut those that were open."""

    def __init__(self, url: str) -> None:
        behind = urlsplit(url)
        self._behind = behind.hostname, behind.port
        self._port = reserve_port()
        self.url = url.replace(behind.netloc, f"127.0.0.1:{self._port}")
        self._passing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()
        self.open()

    def open(self) -> None:
        """Let connections through."""
        self._server = self._run(asyncio.start_server(self._pass, "127.0.0.1", self._port))

    def shut(self) -> None:
        """Refuse connections."""
        self._run(self._shut())

    def close(self) -> None:
        """Shut for good."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(600)

    async def _shut(self) -> None:
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        reader_behind, writer_behind = await asyncio.open_connection(*self._behind)
        try:
            with suppress(OSError):
                await asyncio.gather(_pump(reader, writer_behind), _pump(reader_behind, writer))
        finally:
            writer.transport.abort()
            writer_behind.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
