"""The example `webinar_lifecycle` in a real Airflow: scheduler, triggerer, API server; and no secret anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from local_airflow import LocalAirflow, until
from sqlalchemy import create_engine, inspect, text

from airflow_clickmeeting.api.types import secrets_in
from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "example_dags"
KEY = "key-4f1d8c2ab7"  # what must not stand anywhere
SECRET_LINK = re.compile(r"[?&](l|r|st|e)=\w{6,}")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(api_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def example(sandbox, add_dags) -> None:
    """The example, which asks every second whether the session is over, and whether the report is ready."""
    source = (EXAMPLES / "webinar_lifecycle.py").read_text()
    for old, new in (("poke_interval=60", "poke_interval=1"), ('/report.pdf"', '/report.pdf", poll_interval=1')):
        assert source.count(old) == 1
        source = source.replace(old, new)
    add_dags({"connection_id": "clickmeeting_default", **sandbox.connection}, webinar_lifecycle=source)


def listed(airflow: LocalAirflow, path: str, key: str) -> list[dict]:
    return airflow.api("GET", path)[key]


@pytest.fixture(scope="module")
def run(example, airflow) -> str:
    """The path of a run that has begun, whose pool does not exist yet."""
    run = {"dag_run_id": "first", "logical_date": None}
    airflow.api("POST", "/dags/webinar_lifecycle/dagRuns", run)
    return "/dags/webinar_lifecycle/dagRuns/first"


def states(airflow: LocalAirflow, run: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in listed(airflow, f"{run}/taskInstances", "task_instances")}


@pytest.fixture(scope="module")
def blocking(run, airflow) -> list[str]:
    """What Airflow's page of the first task gives as reasons why the task does not start."""
    until("the first task is scheduled", lambda: states(airflow, run)["folder"] == "scheduled")
    found = listed(airflow, f"{run}/taskInstances/folder/dependencies", "dependencies")
    return [each["reason"] for each in found]


@pytest.fixture(scope="module")
def files(blocking, run, airflow, sandbox) -> Path:
    """The folder with the files of the run, which went on when its pool was there.

    While the sensor waited in the triggerer, a week passed.
    """
    assert sandbox.count() == 0
    folder = airflow.home / "files"
    airflow.api("POST", "/variables", {"key": "clickmeeting_folder", "value": folder.as_uri()})
    airflow.api("POST", "/pools", {"name": "clickmeeting", "slots": 4})
    until("the sensor is deferred", lambda: states(airflow, run).get("wait") == "deferred")
    ends_at = datetime.fromisoformat(sandbox.state["rooms"][0]["ends_at"])
    sandbox.set_time(ends_at + timedelta(minutes=6))
    until("the run is over", lambda: airflow.api("GET", run)["state"] in ("success", "failed"))
    assert airflow.api("GET", run)["state"] == "success", states(airflow, run)
    return folder


def test_the_page_of_a_task_says_that_its_pool_does_not_exist(blocking):
    assert blocking == ["Tasks using non-existent pool 'clickmeeting' will not be scheduled"]


def test_the_files_are_there(files):
    names = {path.name for path in files.rglob("*") if path.is_file()}
    assert names == {"attendees.csv", "registrations.jsonl", "report.pdf"}
    assert next(files.rglob("report.pdf")).read_bytes().startswith(b"%PDF")
    assert len(next(files.rglob("registrations.jsonl")).read_text().splitlines()) == 4


@pytest.mark.usefixtures("files")
def test_everything_was_asked_for_once(sandbox):
    made = {name: sandbox.count(name) for name in ("create_conference", "register_participant", "send_invitation")}
    assert made == {"create_conference": 1, "register_participant": 4, "send_invitation": 1}
    assert sorted(mail["recipient"] for mail in sandbox.outbox if mail["kind"] == "invitation") == [
        "katherine@example.com",
        "margaret@example.com",
    ]


def everything_written(airflow: LocalAirflow, database: str) -> Iterator[tuple[str, str]]:
    """Yield all logs and all of the database: XCom, rendered templates, triggers' arguments."""
    for log in airflow.home.rglob("*.log"):
        yield str(log.relative_to(airflow.home)), log.read_text(errors="replace")
    engine = create_engine(database)
    tables = inspect(engine).get_table_names()
    assert len(tables) > 30
    with engine.connect() as connection:
        for table in tables:
            for row in connection.execute(text(f'select * from "{table}"')):
                yield f"table {table}", json.dumps([*row], default=readable)
    engine.dispose()


def readable(value: object) -> str:
    return str(value.tobytes() if isinstance(value, memoryview) else value)


def secrets_of(sandbox: Sandbox) -> set[str]:
    """Return what the sandbox gave out: the room's PINs, the secrets in the registrations' links; and the key."""

    def ask(path: str) -> list[dict]:
        return requests.get(f"{sandbox.url}{path}", headers={"X-Api-Key": KEY}, timeout=600).json()

    rooms = [*ask("conferences/active"), *ask("conferences/inactive")]
    people = ask(f"conferences/{rooms[0]['id']}/registrations/all")
    return secrets_in(rooms) | secrets_in(people) | {KEY}


@pytest.mark.usefixtures("files")
def test_no_secret_stands_in_a_log_or_in_the_database(airflow, database, sandbox):
    secrets = secrets_of(sandbox)
    assert len(secrets) > 10
    # what differs at every reading is told by the name of its key
    secrets |= {"access_role_hashes", "autologin_hash", "room_pin"}
    # the one place for it is the connection, where Airflow encrypts it once it is given a key for that
    texts = [(where, text) for where, text in everything_written(airflow, database) if where != "table connection"]
    assert len(texts) > 50
    told = [(where, secret) for where, text in texts for secret in secrets if secret in text]
    told += [(where, match[0]) for where, text in texts if (match := SECRET_LINK.search(text))]
    assert told == []
