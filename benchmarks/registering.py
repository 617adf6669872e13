"""How long a list of people takes to be registered, over what the network alone would take, and how much memory.

The sandbox answers from a process of its own, each answer after a latency, and each figure comes from a fresh
interpreter. Beside the operator: a loop with `requests` that registers one after the other, of fewer people, for it
would take many minutes.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measuring import Figures, account, now, peak, run, sandbox, start

from airflow_clickmeeting.sandbox.handle import SandboxControl

PARALLEL = (4, 8, 16)
HEADER = ("First Name", "Last Name", "E-mail", "Company")


def operator(room_id: int, path: str, warm_room_id: int, warm_path: str, **options: Any) -> Figures:
    """Register the people of a file, after those of a small one, so that what this imports is there."""
    from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator

    def register(room_id: int, path: str, **options: Any) -> int:
        return ClickMeetingBulkRegisterParticipantsOperator(
            task_id="register", room_id=room_id, people=path, confirmation_email=True, **options
        ).execute({})["rows"]

    register(warm_room_id, warm_path)
    before, begin = now(), time.perf_counter()
    rows = register(room_id, path, **options)
    return {"seconds": time.perf_counter() - begin, "rows": rows, "memory": peak() - before}


def loop(room_id: int, path: str) -> Figures:
    """Register one after the other, as a simple script does."""
    import requests

    url, key = account()
    rows = 0
    before, begin = now(), time.perf_counter()
    with requests.Session() as session, Path(path).open(newline="") as file:
        session.headers["X-Api-Key"] = key
        for row in csv.reader(file):
            if rows:
                fields = {f"registration[{number}]": cell for number, cell in zip((1, 2, 3, 10), row, strict=True)}
                form = fields | {"confirmation_email[enabled]": "1"}
                session.post(f"{url}conferences/{room_id}/registration", data=form, timeout=60).raise_for_status()
            rows += 1
    return {"seconds": time.perf_counter() - begin, "rows": rows - 1, "memory": peak() - before}


def people(folder: str, count: int) -> str:
    """Write a list, and return its path."""
    path = Path(folder, f"{count}.csv")
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        out.writerows(("Visitor", str(number), f"visitor{number}@example.com", "Example") for number in range(count))
    return str(path)


def table(control: SandboxControl, folder: str, options: argparse.Namespace) -> None:
    """Register lists, each for a room of its own, and print how long it took."""
    few, many = people(folder, options.few), people(folder, options.many)
    print(f"latency {options.latency * 1000:.0f} ms")
    titles = f"{'people':>7} {'requests':>8} {'seconds':>8} {'over latency':>13} {'over the loop':>14} {'memory':>10}"
    print(f"{'':36} {titles}")
    each = 0.0  # seconds of the loop for a request

    def room() -> int:
        room_id = int(control.add_room(name="Talk", registration={"enabled": 1})["id"])
        control.add_field(room_id, "Company")
        return room_id

    def show(what: str, work: str, room_id: int, path: str, parallel: int, **more: object) -> None:
        nonlocal each
        if work == "operator":
            more |= {"max_parallel": parallel, "warm_room_id": room(), "warm_path": people(folder, 1)}
        control.forget_requests()
        found = run(work, room_id, path, **more)
        requests = control.count() - (3 if work == "operator" else 0)  # what the small file took
        each = each or found["seconds"] / requests
        over = [f"{found['seconds'] * parallel / requests / seconds:.2f}" for seconds in (options.latency, each)]
        if requests < found["rows"]:  # nothing went side by side
            over = ["", ""]
        figures = f"{found['rows']:7} {requests:8} {found['seconds']:8.1f} {over[0]:>13} {over[1]:>14}"
        print(f"{what:36} {figures} {found['memory']:6.1f} MiB", flush=True)

    control.switch(latency=options.latency)
    show("a loop with requests", "loop", room(), few, 1)
    show("operator, max_parallel=8", "operator", room(), few, 8)
    for parallel in PARALLEL:
        room_id, ledger = room(), f"{folder}/{parallel}.jsonl"
        show(f"operator, max_parallel={parallel}", "operator", room_id, many, parallel, ledger=ledger)
    show("the same again, by its ledger", "operator", room_id, many, parallel, ledger=ledger)
    show("the same again, without it", "operator", room_id, many, parallel)
    mails = Counter((mail["room_id"], mail["recipient"]) for mail in control.outbox)
    print("over latency: of requests x latency / max_parallel; over the loop: of requests x its seconds for each")
    print(f"the most mails that one person got for a room: {max(mails.values())}")


def main() -> None:
    """Measure all of it, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that each answer takes (0.05)")
    parser.add_argument("--many", type=int, default=10_000, help="people in the long list (10000)")
    parser.add_argument("--few", type=int, default=1000, help="people in the short list (1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        table(control, folder, options)


if __name__ == "__main__":
    start(main, operator, loop)
