"""Measure loads into databases: the first one, one without changes, and one in which some rows have changed.

The sandbox and the servers run in processes of their own, and each load runs in a new interpreter. The row "reading"
reads the same data from the sandbox and writes nothing. A server or package that is missing is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import Figures, peak_memory, run, sandbox, start

from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

ROOMS, SESSIONS = 20, 5
TABLE = "loaded"


def operator() -> ClickMeetingToSqlOperator:
    """Return the operator that loads the attendees of the whole account."""
    return ClickMeetingToSqlOperator(task_id="load", dataset="attendees", sql_conn_id="warehouse", table=TABLE)


def read() -> Figures:
    """Read the rows and write nothing."""
    begin = time.perf_counter()
    with operator().create_reader({}) as reader:
        places = [place for _, found in reader.find_places() for place in found]
        rows = sum(1 for _, found in reader.read_rows(places) for _ in found or ())
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak_memory()}


def load() -> Figures:
    """Load the rows with the operator."""
    begin = time.perf_counter()
    rows = operator().execute({})["rows"]
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak_memory()}


def change() -> Figures:
    """Change one in sixteen rows of the table, which the next load changes back."""
    import sqlalchemy as sa

    from airflow_clickmeeting.output.database import database

    with database("warehouse") as engine, engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {TABLE} SET role = 'changed' WHERE entry LIKE '%7'"))
    return {}


def connections(wanted: list[str], folder: str, stack: ExitStack) -> dict[str, dict[str, Any]]:
    """Start the servers, and return the connection of each database."""
    from local_mariadb import local_mariadb
    from local_postgresql import local_postgresql

    files = {"SQLite": ("sqlite", "sqlite3"), "DuckDB": ("duckdb", "duckdb_engine")}
    found: dict[str, dict[str, Any]] = {}
    for name in wanted:
        if name in files:
            kind, package = files[name]
            if find_spec(package):
                found[name] = {"conn_type": kind, "host": f"{folder}/warehouse.{kind}"}
        else:
            server = {"PostgreSQL": local_postgresql, "MariaDB": local_mariadb}[name]
            try:
                found[name] = stack.enter_context(server())
            except FileNotFoundError as error:
                print(error)
    return found


def main() -> None:
    """Measure each database, and print the table."""
    names = ["PostgreSQL", "MariaDB", "SQLite", "DuckDB"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of rows (100000)")
    parser.add_argument("--only", choices=names, help="measure only this database")
    options = parser.parse_args()
    wanted = [options.only] if options.only else names
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        control = stack.enter_context(sandbox(folder))
        control.bulk(ROOMS, SESSIONS, round(options.rows / ROOMS / SESSIONS / 1.1))
        run("read")  # the sandbox counts generated attendees at the first request only
        reading = run("read")
        print(f"{reading['rows']} rows; reading them takes {reading['seconds']:.1f} s and {reading['peak']:.0f} MiB")
        print(f"{'':12} {'load':28} {'seconds':>8} {'writing':>8} {'of the first':>13} {'peak':>9}")
        for name, connection in connections(wanted, folder, stack).items():
            os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(connection)
            print_loads(name, reading["seconds"])
        print("writing: seconds without those of reading; of the first: writing divided by that of the first load")


def print_loads(name: str, reading: float) -> None:
    """Load three times into a database, and print the times."""
    first = 0.0
    for what in ("first", "nothing has changed", "one in sixteen has changed"):
        if what.startswith("one"):
            run("change")
        figures = run("load")
        writing = figures["seconds"] - reading
        first = first or writing
        columns = f"{figures['seconds']:8.1f} {writing:8.1f} {writing / first:13.2f} {figures['peak']:5.0f} MiB"
        print(f"{name:12} {what:28} {columns}")


if __name__ == "__main__":
    start(main, read, load, change)
