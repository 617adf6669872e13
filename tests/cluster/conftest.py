"""An Airflow on several machines: a scheduler, two Celery workers and two triggerers, each with a home of its own.

The workers know Redis and Airflow's API, but no database. All share files on an S3, and a table of what happened.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import boto3
import pytest
import real_airflow
import sqlalchemy as sa
from local_airflow import PARTS, LocalAirflow, Part, until
from local_redis import local_redis
from local_s3 import LocalS3, local_s3
from real_airflow import SETTINGS, metadata_database

from airflow_clickmeeting.sandbox.handle import Sandbox

HERE = Path(__file__).parent
BUCKET = "cluster"
WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")
NO_DATABASE = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"}
CLUSTER = {
    **{name: PARTS[name] for name in ("api-server", "scheduler", "dag-processor")},
    **{name: Part([*PARTS["triggerer"].command], name) for name in TRIGGERERS},
    **{name: Part(["celery", "worker", "-s", "-H", name], name, NO_DATABASE) for name in WORKERS},
}
FINISHED = ("success", "failed")


class Scale(NamedTuple):
    """How much there is to do."""

    people: int
    recordings: int
    rooms: int
    sensors: int


FULL = Scale(people=2000, recordings=20, rooms=300, sensors=200)
SHORT = Scale(people=200, recordings=4, rooms=30, sensors=20)


class Line(NamedTuple):
    """A line of the table: what was done on the cluster, and how often."""

    what: str
    meant: int
    done: int
    twice: int
    requests: int
    s3_requests: int
    seconds: float


LINES = pytest.StashKey[list[Line]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.stash[LINES]:
        return
    terminalreporter.section("several machines")
    heads = ("meant", "done", "twice", "requests", "to S3", "seconds")
    terminalreporter.line(f"{'':50}" + "".join(f"{head:>10}" for head in heads))
    for what, *counts, seconds in config.stash[LINES]:
        terminalreporter.line(f"{what:50}" + "".join(f"{count:10}" for count in counts) + f"{seconds:10.1f}")


class Cluster:
    """The Airflow, its S3, and what its database knows.

    :param airflow: the Airflow, whose parts can be killed.
    :param s3: where its tasks keep files.
    :param database: the URL of its database.
    """

    def __init__(self, airflow: LocalAirflow, s3: LocalS3, database: str) -> None:
        self.airflow = airflow
        self.s3 = s3
        self.bucket = boto3.resource(
            "s3",
            endpoint_url=s3.url,
            region_name="us-east-1",
            aws_access_key_id=s3.connection["login"],
            aws_secret_access_key=s3.connection["password"],
        ).create_bucket(Bucket=BUCKET)
        self._engine = sa.create_engine(database)

    def close(self) -> None:
        self._engine.dispose()

    def count_s3_requests(self, words: str) -> int:
        """Count the requests to the S3 that name something, since the log was cleared."""
        return sum(words in f"{request.path}?{unquote(request.query)}" for request in self.s3.requests)

    def files(self, folder: str) -> dict[str, bytes]:
        """Return the objects of a folder of the bucket, by their keys in it."""
        found = self.bucket.objects.filter(Prefix=f"{folder}/")
        return {each.key.removeprefix(f"{folder}/"): each.get()["Body"].read() for each in found}

    def ask(self, query: str) -> list[Any]:
        """Ask Airflow's database."""
        with self._engine.connect() as connection:
            return [*connection.execute(sa.text(query))]

    def until(self, what: str, holds: Callable[[], object], timeout: float = 300) -> None:
        """Wait until something holds, as long as all parts run."""

        def holds_so_far() -> object:
            self.airflow.check_running()
            return holds()

        until(what, holds_so_far, timeout)

    def add_dags(self, *names: str, conn_id: str, sandbox: Sandbox, **settings: Any) -> None:
        """Add some of the files in `dags`, and their connection to an account, with settings in its `extra`."""
        connection = {"connection_id": conn_id, **sandbox.connection, "extra": json.dumps(settings)}
        real_airflow.add_dags(self.airflow, connection, HERE / "dags", *names)

    def start(self, dag_id: str, **conf: Any) -> None:
        """Start the only run of a DAG."""
        run = {"dag_run_id": "run", "logical_date": None, "conf": conf}
        self.airflow.api("POST", f"/dags/{dag_id}/dagRuns", run)

    def tasks(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, as Airflow's API shows them, which is a hundred at a time."""
        tasks: list[dict[str, Any]] = []
        while True:
            path = f"/dags/{dag_id}/dagRuns/run/taskInstances?limit=100&offset={len(tasks)}"
            page = self.airflow.api("GET", path)
            tasks += page["task_instances"]
            if not page["task_instances"] or len(tasks) >= page["total_entries"]:
                return tasks

    def states(self, dag_id: str) -> Counter[str]:
        """Count the states of a run's tasks, without the work that the API has with each of them."""
        query = f"SELECT state FROM task_instance WHERE dag_id = '{dag_id}'"
        return Counter(state for (state,) in self.ask(query))

    def finish(self, dag_id: str, state: str = "success") -> float:
        """Wait until a run is over, and return how many seconds it took; it must have come to a state."""

        def run() -> dict[str, Any]:
            return dict(self.airflow.api("GET", f"/dags/{dag_id}/dagRuns/run"))

        self.until(f"{dag_id} is over", lambda: run()["state"] in FINISHED, timeout=900)
        assert run()["state"] == state, self.states(dag_id)
        return float(run()["duration"])

    def log(self, dag_id: str) -> str:
        """Return what the tasks of a run have logged on all machines."""
        return "".join(log.read_text() for log in self.airflow.home.glob(f"*/logs/dag_id={dag_id}/**/*.log"))

    def read(self, dag_id: str, task_id: str) -> Any:
        """Return the result of a task."""
        path = f"/dags/{dag_id}/dagRuns/run/taskInstances/{task_id}/xcomEntries/return_value"
        return self.airflow.api("GET", path)["value"]


@pytest.fixture(scope="session")
def scale(thorough) -> Scale:
    return FULL if thorough else SHORT


@pytest.fixture(scope="session")
def note(pytestconfig) -> Callable[..., None]:
    """Add a line to the table."""
    return lambda *line: pytestconfig.stash[LINES].append(Line(*line))


@pytest.fixture(scope="session", autouse=True)
def end_as_after_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end all processes, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """The cluster, without a DAG; one for all tests, because its start takes long."""
    home = tmp_path_factory.mktemp("cluster")
    dags = home / "dags"
    dags.mkdir()
    with local_redis() as redis, metadata_database(max_connections="300") as database, local_s3() as s3:
        modules = (HERE / "config", HERE.parent / "live" / "config", os.environ.get("PYTHONPATH", ""))
        settings = {
            **SETTINGS,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "machine.name",
            "AIRFLOW__CELERY__BROKER_URL": f"{redis}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"{redis}/1",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
            # how long it may take until a dead worker's tasks are noticed, and not those of a slow one
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
            # with a shorter one, two triggerers on a slow machine take each other's triggers away again and again
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
            # each home has a configuration file of its own, with a key of its own
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "PYTHONPATH": os.pathsep.join(map(str, modules)),
        }
        with LocalAirflow(Path(sys.executable).parent, home, dags, settings, parts=CLUSTER) as airflow:
            connection = {"connection_id": "s3", **s3.connection, "extra": json.dumps(s3.connection["extra"])}
            airflow.api("POST", "/connections", connection)
            cluster = Cluster(airflow, s3, database)
            yield cluster
            cluster.close()
            airflow.kill_all()
