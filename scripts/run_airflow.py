"""Airflow with the example DAGs, connected to the sandbox: `make airflow`."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path

from local_airflow import PARTS, LocalAirflow, local_sandbox

ROOT = Path(__file__).resolve().parent.parent
WELCOME = """
  Airflow is ready:   {airflow}
  Sandbox (the API):  {sandbox}

  Nobody has to log in. The connection "clickmeeting_default" leads to the sandbox; it comes from the
  environment, so the list of connections does not show it. Logs are in {home}.
  Ctrl-C ends everything.
"""


def main() -> None:
    """Run until somebody ends it."""
    # A closed terminal or a `kill` must stop the children as a Ctrl-C does.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    venv_bin = Path(sys.executable).parent
    home = ROOT / ".airflow"
    try:
        with local_sandbox(venv_bin) as sandbox:
            connection = {"conn_type": "clickmeeting", "host": sandbox, "password": "sandbox"}
            env = {"AIRFLOW_CONN_CLICKMEETING_DEFAULT": json.dumps(connection)}
            print("Starting Airflow, this takes a quarter of a minute ...", flush=True)
            with LocalAirflow(venv_bin, home, ROOT / "example_dags", env, parts=PARTS) as airflow:
                print(WELCOME.format(airflow=airflow.url, sandbox=sandbox, home=home), flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
                print("\nStopping; a running task gets 20 seconds ...", flush=True)
    except KeyboardInterrupt:
        print(flush=True)


if __name__ == "__main__":
    main()
