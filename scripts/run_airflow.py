"""Start Airflow with the example DAGs, connected to the sandbox: `make airflow`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from http_sink import HttpSink, Received, http_sink
from local_airflow import PARTS, LocalAirflow, Part, local_sandbox, reserve_port, serves, until
from local_postgresql import local_postgresql
from mail_sink import mail_sink

from airflow_clickmeeting.sandbox.handle import SandboxControl
from airflow_clickmeeting.sandbox.page import page_url

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow"
FOLDER = ROOT / "build" / "airflow"
PEOPLE = """\
First Name,Last Name,E-mail,Company
Mary,Jackson,mary@example.com,Analytical Engines
Dorothy,Vaughan,dorothy@example.com,Analytical Engines
Annie,Easley,annie@example.com,Rockets and Sons
Evelyn,Boyd,evelyn@example.com,Rockets and Sons
Rozsa,Peter,rozsa@example.com,Recursive Systems
Emmy,Noether,emmy@example.com,Symmetry
"""
SERIES = """\
- series: weekly-demo
  weekday: thursday
  time: "15:00"
  timezone: Europe/Warsaw
  name: Weekly demo
  duration: "1:00"
"""
SIGNUPS = """
CREATE TABLE signups (room_id INTEGER, first_name TEXT, last_name TEXT, email TEXT);
INSERT INTO signups VALUES (10000112, 'Ida', 'Rhodes', 'ida@example.com');
"""
# what the CRM of the cookbook answers
CRM = {
    "/contacts": {
        "contacts": [
            {"firstname": "Lise", "lastname": "Meitner", "email": "lise@example.com"},
            {"firstname": "Rosalind", "lastname": "Franklin", "email": "rosalind@example.com"},
        ]
    }
}
POOL = {"name": "clickmeeting", "slots": 4, "description": "Tasks that send requests to ClickMeeting"}
# While all runs wait, a week of the sandbox takes half a minute, which is less than the pause between two polls.
HURRY, WAITING = 20_000, ("deferred", "up_for_reschedule")
WELCOME = """
  Airflow is ready:   {airflow}
  Sandbox (the API):  {sandbox}
  The sandbox's page: {page}

  Click first: open Airflow, then Browse > Webinars. The page shows the webinars of the sandbox, one of
  which is live now. You need no login.
  Click next: Dags > webinar_lifecycle > Trigger. The DAG plans a webinar for next week and waits for it.
  While all runs wait, the sandbox's clock hurries, so that the week takes half a minute.

  All DAGs run as they are. Their files are in {folder} until the next start, their mails are on
  the sandbox's page, and the logs of Airflow are in {home}.
  Press Ctrl-C to stop Airflow and the sandbox.
"""


def main() -> None:
    """Run Airflow and the sandbox until somebody stops this process."""
    # A closed terminal or a `kill` must stop the child processes too, as Ctrl-C does, and Ctrl-C does so also in a
    # process that a shell has started in the background.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        with only_one(HOME), running() as (airflow, sandbox):
            addresses = {"airflow": airflow.url, "sandbox": sandbox.url, "page": page_url(sandbox.url, sandbox.token)}
            print(WELCOME.format(**addresses, folder=FOLDER, home=HOME), flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                hurry_while_tasks_wait(airflow, sandbox)
            print("\nStopping Airflow; running tasks have 4 seconds to finish ...", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[IO[str]]:
    """Exit if another process of this checkout is in this context."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("make airflow runs in this checkout already. Use that Airflow, or stop it with Ctrl-C first.")
        yield lock


@contextlib.contextmanager
def running() -> Iterator[tuple[LocalAirflow, SandboxControl]]:
    """Run everything, until the end of the context; it starts afresh, because the sandbox does."""
    empty(HOME, "lock")
    FOLDER.mkdir(parents=True, exist_ok=True)
    empty(FOLDER, "people.csv")
    with contextlib.suppress(FileExistsError), (FOLDER / "people.csv").open("x") as people:
        people.write(PEOPLE)
    bin_folder, token = Path(sys.executable).parent, secrets.token_urlsafe(12)
    print("Starting Airflow, which takes about half a minute ...", flush=True)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        sandbox = SandboxControl(enter(local_sandbox(bin_folder, "--token", token)), token=token)
        smtp = enter(mail_sink(sandbox))
        http = enter(http_sink(CRM, lambda request: show(sandbox, request)))
        database = enter(local_postgresql(HOME))
        # The tasks have an API server of their own, so that open pages never let them wait.
        tasks_port = reserve_port()
        tasks_url = f"http://127.0.0.1:{tasks_port}/execution/"
        parts = PARTS | {
            "api-server": Part(["api-server", "--apps", "core"]),
            "task-api-server": Part(["api-server", "--apps", "execution", "--port", str(tasks_port)]),
        }
        settings = {
            "AIRFLOW__CLICKMEETING__WEBINARS_PAGE": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": tasks_url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://{login}@{host}:{port}/{schema}".format(
                **database
            ),
        }
        airflow = enter(LocalAirflow(bin_folder, HOME, ROOT / "example_dags", settings, parts=parts))
        prepare(airflow, sandbox, smtp, http)
        until("the API server of the tasks responds", lambda: serves(f"{tasks_url}health"))
        yield airflow, sandbox


