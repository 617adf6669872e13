"""Measure how long a list of people takes to register, relative to the latency alone, and how much memory that takes.

The sandbox runs in a process of its own and delays each response by a latency, and each measurement runs in a new
interpreter. The benchmark compares the operator with a loop that registers one person after the other with `requests`.
The loop has a shorter list, because the long one would take many minutes.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measuring import Figures, account, current_memory, peak_memory, run, sandbox, start

from airflow_clickmeeting.sandbox.handle import SandboxControl

PARALLEL = (4, 8, 16)
HEADER = ("First Name", "Last Name", "E-mail", "Company")


def operator(room_id: int, path: str, warm_room_id: int, warm_path: str, **options: Any) -> Figures:
    """Register the people of a file; first those of a small one, so that all modules are loaded."""
    from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator

    def register(room_id: int, path: str, **options: Any) -> int:
        return ClickMeetingBulkRegisterParticipantsOperator(
            task_id="register", room_id=room_id, people=path, confirmation_email=True, **options
        ).execute({})["rows"]

    register(warm_room_id, warm_path)
    idle, begin = current_memory(), time.perf_counter()
    rows = register(room_id, path, **options)
    return {"seconds": time.perf_counter() - begin, "rows": rows, "memory": peak_memory() - idle}


def loop(room_id: int, path: str) -> Figures:
    """Register one person after the other, as a simple script does."""
    import requests

    url, key = account()
    rows = 0
    idle, begin = current_memory(), time.perf_counter()
    with requests.Session() as session, Path(path).open(newline="") as file:
        session.headers["X-Api-Key"] = key
        for row in csv.reader(file):
            if rows:
                fields = {f"registration[{number}]": cell for number, cell in zip((1, 2, 3, 10), row, strict=True)}
                form = fields | {"confirmation_email[enabled]": "1"}
                session.post(f"{url}conferences/{room_id}/registration", data=form, timeout=60).raise_for_status()
            rows += 1
    return {"seconds": time.perf_counter() - begin, "rows": rows - 1, "memory": peak_memory() - idle}


def write_list(folder: str, count: int) -> str:
    """Write a list of people, and return its path."""
    path = Path(folder, f"{count}.csv")
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        out.writerows(("Visitor", str(number), f"visitor{number}@example.com", "Example") for number in range(count))
    return str(path)


def print_table(control: SandboxControl, folder: str, options: argparse.Namespace) -> None:
    """Register lists, each for a room of its own, and print the times and the memory."""
    few, many = write_list(folder, options.few), write_list(folder, options.many)
    print(f"latency {options.latency * 1000:.0f} ms")
    titles = f"{'people':>7} {'requests':>8} {'seconds':>8} {'over latency':>13} {'over the loop':>14} {'memory':>10}"
    print(f"{'':36} {titles}")
    loop_seconds = 0.0  # for each request

    def create_room() -> int:
        room_id = int(control.add_room(name="Talk", registration={"enabled": 1})["id"])
        control.add_field(room_id, "Company")
        return room_id

    def print_row(title: str, function: str, room_id: int, path: str, parallel: int, **options_of_run: object) -> None:
        nonlocal loop_seconds
        if function == "operator":
            options_of_run |= {
                "max_parallel": parallel,
                "warm_room_id": create_room(),
                "warm_path": write_list(folder, 1),
            }
        control.forget_requests()
        figures = run(function, room_id, path, **options_of_run)
        requests = control.count() - (3 if function == "operator" else 0)  # the small file takes three requests
        loop_seconds = loop_seconds or figures["seconds"] / requests
        ratios = [
            f"{figures['seconds'] * parallel / requests / seconds:.2f}" for seconds in (options.latency, loop_seconds)
        ]
        if requests < figures["rows"]:  # a run that registers nobody sends no requests in parallel
            ratios = ["", ""]
        columns = f"{figures['rows']:7} {requests:8} {figures['seconds']:8.1f} {ratios[0]:>13} {ratios[1]:>14}"
        print(f"{title:36} {columns} {figures['memory']:6.1f} MiB", flush=True)

    control.switch(latency=options.latency)
    print_row("a loop with requests", "loop", create_room(), few, 1)
    print_row("operator, max_parallel=8", "operator", create_room(), few, 8)
    for parallel in PARALLEL:
        room_id, ledger = create_room(), f"{folder}/{parallel}.jsonl"
        print_row(f"operator, max_parallel={parallel}", "operator", room_id, many, parallel, ledger=ledger)
    print_row("the same again, with its ledger", "operator", room_id, many, parallel, ledger=ledger)
    print_row("the same again, without it", "operator", room_id, many, parallel)
    mails = Counter((mail["room_id"], mail["recipient"]) for mail in control.outbox)
    print("over latency: seconds divided by (requests x latency / max_parallel)")
    print("over the loop: seconds divided by (requests x seconds of the loop for each request / max_parallel)")
    print(f"highest number of mails to one person for one room: {max(mails.values())}")


def main() -> None:
    """Measure everything, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05, help="delay of each response in seconds (0.05)")
    parser.add_argument("--many", type=int, default=10_000, help="number of people in the long list (10000)")
    parser.add_argument("--few", type=int, default=1000, help="number of people in the short list (1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        print_table(control, folder, options)


if __name__ == "__main__":
    start(main, operator, loop)
