"""Start Airflow with the example DAGs, connected to the sandbox: `make airflow`."""

from __future__ import annotations

import contextlib
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from local_airflow import LocalAirflow, local_sandbox

from airflow_clickmeeting.sandbox.page import page_url

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "airflow"
POOL = {"name": "clickmeeting", "slots": 4, "description": "Tasks that send requests to ClickMeeting"}
CONNECTION = "clickmeeting_default"
SPEED = "5000"
WELCOME = """
  Airflow is ready:   {airflow}
  Sandbox (the API):  {sandbox}
  The sandbox's page: {page}

  You need no login. The connection "clickmeeting_default" uses the sandbox, where a week passes in
  two minutes: trigger "webinar_lifecycle", and follow the run to its end. The page Webinars in the
  menu Browse shows its rooms. The files of the DAGs are in {folder}, the logs in {home}.
  Press Ctrl-C to stop Airflow and the sandbox.
"""


def prepare(airflow: LocalAirflow, sandbox: str) -> None:
    """Create what the example DAGs need, or update what an earlier start created, such as the sandbox's URL."""
    # the provider does not use the port, but the Test button of Airflow 3.3.2 refuses a connection without one
    connection = {"conn_type": "clickmeeting", "host": sandbox, "port": 443, "password": "sandbox"}
    put(airflow, "connections", "connection_id", {"connection_id": CONNECTION, **connection})
    folder = {"value": FOLDER.as_uri(), "description": "The folder for the files of the ClickMeeting examples"}
    put(airflow, "variables", "key", {"key": "clickmeeting_folder", **folder})
    pools = [each["name"] for each in airflow.api("GET", "/pools")["pools"]]
    if POOL["name"] not in pools:
        airflow.api("POST", "/pools", POOL)


def put(airflow: LocalAirflow, collection: str, key: str, wanted: dict[str, Any]) -> None:
    """Create an item of a collection of the REST API, or update the one with the same key."""
    existing = [each[key] for each in airflow.api("GET", f"/{collection}")[collection]]
    is_new = wanted[key] not in existing
    airflow.api("POST" if is_new else "PATCH", f"/{collection}{'' if is_new else '/' + wanted[key]}", wanted)


def main() -> None:
    """Run Airflow and the sandbox until somebody stops this process."""
    # A closed terminal or a `kill` must stop the child processes too, as Ctrl-C does.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    venv_bin = Path(sys.executable).parent
    home = ROOT / ".airflow"
    try:
        token = secrets.token_urlsafe(12)
        with local_sandbox(venv_bin, "--speed", SPEED, "--token", token) as sandbox:
            print("Starting Airflow, which takes about 15 seconds ...", flush=True)
            settings = {"AIRFLOW__CLICKMEETING__WEBINARS_PAGE": "True"}
            with LocalAirflow(venv_bin, home, ROOT / "example_dags", settings) as airflow:
                prepare(airflow, sandbox)
                print(
                    WELCOME.format(
                        airflow=airflow.url,
                        sandbox=sandbox,
                        page=page_url(sandbox, token),
                        folder=FOLDER,
                        home=home,
                    ),
                    flush=True,
                )
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
                print("\nStopping Airflow; running tasks have 20 seconds to finish ...", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


if __name__ == "__main__":
    main()
