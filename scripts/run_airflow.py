"""Airflow with the example DAGs, connected to the sandbox: `make airflow`."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

from local_airflow import LocalAirflow, local_sandbox

ROOT = Path(__file__).resolve().parent.parent
CONNECTION = "clickmeeting_default"
SPEED = "5000"
WELCOME = """
  Airflow is ready:   {airflow}
  Sandbox (the API):  {sandbox}

  Nobody has to log in. The connection "clickmeeting_default" leads to the sandbox, where a week passes
  in two minutes: trigger "webinar_lifecycle", and see it through. Logs are in {home}.
  Ctrl-C ends everything.
"""


def connect(airflow: LocalAirflow, sandbox: str) -> None:
    """Put the connection in place, or lead the one of an earlier start to the sandbox of now."""
    place = {"connection_id": CONNECTION, "conn_type": "clickmeeting"}
    existing = [each["connection_id"] for each in airflow.api("GET", "/connections")["connections"]]
    method, path = ("PATCH", f"/connections/{CONNECTION}") if CONNECTION in existing else ("POST", "/connections")
    # any port serves: the Test button of 3.3.2 refuses a connection that has none
    airflow.api(method, path, {**place, "host": sandbox, "port": 443, "password": "sandbox"})


def main() -> None:
    """Run until somebody ends it."""
    # A closed terminal or a `kill` must stop the children as a Ctrl-C does.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    venv_bin = Path(sys.executable).parent
    home = ROOT / ".airflow"
    try:
        with local_sandbox(venv_bin, "--speed", SPEED) as sandbox:
            print("Starting Airflow, this takes a quarter of a minute ...", flush=True)
            with LocalAirflow(venv_bin, home, ROOT / "example_dags") as airflow:
                connect(airflow, sandbox)
                print(WELCOME.format(airflow=airflow.url, sandbox=sandbox, home=home), flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
                print("\nStopping; a running task gets 20 seconds ...", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


if __name__ == "__main__":
    main()
