"""Run a webinar pipeline in Airflow against the sandbox, from the new room to the exported files: `make demo`."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import time
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow-demo"
FILES = ROOT / "build" / "demo"

shutil.rmtree(HOME, ignore_errors=True)
# Airflow reads its settings and creates its home folder when it is imported
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}

from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.listeners import hookimpl  # noqa: E402
from airflow.models.variable import Variable  # noqa: E402
from airflow.sdk.listener import get_listener_manager  # noqa: E402
from airflow.utils.db import initdb  # noqa: E402

from airflow_clickmeeting.sandbox.handle import Sandbox  # noqa: E402

COLUMNS = ("email", "role", "start_date", "end_date", "rating")


class Progress:
    """Prints each task that succeeds, and moves the sandbox's clock by a week when the DAG only waits."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._start = time.monotonic()
        self._waiting = False

    def print(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        print(f"{time.monotonic() - self._start:6.1f} s  {line}", flush=True)

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Move the sandbox's clock to the end of the webinar when the sensor starts."""
        if task_instance.task_id == "wait" and not self._waiting:
            self._waiting = True
            self.print("wait           a week passes in the sandbox, people come and go ...")
            room = self._sandbox.state["rooms"][0]
            self._sandbox.set_time(datetime.fromisoformat(room["ends_at"]) - timedelta(minutes=1))
            self._sandbox.set_speed(180)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Print that a task succeeded."""
        index = f"[{task_instance.map_index}]" if task_instance.map_index >= 0 else ""
        self.print(f"{task_instance.task_id + index:<14} done")


def main() -> int:
    """Run the pipeline, print the files that it wrote, and return the exit code."""
    shutil.rmtree(FILES, ignore_errors=True)
    with Sandbox() as sandbox:
        os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = sandbox.connection_json
        print(
            f"ClickMeeting sandbox on {sandbox.url}\nAirflow runs example_dags/webinar_lifecycle.py ...\n", flush=True
        )
        progress = Progress(sandbox)
        initdb()
        Variable.set("clickmeeting_folder", FILES.as_uri(), description="The folder for the files of the demo")
        get_listener_manager().add_listener(progress)  # type: ignore[no-untyped-call]
        dag = DagBag(ROOT / "example_dags").dags["webinar_lifecycle"]
        # poll more often than once a minute, so that the demo is short
        vars(dag.get_task("wait"))["poke_interval"] = 5
        run = dag.test()
        progress.print(f"the run has ended with the state {run.state}\n")
    files = sorted(path for path in FILES.rglob("*") if path.is_file())
    for path in files:
        if path.name == "attendees.csv":
            print_rows(path)
    print(
        "The exported files:",
        *(f"  {path.relative_to(ROOT)} ({path.stat().st_size} bytes)" for path in files),
        sep="\n",
    )
    return 0 if run.state == "success" else 1


def print_rows(path: Path, limit: int = 6) -> None:
    """Print some columns of the first rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [COLUMNS, *([row[name] or "-" for name in COLUMNS] for row in islice(csv.DictReader(file), limit))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"The first rows of {path.name}:")
    for row in rows:
        print(" ", "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


if __name__ == "__main__":
    sys.exit(main())
