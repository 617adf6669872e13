"""Measure what exports and archives cost on S3: requests by right, seconds, and memory.

The sandbox and S3 (moto, one request at a time) run in processes of their own on this machine, and each measurement
runs in a new interpreter. The network has no latency, so the seconds are the processors'; compare the requests.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import MIB, Figures, current_memory, peak_memory, run, sandbox, start

SCRIPTS = Path(__file__).parents[1] / "scripts"
BUCKET = "webinars"
VISITORS = 91  # every tenth rejoins: 100 rows


def export(path: str, max_parallel: int) -> Figures:
    """Export the attendees of all rooms, a file for each."""
    from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator

    operator = ClickMeetingExportAttendeesOperator(task_id="attendees", path=path, max_parallel=max_parallel)
    operator.hook.get_conn()
    return measured(lambda: operator.execute({})["rows"])


def archive(path: str, room_id: int) -> Figures:
    """Archive the recordings of a room."""
    from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator

    operator = ClickMeetingArchiveRecordingsOperator(task_id="archive", room_id=room_id, folder=path)
    operator.hook.get_conn()
    return measured(lambda: operator.execute({})["bytes"])


def measured(work: Callable[[], float]) -> Figures:
    """Return the seconds, the count and the memory of some work on S3, after the storage's modules are loaded."""
    from airflow.sdk import ObjectStoragePath

    fs = ObjectStoragePath(f"s3://s3@{BUCKET}/warm").fs
    if not fs.exists(BUCKET):
        fs.call_s3("create_bucket", Bucket=BUCKET)
    idle, begin = current_memory(), time.perf_counter()
    count = work()
    return {"seconds": time.perf_counter() - begin, "count": count, "memory": peak_memory() - idle}


@contextmanager
def s3(log: Path) -> Iterator[None]:
    """Run S3 in a process of its own, connect Airflow to it, and write its requests to a log at the end."""
    command = [sys.executable, str(SCRIPTS / "local_s3.py"), str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        extra = {"endpoint_url": server.stdout.readline().strip(), "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "benchmark", "password": "benchmark", "extra": extra}
        os.environ["AIRFLOW_CONN_S3"] = json.dumps(connection)
        yield
        server.stdin.close()


def measure(function: str, log: Path, *arguments: object) -> tuple[Figures, Counter[str]]:
    """Measure a function with an empty S3, and return its figures and its requests by right."""
    with s3(log):
        figures = run(function, *arguments)
    lines = [line.split(" ") for line in log.read_text().splitlines()]
    paths = (f"/{BUCKET}", f"/{BUCKET}/")
    created = next(index for index, (method, path, *_) in enumerate(lines) if method == "PUT" and path in paths)
    return figures, Counter(line[3] for line in lines[created + 1 :])


def main() -> None:
    """Measure exports and an archive, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=300, help="number of rooms, with a file each (300)")
    parser.add_argument("--mib", type=int, default=200, help="size of the recording in MiB (200)")
    parser.add_argument("--parallel", type=int, nargs="*", default=[1, 8], help="max_parallel of the exports (1 8)")
    parser.add_argument("--runs", type=int, default=3, help="number of runs of each measurement (3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        log = Path(folder, "requests")
        control.bulk(options.rooms, 1, VISITORS)
        path = f"s3://s3@{BUCKET}/attendees/{{room_id}}.csv"
        print(f"{'':34} {'requests':>8} {'seconds':>8} {'memory above idle':>18}")
        for parallel in options.parallel:
            print_row(
                f"{options.rooms} rooms, max_parallel={parallel}",
                [measure("export", log, path, parallel) for _ in range(options.runs)],
            )
        room_id = control.add_room(name="Talk", permanent_room=True)["id"]
        control.add_recording(room_id, size=options.mib * MIB)
        print_row(
            f"a recording of {options.mib} MiB",
            [measure("archive", log, f"s3://s3@{BUCKET}/archive", room_id) for _ in range(options.runs)],
        )


def print_row(name: str, runs: list[tuple[Figures, Counter[str]]]) -> None:
    """Print the medians of some runs, and the requests of the last one by right."""
    seconds, memory = (statistics.median(figures[key] for figures, _ in runs) for key in ("seconds", "memory"))
    rights = runs[-1][1]
    by_right = ", ".join(f"{count} {right}" for right, count in rights.most_common())
    print(f"{name:34} {rights.total():8} {seconds:8.1f} {memory:14.0f} MiB  {by_right}")


if __name__ == "__main__":
    start(main, export, archive)
