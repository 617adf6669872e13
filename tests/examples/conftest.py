"""What the tests of the example DAGs share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from local_airflow import reserve_port
from webinars import PEOPLE, Mailbox, registering

EXAMPLES = Path(__file__).parents[2] / "example_dags"
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def examples(airflow_db):
    """All example DAGs as Airflow loads them, but without pauses between retries."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag
    bag = DagBag(EXAMPLES)
    for dag in bag.dags.values():
        for task in dag.tasks:
            if task.is_mapped:
                task.partial_kwargs["retry_delay"] = timedelta(0)
            else:
                task.retry_delay = timedelta(0)
    return bag


@pytest.fixture
def storage(request) -> str:
    """The storage on which an example has its files: this machine's, or S3 if a test asks for it."""
    return getattr(request, "param", "file")


@pytest.fixture
def run_example(request, storage, examples, run_dag, tmp_path, mocker) -> Callable[..., Any]:
    """Run an example with its files in the test's folder, or in a bucket which that folder mirrors."""
    bucket = request.getfixturevalue("bucket") if storage == "s3" else None
    folder = bucket.url if bucket else tmp_path.as_uri()
    mocker.patch.dict(os.environ, {"AIRFLOW_VAR_CLICKMEETING_FOLDER": folder})

    def run_example(name: str, conf: dict[str, Any] | None = None, **arguments: Any) -> Any:
        with bucket.mirrored(tmp_path) if bucket else nullcontext():
            return run_dag(examples.dags[name], run_conf=conf or {}, **arguments)

    return run_example


@pytest.fixture
def run_at_noon(run_example, clickmeeting_sandbox) -> Callable[..., Any]:
    """Set the sandbox's clock to a noon, and run an example at its time, whatever the time is here.

    A nightly DAG takes the day that ended in the last night. So what `ended` holds a day ago belongs to it at noon, but
    not within an hour of the DAG's own time.
    """
    clickmeeting_sandbox.set_time(NOON)
    return lambda name, conf=None, **arguments: run_example(
        name, conf, **{"logical_date": clickmeeting_sandbox.now, **arguments}
    )


@pytest.fixture
def mailbox(mocker) -> Iterator[Mailbox]:
    """What the mail server of the connection `smtp_default` gets."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=reserve_port(), ready_timeout=600)
    connection = {
        "conn_type": "smtp",
        "host": server.hostname,
        "port": server.port,
        "extra": {"from_email": "webinars@example.com", "disable_ssl": True, "disable_tls": True},
    }
    mocker.patch.dict(os.environ, {"AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection)})
    server.start()
    yield mailbox
    server.stop()


@pytest.fixture
def ended(clickmeeting_sandbox):
    """Hold a session yesterday, for which Ada, Alan and Paul had registered, and return its room's id and its own."""

    def ended(*, registration: bool = True, attendees=PEOPLE, name: str = "Café & Çay", **room) -> tuple[int, int]:
        start = clickmeeting_sandbox.now - timedelta(days=1)
        room = {"starts_at": start, "duration": 1, **room}
        clickmeeting_sandbox.set_time(start - timedelta(days=1))
        room_id = clickmeeting_sandbox.add_room(name=name, registration={"enabled": int(registration)}, **room)["id"]
        if registration:
            for email in ("ada@example.com", "alan@example.com", "paul@example.com"):
                registering(room_id)(email)
        clickmeeting_sandbox.set_time(start + timedelta(days=1))
        end = start + timedelta(hours=1)
        return room_id, clickmeeting_sandbox.play(room_id, start=start, end=end, attendees=attendees)

    return ended