def empty(folder: Path, kept: str) -> None:
    """Remove everything from a folder but one file."""
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name != kept:
            each.unlink()


def show(sandbox: SandboxControl, request: Received) -> None:
    """Show what the examples send over HTTP on the sandbox's page, among the mails."""
    sandbox.add_mail("airflow", request.path, f"HTTP {request.method}", text=json.dumps(request.body, indent=2))


def prepare(airflow: LocalAirflow, sandbox: SandboxControl, smtp: dict[str, Any], http: HttpSink) -> None:
    """Create what the example DAGs need."""
    connections = {
        # the provider does not use the port, but the Test button of Airflow 3.3.2 refuses a connection without one
        "clickmeeting_default": {**sandbox.connection, "port": 443},
        "smtp_default": {**smtp, "extra": json.dumps(smtp["extra"])},
        "warehouse": {"conn_type": "sqlite", "host": str(FOLDER / "warehouse.db")},
        "chat_webhook": {"conn_type": "http", "host": http.url, "password": "chat/webhook"},
        "crm": {"conn_type": "http", "host": http.url, "password": "crm-token"},
    }
    for name, connection in connections.items():
        airflow.api("POST", "/connections", {"connection_id": name, **connection})
    variables = {
        "clickmeeting_folder": (FOLDER.as_uri(), "The folder for the files of the ClickMeeting examples"),
        "duckdb_folder": (str(FOLDER), "A folder on the worker's disk for databases of DuckDB"),
        # instead of a program that transcribes
        "transcribe_command": ("cp {recording} {transcript}", "What makes the transcript of a recording"),
    }
    for name, (value, description) in variables.items():
        airflow.api("POST", "/variables", {"key": name, "value": value, "description": description})
    airflow.api("POST", "/pools", POOL)
    (FOLDER / "series.yaml").write_text(SERIES)
    with closing(sqlite3.connect(FOLDER / "warehouse.db")) as database:
        database.executescript(SIGNUPS)


def hurry_while_tasks_wait(airflow: LocalAirflow, sandbox: SandboxControl) -> None:
    """Let the sandbox's clock run fast while every run waits, and in real time otherwise, for ever.

    A run that works must not have weeks pass between two of its tasks. And a watcher reports what ends after its first
    poll: a week that passed before would bring no event.
    """
    hurries = False
    while True:
        time.sleep(1)
        airflow.check_running()
        with contextlib.suppress(OSError):  # a server that is busy
            waits = every_run_waits(airflow) and (hurries or every_watcher_has_polled(airflow))
            if waits != hurries:
                sandbox.set_speed(HURRY if waits else 1)
                hurries = waits


def every_watcher_has_polled(airflow: LocalAirflow) -> bool:
    """Return whether Airflow has assets with watchers, and each was polled once."""
    assets = [each["id"] for each in airflow.api("GET", "/assets?limit=100")["assets"] if each["watchers"]]
    stores = [airflow.api("GET", f"/assets/{each}/state-store")["asset_state_store"] for each in assets]
    return bool(assets) and all(
        any(each["key"] == "health" and each["value"]["polled_at"] for each in store) for store in stores
    )


def every_run_waits(airflow: LocalAirflow) -> bool:
    """Return whether there is a run with a task that waits, and no other run but those that pause before a retry."""
    states = "&".join(f"state={state}" for state in (*WAITING, "up_for_retry"))
    tasks = airflow.api("GET", f"/dags/~/dagRuns/~/taskInstances?limit=100&{states}")["task_instances"]
    running = airflow.api("GET", "/dags/~/dagRuns?limit=100&state=running")["dag_runs"]
    paused = {(each["dag_id"], each["dag_run_id"]) for each in tasks}
    return any(each["state"] in WAITING for each in tasks) and all(
        (each["dag_id"], each["dag_run_id"]) in paused for each in running
    )


if __name__ == "__main__":
    main()
