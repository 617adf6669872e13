"""Measure how fast the recordings of a room are archived, and how much memory that takes.

The sandbox runs in a process of its own, and each method runs in a new interpreter. The methods are the operator, with
and without deletion; `requests.get(link).content`; and a loop that streams, with and without SHA-256. Only the operator
verifies what it wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from measuring import MIB, Figures, current_memory, peak_memory, run, sandbox, start

METHODS = {
    "archive": "the operator",
    "delete": "the operator with delete_after",
    "content": "requests.get(link).content to files",
    "stream": "a loop over iter_content to files",
    "hash": "such a loop, with SHA-256",
}


def measure(method: str, room_id: int, target: str) -> Figures:
    """Archive all recordings once in this interpreter, and return the figures."""
    import requests
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator

    folder = Path(target)
    links = {each["id"]: each["recording_url"] for each in ClickMeetingHook().list_recordings(room_id)}
    with ObjectStoragePath(f"file://{folder}/warm").open("wb") as file:
        file.write(b"in a task, the modules that this imports are loaded already")

    def by_operator() -> None:
        ClickMeetingArchiveRecordingsOperator(
            task_id="archive", room_id=room_id, folder=str(folder), delete_after=method == "delete"
        ).execute({})

    def by_content() -> None:
        for recording_id, link in links.items():
            Path(folder, f"{recording_id}.mp4").write_bytes(requests.get(link, timeout=600).content)

    def by_stream() -> None:
        for recording_id, link in links.items():
            digest = hashlib.sha256()
            with (
                requests.get(link, timeout=600, stream=True) as response,
                Path(folder, f"{recording_id}.mp4").open("wb") as file,
            ):
                for chunk in response.iter_content(MIB):
                    file.write(chunk)
                    if method == "hash":
                        digest.update(chunk)

    functions = {
        "archive": by_operator,
        "delete": by_operator,
        "content": by_content,
        "stream": by_stream,
        "hash": by_stream,
    }
    idle, begin = current_memory(), time.perf_counter()
    functions[method]()
    seconds = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in folder.glob("*.mp4"))
    return {"speed": size / MIB / seconds, "memory": peak_memory() - idle, "size": size}


def run_in(folder: Path, method: str, room_id: int) -> Figures:
    """Measure a method in a new interpreter, with an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return run("measure", method, room_id, str(folder))


def main() -> None:
    """Measure each method some times, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=200, help="size of each recording in MiB (200)")
    parser.add_argument("--count", type=int, default=10, help="number of recordings (10)")
    parser.add_argument("--runs", type=int, default=3, help="number of runs of each method (3)")
    parser.add_argument("--folder", help="parent of the folder for the files (the folder for temporary files)")
    options = parser.parse_args()
    measured: dict[str, list[Figures]] = {method: [] for method in METHODS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, sandbox(folder) as control:
        for method in list(METHODS) * options.runs:
            control.reset()
            room_id = control.add_room(name="Talk", permanent_room=True)["id"]
            for _ in range(options.count):
                control.add_recording(room_id, size=options.mib * MIB)
            figures = run_in(Path(folder, "recordings"), method, room_id)
            measured[method].append(figures)
            if figures["size"] != options.count * options.mib * MIB:
                raise SystemExit(f"The method {method} wrote files of a wrong size: {figures}")
    print(f"{f'{options.count} recordings of {options.mib} MiB':37} {'speed':>11} {'memory above idle':>20}")
    for method, runs in measured.items():
        speed = statistics.median(each["speed"] for each in runs)
        memory = statistics.median(each["memory"] for each in runs)
        print(f"{METHODS[method]:37} {speed:5.0f} MiB/s {memory:16.0f} MiB")


if __name__ == "__main__":
    start(main, measure)
