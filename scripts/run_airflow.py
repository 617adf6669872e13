"""Start Airflow with the example DAGs, connected to the sandbox: `make airflow`."""

from __future__ import annotations

import contextlib
import secrets
import signal
import sys
from pathlib import Path

from local_airflow import LocalAirflow, local_sandbox

from airflow_clickmeeting.sandbox.page import page_url

ROOT = Path(__file__).resolve().parent.parent
CONNECTION = "clickmeeting_default"
SPEED = "5000"
WELCOME = """
  Airflow is ready:   {airflow}
  Sandbox (the API):  {sandbox}
  The sandbox's page: {page}

  You need no login. The connection "clickmeeting_default" uses the sandbox, where a week passes in
  two minutes: trigger "webinar_lifecycle", and follow the run to its end. The logs are in {home}.
  Press Ctrl-C to stop Airflow and the sandbox.
"""


def connect(airflow: LocalAirflow, sandbox: str) -> None:
    """Create the connection to the sandbox, or update the one of an earlier start with the new URL."""
    connection = {"connection_id": CONNECTION, "conn_type": "clickmeeting"}
    existing = [each["connection_id"] for each in airflow.api("GET", "/connections")["connections"]]
    method, path = ("PATCH", f"/connections/{CONNECTION}") if CONNECTION in existing else ("POST", "/connections")
    # the provider does not use the port, but the Test button of Airflow 3.3.2 refuses a connection without one
    airflow.api(method, path, {**connection, "host": sandbox, "port": 443, "password": "sandbox"})


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
            with LocalAirflow(venv_bin, home, ROOT / "example_dags") as airflow:
                connect(airflow, sandbox)
                print(
                    WELCOME.format(airflow=airflow.url, sandbox=sandbox, page=page_url(sandbox, token), home=home),
                    flush=True,
                )
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
                print("\nStopping Airflow; running tasks have 20 seconds to finish ...", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


if __name__ == "__main__":
    main()
