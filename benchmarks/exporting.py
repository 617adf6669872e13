"""Measure exports: their time relative to the latency alone, the memory for a large session, and rows per second.

The sandbox runs in a process of its own and delays each response by a latency, and each export runs in a new
interpreter. The benchmark compares the exports with a loop with `requests`, and with a chain of the HTTP provider's
operators, which run one after the other without a scheduler's pauses. Both send the same requests and write the same
rows. The processor time is compared with a script of `aiohttp` and `orjson` that checks and converts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import Figures, account, peak_memory, run, sandbox, start

from airflow_clickmeeting.sandbox.handle import SandboxControl

ROOMS, SESSIONS = 200, 5
VISITORS = 91  # every tenth rejoins: 100 rows
CROWD = 909_091  # every tenth rejoins: a million rows
PARALLEL = (1, 4, 8, 16)
INSTALL = f"{sys.executable} -m pip install apache-airflow-providers-http"
INSTALL_BARE = f"{sys.executable} -m pip install aiohttp orjson"
TABLES = ("account", "cost", "crowd", "rows")
BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def export(path: str, **scope: Any) -> Figures:
    """Export attendees with the operator."""
    from airflow.sdk.lineage import get_hook_lineage_collector

    from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator

    operator = ClickMeetingExportAttendeesOperator(task_id="attendees", path=path, **scope)
    operator.hook.get_conn()
    get_hook_lineage_collector()  # with OpenLineage, the first one imports the assets of all providers
    begin, cpu = time.perf_counter(), time.process_time()
    rows = operator.execute({})["rows"]
    cpu = time.process_time() - cpu
    return {"seconds": time.perf_counter() - begin, "cpu": cpu, "rows": rows, "peak": peak_memory()}


def loop(path: str) -> Figures:
    """Send one request after the other with `requests`, as a simple script does."""
    import requests

    url, key = account()
    with requests.Session() as session:
        session.headers["X-Api-Key"] = key
        return export_with(path, lambda endpoint: session.get(f"{url}{endpoint}", timeout=60).json())


def chain(path: str) -> Figures:
    """Send one request after the other, each with an `HttpOperator`."""
    from airflow.providers.http.operators.http import HttpOperator

    url, key = account()
    connection = {"conn_type": "http", "host": url.rstrip("/")}
    os.environ["AIRFLOW_CONN_CLICKMEETING_BY_HTTP"] = json.dumps(connection)
    options = {"http_conn_id": "clickmeeting_by_http", "method": "GET", "headers": {"X-Api-Key": key}}

    def get(endpoint: str) -> Any:
        return json.loads(HttpOperator(task_id="get", endpoint=endpoint, **options).execute({}))

    return export_with(path, get)


def export_with(path: str, get: Callable[[str], Any]) -> Figures:
    """Read all rooms, sessions and attendees with a function, and write the same rows as the export."""
    rows = 0
    begin, cpu = time.perf_counter(), time.process_time()
    with Path(path).open("w", newline="") as file:
        out = csv.writer(file)
        for status in ("active", "inactive"):
            for room in get(f"conferences/{status}?page=1"):
                sessions = f"conferences/{room['id']}/sessions"
                for each in get(sessions):
                    for attendee in get(f"{sessions}/{each['id']}/attendees"):
                        out.writerow(attendee.values())
                        rows += 1
    cpu = time.process_time() - cpu
    return {"seconds": time.perf_counter() - begin, "cpu": cpu, "rows": rows, "peak": peak_memory()}


def bare(path: str) -> Figures:
    """Send eight requests at a time with `aiohttp`, and write what `orjson` parses, without a check."""
    import aiohttp
    import orjson

    url, key = account()
    rows = 0

    async def read_all() -> None:
        turns = asyncio.Semaphore(8)

        async def get(endpoint: str) -> Any:
            async with turns, session.get(f"{url}{endpoint}") as response:
                return orjson.loads(await response.read())

        async def write_attendees(room_id: int, session_id: int) -> None:
            nonlocal rows
            found = await get(f"conferences/{room_id}/sessions/{session_id}/attendees")
            out.writerows([[room_id, session_id, *attendee.values()] for attendee in found])
            rows += len(found)

        async with aiohttp.ClientSession(headers={"X-Api-Key": key}) as session:
            rooms = [each for status in ("active", "inactive") for each in await get(f"conferences/{status}?page=1")]
            lists = await asyncio.gather(*(get(f"conferences/{room['id']}/sessions") for room in rooms))
            sessions = [(room["id"], each["id"]) for room, found in zip(rooms, lists, strict=True) for each in found]
            await asyncio.gather(*(write_attendees(*ids) for ids in sessions))

    cpu = time.process_time()
    with Path(path).open("w", newline="") as file:
        out = csv.writer(file)
        asyncio.run(read_all())
    return {"cpu": time.process_time() - cpu, "rows": rows}


def parse_whole(room_id: int, session_id: int) -> Figures:
    """Parse the response about a large session as a whole."""
    import requests

    url, key = account()
    attendees = f"{url}conferences/{room_id}/sessions/{session_id}/attendees"
    begin = time.perf_counter()
    rows = len(requests.get(attendees, headers={"X-Api-Key": key}, timeout=600).json())
    return {"seconds": time.perf_counter() - begin, "rows": rows, "peak": peak_memory()}


def entries(count: int) -> Iterator[dict[str, Any]]:
    """Yield invented entries, three for each person."""
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
    """Convert items to rows, and write them."""
    from airflow_clickmeeting.datasets.definitions import ATTENDEES
    from airflow_clickmeeting.output.writers import rows_to

    items = list(entries(count))
    with tempfile.TemporaryFile() as file:
        begin = time.process_time()  # processor time, so that other work on the machine does not count
        with rows_to(file, ATTENDEES.columns, file_format) as out:
            out.write_batches(ATTENDEES.batches(items))
        return {"seconds": time.process_time() - begin, "rows": count}


def attendance(count: int) -> Figures:
    """Compute who attended a session, and for how long."""
    from airflow_clickmeeting.attendance.compute import attendance_of

    session: Any = {
        "id": 1,
        "start_date": BEGIN.isoformat(),
        "end_date": (BEGIN + timedelta(hours=1)).isoformat(),
    }
    visits: Any = list(entries(count))
    begin = time.process_time()
    people = attendance_of(session, visits).rows
    return {"seconds": time.process_time() - begin, "rows": len(people)}


def print_account(control: SandboxControl, folder: str, latency: float, runs: int) -> None:
    """Export a whole account with each method, and print the times."""
    control.bulk(ROOMS, SESSIONS, VISITORS)
    run("loop", f"{folder}/warm.csv")  # the sandbox counts generated attendees at the first request only
    control.switch(latency=latency)
    print(f"{ROOMS} rooms, {ROOMS * SESSIONS} sessions, latency {latency * 1000:.0f} ms")
    print(f"{'':36} {'rows':>7} {'requests':>8} {'seconds':>8} {'over latency':>13} {'over the loop':>14}")
    control.forget_requests()
    loop_figures = run("loop", f"{folder}/loop.csv")
    requests = control.count()

    def print_row(method: str, figures: Figures, parallel: int) -> None:
        seconds = figures["seconds"]
        ideal, shared = requests * latency / parallel, loop_figures["seconds"] / parallel
        columns = f"{figures['rows']:7} {requests:8} {seconds:8.1f} {seconds / ideal:13.2f} {seconds / shared:14.2f}"
        print(f"{method:36} {columns}")

    print_row("a loop with requests", loop_figures, 1)
    if find_spec("airflow.providers.http"):
        print_row("a chain of HttpOperators", run("chain", f"{folder}/chain.csv"), 1)
    else:
        print(f"To compare with a chain of HttpOperators, run: {INSTALL}")
    for parallel in PARALLEL:
        for number in range(runs):
            control.forget_requests()
            figures = run("export", f"file://{folder}/export.csv", max_parallel=parallel)
            assert control.count() == requests, f"the export sent {control.count()} requests, the loop {requests}"
            print_row(f"export, max_parallel={parallel}, run {number + 1}", figures, parallel)
    print("over latency: seconds divided by (requests x latency / max_parallel)")
    print("over the loop: seconds divided by (seconds of the loop / max_parallel)")


def print_cost(control: SandboxControl, folder: str, runs: int) -> None:
    """Export a whole account and run the bare script in turns, and print the processor time."""
    control.switch(latency=0)
    control.reset()
    control.bulk(ROOMS, SESSIONS, VISITORS)
    if not (find_spec("aiohttp") and find_spec("orjson")):
        print(f"\nTo compare the processor time with a bare script, run: {INSTALL_BARE}")
        return
    run("loop", f"{folder}/warm.csv")
    methods = {
        "a script with aiohttp, orjson and csv": lambda: run("bare", f"{folder}/bare.csv"),
        "a loop with requests, json and csv": lambda: run("loop", f"{folder}/loop.csv"),
        "export": lambda: run("export", f"file://{folder}/export.csv"),
    }
    turns = [{method: measure() for method, measure in methods.items()} for _ in range(runs)]
    print(f"\n{'processor time, without imports':44} {'rows':>8} {'seconds':>8} {'over bare':>9}")
    bare_seconds = 0.0
    for method, figures in turns[0].items():
        seconds = statistics.median(turn[method]["cpu"] for turn in turns)
        bare_seconds = bare_seconds or seconds
        assert figures["rows"] == turns[0]["export"]["rows"]
        print(f"{method:44} {figures['rows']:8} {seconds:8.2f} {seconds / bare_seconds:9.2f}")


def print_crowd(control: SandboxControl, folder: str) -> None:
    """Export a session with a million entries to each format, and print the peak memory."""
    control.reset()
    room_id = control.add_room(name="Crowd", starts_at=BEGIN)["id"]
    session_id = control.play(room_id, start=BEGIN, count=CROWD)
    scope = {"room_id": room_id, "session_id": session_id}
    print(f"\n{'one session':44} {'rows':>8} {'seconds':>8} {'peak':>9}")
    for name in ("csv", "jsonl", "parquet", "csv.gz"):
        print_memory(f"attendees to {name}", run("export", f"file://{folder}/crowd.{name}", **scope))
    print_memory("requests.get(...).json(), nothing written", run("parse_whole", room_id, session_id))


def print_memory(method: str, figures: Figures) -> None:
    """Print one row of the table of memory."""
    print(f"{method:44} {figures['rows']:8} {figures['seconds']:8.1f} {figures['peak']:5.0f} MiB")


def print_rates(count: int, runs: int) -> None:
    """Write rows and compute attendance without a network, and print the fastest of some runs."""
    print(f"\n{'without a network':44} {'rows':>8} {'seconds':>8} {'rows per second':>16}")
    for name in ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"):
        figures = min((run("write", name, count) for _ in range(runs)), key=lambda each: each["seconds"])
        print(f"{f'items to {name}':44} {count:8} {figures['seconds']:8.2f} {count / figures['seconds']:16.0f}")
    figures = min((run("attendance", count) for _ in range(runs)), key=lambda each: each["seconds"])
    print(f"{'attendance of these entries':44} {count:8} {figures['seconds']:8.2f} {count / figures['seconds']:16.0f}")


def main() -> None:
    """Measure everything, or what `--only` names, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05, help="delay of each response in seconds (0.05)")
    parser.add_argument("--runs", type=int, default=3, help="number of runs of each measurement (3)")
    parser.add_argument("--only", choices=TABLES, help="print only this one of the tables")
    options = parser.parse_args()
    wanted = [options.only] if options.only else TABLES
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        if "account" in wanted:
            print_account(control, folder, options.latency, options.runs)
        if "cost" in wanted:
            print_cost(control, folder, options.runs)
        if "crowd" in wanted:
            print_crowd(control, folder)
    if "rows" in wanted:
        print_rates(100_000, options.runs)


if __name__ == "__main__":
    start(main, export, loop, chain, bare, parse_whole, write, attendance)
