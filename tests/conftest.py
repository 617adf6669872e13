"""What all tests share: an Airflow of their own, connections to the sandbox, and retries without long pauses.

Airflow reads its settings when it is imported, so they are set here first. Nothing here imports Airflow itself:
the tests of `api` run without it.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from pytest_mock import MockerFixture

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

pytest_plugins = ["databases", "disks", "killing", "mutations", "object_stores", "side_by_side", "summary", "thorough"]

HOME = Path(tempfile.mkdtemp(prefix="airflow-clickmeeting-"))
DATABASE = f"sqlite:///{HOME / 'airflow.db'}"
(HOME / "dags").mkdir()
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__API_AUTH__JWT_SECRET": "t" * 64,
    # Airflow reads it once in a process, with the first plugin that it looks for
    "AIRFLOW__CLICKMEETING__WEBINARS_PAGE": "True",
    "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": DATABASE,
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


# a busy machine is no error
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's database, empty and migrated."""
    from airflow import settings
    from airflow.sdk.execution_time import supervisor
    from airflow.utils.db import initdb

    assert settings.SQL_ALCHEMY_CONN == DATABASE, "Airflow was imported before tests/conftest.py"
    initdb()
    if not hasattr(supervisor.in_process_api_server, "cache_info"):  # 3.1 and 3.2 make it anew for every task
        supervisor.in_process_api_server = functools.lru_cache(1)(supervisor.in_process_api_server)


def _register(dag: DAG) -> None:
    """Serialize a DAG into the database, without which it cannot run."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.session import create_session

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
    of_3_2 = "bundle_name" in inspect.signature(DagBag).parameters
    bundle = {"bundle_name": "dags-folder"} if of_3_2 else {}
    bag = DagBag(dag_folder=os.devnull, **bundle)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


@pytest.fixture
def short_sleeps(mocker: MockerFixture) -> None:
    """Let pauses last milliseconds, also those of `dag.test`, which looks once a second for a task that is ready."""
    sleep = time.sleep
    mocker.patch.object(time, "sleep", lambda seconds: sleep(min(seconds, 0.05)))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody answers, since the test holds it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield int(silent.getsockname()[1])


@pytest.fixture
def run_dag(airflow_db: None, short_sleeps: None) -> Callable[..., DagRun]:
    """Run a DAG from beginning to end in this process, and return its run; arguments are those of `dag.test`."""

    def run(dag: DAG, **kwargs: Any) -> DagRun:
        _register(dag)
        # Airflow writes the run's `conf` into the params of the tasks, which a copy of a DAG shares with the original;
        # the next run would find it there
        from airflow.sdk.definitions._internal.expandinput import EXPAND_INPUT_EMPTY

        # Airflow knows a mapped `@task` by this object
        dag = copy.deepcopy(dag, {id(EXPAND_INPUT_EMPTY): EXPAND_INPUT_EMPTY})
        for task in dag.tasks:
            if not task.is_mapped:
                task.params = copy.deepcopy(task.params)
        return dag.test(**kwargs)

    return run


@pytest.fixture
def connect(mocker: MockerFixture) -> Callable[..., str]:
    """Make a connection, to a sandbox or wherever else, and return its id."""

    def connect(sandbox: Any = None, conn_id: str = "clickmeeting_default", **changes: Any) -> str:
        there = sandbox.connection if sandbox else {"conn_type": "clickmeeting", "password": "test-key"}
        mocker.patch.dict(os.environ, {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(there | changes)})
        return conn_id

    return connect


@pytest.fixture(autouse=True)
def forget_secrets() -> Iterator[None]:
    """Let Airflow forget the secrets that a test masked, since for each new secret it compiles all of them again."""
    yield
    if masker := sys.modules.get("airflow.sdk._shared.secrets_masker"):
        masker.reset_secrets_masker()


@pytest.fixture(autouse=True)
def fast_retries(mocker: MockerFixture) -> None:
    """Let retries begin with a pause of milliseconds, keep the pace after a 429, and forget that of other tests."""
    if "airflow" in sys.modules:
        mocker.patch("airflow_clickmeeting.hooks.policy.FIRST_PAUSE", 0.001)
        mocker.patch("airflow_clickmeeting.hooks.policy.MIN_LIMIT", 1e4)
        mocker.patch.dict("airflow_clickmeeting.hooks.clickmeeting._limiters", clear=True)
