"""Measure how fast the hook downloads and uploads a large file, and how much memory that takes.

The sandbox runs in a process of its own, and each method runs in a new interpreter. The benchmark compares a download
through the hook with `requests.get(link).content`, written to a file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import MIB, Figures, current_memory, peak_memory, run, sandbox, start


def measure(method: str, room_id: int, target: str, size: int) -> Figures:
    """Transfer the file once in this interpreter, and return the figures."""
    import requests
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting import storage
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    path = Path(target)
    hook = ClickMeetingHook()
    (recording,) = hook.list_recordings(room_id)
    link = recording["recording_url"]
    ObjectStoragePath(f"file://{path}").exists()

    def by_hook() -> None:
        hook.download_link(link, str(path))

    def by_requests() -> None:
        path.write_bytes(requests.get(link, timeout=600).content)

    def upload() -> None:
        with path.open("wb") as file:
            file.truncate(size)
        hook.upload_file(storage.upload(str(path)))

    functions: dict[str, Callable[[], None]] = {"down": by_hook, "plain": by_requests, "up": upload}
    idle, begin = current_memory(), time.perf_counter()
    functions[method]()
    seconds = time.perf_counter() - begin
    if path.stat().st_size != size:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes instead of {size}")
    path.unlink()
    return {"seconds": seconds, "memory": peak_memory() - idle}


METHODS = {
    "down": "download through the hook",
    "plain": "requests.get(link).content to a file",
    "up": "upload through the hook",
}


def main() -> None:
    """Measure two downloads and an upload of the same size some times, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file in MiB (1024)")
    parser.add_argument("--runs", type=int, default=3, help="number of runs of each method (3)")
    parser.add_argument("--folder", help="parent of the folder for the files (the folder for temporary files)")
    options = parser.parse_args()
    size = options.mib * MIB
    measured: dict[str, list[Figures]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, sandbox(folder) as control:
        for method in list(METHODS) * options.runs:
            control.reset()
            room_id = control.add_room(name="Talk", starts_at="2026-01-05T12:00:00Z")["id"]
            control.add_recording(room_id, size=size)
            measured[method].append(run("measure", method, room_id, f"{folder}/file.mp4", size))
    print(f"{options.mib} MiB {'':28} {'speed':>11} {'memory above idle':>20}")
    for method, runs in measured.items():
        speed = options.mib / statistics.median(each["seconds"] for each in runs)
        memory = statistics.median(each["memory"] for each in runs)
        print(f"{METHODS[method]:37} {speed:5.0f} MiB/s {memory:16.0f} MiB")


if __name__ == "__main__":
    start(main, measure)
