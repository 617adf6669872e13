"""What exports take: time over what the network alone would take, memory of a big session, and rows per second.

The sandbox answers from a process of its own, each answer after a latency, and each figure comes from a fresh
interpreter. Beside the exports: a loop with `requests`, and a chain of the HTTP provider's operators, run one after
another without a scheduler's pauses, that ask and write the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import Figures, account, peak, run, sandbox, start

from airflow_clickmeeting.sandbox.handle import SandboxControl

ROOMS, SESSIONS = 200, 5
VISITORS = 91  # every tenth comes twice: 100 rows
CROWD = 909_091  # the same: a million rows
PARALLEL = (1, 4, 8, 16)
INSTALL = f"{sys.executable} -m pip install apache-airflow-providers-http"
BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def export(path: str, **scope: Any) -> Figures:
    """Export attendees."""
    from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator

    operator = ClickMeetingExportAttendeesOperator(task_id="attendees", path=path, **scope)
    operator.hook.get_conn()
    begin = time.perf_counter()
    rows = operator.execute({})["rows"]
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak()}


def loop(path: str) -> Figures:
    """Ask for one thing after the other with `requests`, as a simple script does."""
    import requests

    url, key = account()
    with requests.Session() as session:
        session.headers["X-Api-Key"] = key
        return one_by_one(path, lambda place: session.get(f"{url}{place}", timeout=60).json())


def chain(path: str) -> Figures:
    """Ask for one thing after the other with an `HttpOperator` each."""
    from airflow.providers.http.operators.http import HttpOperator

    url, key = account()
    there = {"conn_type": "http", "host": url.rstrip("/")}
    os.environ["AIRFLOW_CONN_CLICKMEETING_BY_HTTP"] = json.dumps(there)
    asked = {"http_conn_id": "clickmeeting_by_http", "method": "GET", "headers": {"X-Api-Key": key}}

    def get(place: str) -> Any:
        return json.loads(HttpOperator(task_id="get", endpoint=place, **asked).execute({}))

    return one_by_one(path, get)


def one_by_one(path: str, get: Callable[[str], Any]) -> Figures:
    """Walk rooms and sessions, and write the same rows as the export."""
    rows = 0
    begin = time.perf_counter()
    with Path(path).open("w", newline="") as file:
        out = csv.writer(file)
        for status in ("active", "inactive"):
            for room in get(f"conferences/{status}?page=1"):
                sessions = f"conferences/{room['id']}/sessions"
                for each in get(sessions):
                    for attendee in get(f"{sessions}/{each['id']}/attendees"):
                        out.writerow(attendee.values())
                        rows += 1
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak()}


def whole(room_id: int, session_id: int) -> Figures:
    """Have the answer about a big session parsed whole."""
    import requests

    url, key = account()
    place = f"{url}conferences/{room_id}/sessions/{session_id}/attendees"
    begin = time.perf_counter()
    rows = len(requests.get(place, headers={"X-Api-Key": key}, timeout=600).json())
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak()}


def entries(count: int) -> Iterator[dict[str, Any]]:
    """Make entries up: every second person comes twice."""
    for number in range(count):
        person, again = divmod(number, 3)
        join = BEGIN + timedelta(minutes=again * 20)
        yield {
            "room_id": 1,
            "session_id": 1,
            "uid": str(person),
            "role": "listener",
            "nickname": f"Visitor {person}",
            "email": f"visitor{person}@example.com",
            "device": "Mozilla/5.0 (benchmark)",
            "rating": "5",
            "rating_comment": None,
            "start_date": join.isoformat(),
            "end_date": (join + timedelta(minutes=number % 20)).isoformat(),
            "user_ip": "192.0.2.1",
            "city": None,
            "country_iso3": "POL",
            "polls": [],
        }


def write(file_format: str, count: int) -> Figures:
    """Make rows of items, and write them."""
    from airflow_clickmeeting.datasets.definitions import ATTENDEES
    from airflow_clickmeeting.output.writers import rows_to

    items = list(entries(count))
    with tempfile.TemporaryFile() as file:
        begin = time.perf_counter()
        with rows_to(file, ATTENDEES.columns, file_format) as out:
            out.write(ATTENDEES.rows(items))
        return {"seconds": time.perf_counter() - begin, "rows": count}


def attendance(count: int) -> Figures:
    """Compute who was there, and for how long."""
    from airflow_clickmeeting.attendance.compute import attendance_of

    session: Any = {
        "id": 1,
        "start_date": BEGIN.isoformat(),
        "end_date": (BEGIN + timedelta(hours=1)).isoformat(),
    }
    visits: Any = list(entries(count))
    begin = time.perf_counter()
    people = attendance_of(session, visits).rows
    return {"seconds": time.perf_counter() - begin, "rows": len(people)}


def the_account(control: SandboxControl, folder: str, latency: float, runs: int) -> None:
    """Export a whole account, and print how long it took."""
    control.bulk(ROOMS, SESSIONS, VISITORS)
    run("loop", f"{folder}/warm.csv")  # the sandbox counts its crowds when it is asked first
    control.switch(latency=latency)
    print(f"{ROOMS} rooms, {ROOMS * SESSIONS} sessions, latency {latency * 1000:.0f} ms")
    print(f"{'':36} {'rows':>7} {'requests':>8} {'seconds':>8} {'over latency':>13} {'over the loop':>14}")
    control.forget_requests()
    simple = run("loop", f"{folder}/loop.csv")
    requests = control.count()

    def show(what: str, found: Figures, parallel: int) -> None:
        seconds = found["seconds"]
        ideal, shared = requests * latency / parallel, simple["seconds"] / parallel
        figures = f"{found['rows']:7} {requests:8} {seconds:8.1f} {seconds / ideal:13.2f} {seconds / shared:14.2f}"
        print(f"{what:36} {figures}")

    show("a loop with requests", simple, 1)
    if find_spec("airflow.providers.http"):
        show("a chain of HttpOperators", run("chain", f"{folder}/chain.csv"), 1)
    else:
        print(f"To compare with a chain of HttpOperators: {INSTALL}")
    for parallel in PARALLEL:
        for number in range(runs):
            control.forget_requests()
            found = run("export", f"file://{folder}/export.csv", max_parallel=parallel)
            assert control.count() == requests, f"{control.count()} requests"
            show(f"export, max_parallel={parallel}, run {number + 1}", found, parallel)
    print("over latency: of requests x latency / max_parallel; over the loop: of its seconds / max_parallel")


def the_crowd(control: SandboxControl, folder: str) -> None:
    """Export a session with a million entries, and print how much memory it took."""
    control.reset()
    room_id = control.add_room(name="Crowd", starts_at=BEGIN)["id"]
    session_id = control.play(room_id, start=BEGIN, count=CROWD)
    scope = {"room_id": room_id, "session_id": session_id}
    print(f"\n{'one session':44} {'rows':>8} {'seconds':>8} {'peak':>9}")
    for name in ("csv", "jsonl", "parquet", "csv.gz"):
        memory(f"attendees to {name}", run("export", f"file://{folder}/crowd.{name}", **scope))
    memory("requests.get(...).json(), nothing written", run("whole", room_id, session_id))


def memory(what: str, found: Figures) -> None:
    """Print one line."""
    print(f"{what:44} {found['rows']:8} {found['seconds']:8.1f} {found['peak']:5.0f} MiB")


def the_rows(count: int, runs: int) -> None:
    """Write rows, and compute with them, without a network; print the fastest of some runs."""
    print(f"\n{'without a network':44} {'rows':>8} {'seconds':>8} {'rows per second':>16}")
    for name in ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"):
        found = min((run("write", name, count) for _ in range(runs)), key=lambda each: each["seconds"])
        print(f"{f'items to {name}':44} {count:8} {found['seconds']:8.2f} {count / found['seconds']:16.0f}")
    found = min((run("attendance", count) for _ in range(runs)), key=lambda each: each["seconds"])
    print(f"{'attendance of so many visits':44} {count:8} {found['seconds']:8.2f} {count / found['seconds']:16.0f}")


def main() -> None:
    """Measure all of it, or what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that each answer takes (0.05)")
    parser.add_argument("--runs", type=int, default=3, help="times that each is done (3)")
    parser.add_argument("--only", choices=("account", "crowd", "rows"), help="one of the three tables")
    options = parser.parse_args()
    wanted = [options.only] if options.only else ["account", "crowd", "rows"]
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        if "account" in wanted:
            the_account(control, folder, options.latency, options.runs)
        if "crowd" in wanted:
            the_crowd(control, folder)
    if "rows" in wanted:
        the_rows(100_000, options.runs)


if __name__ == "__main__":
    start(main, export, loop, chain, whole, write, attendance)
