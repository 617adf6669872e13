"""How fast a room's recordings come into an archive, and how much memory that takes.

The sandbox serves them from a process of its own, and each way of getting them has a fresh interpreter. Beside the
operator, with and without deletion: `requests.get(link).content`, and a plain loop that streams, with and without
SHA-256. None of these proves what it wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from measuring import MIB, Figures, now, peak, run, sandbox, start

WAYS = {
    "archive": "the operator",
    "delete": "the operator with delete_after",
    "content": "requests.get(link).content to files",
    "stream": "a loop over iter_content to files",
    "hash": "such a loop, with SHA-256",
}


def measure(way: str, room_id: int, target: str) -> Figures:
    """Do it once in this interpreter, and return what it took."""
    import requests
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator

    folder = Path(target)
    links = {each["id"]: each["recording_url"] for each in ClickMeetingHook().list_recordings(room_id)}
    with ObjectStoragePath(f"file://{folder}/warm").open("wb") as file:
        file.write(b"what this imports is there in a task")

    def by_operator() -> None:
        ClickMeetingArchiveRecordingsOperator(
            task_id="archive", room_id=room_id, folder=str(folder), delete_after=way == "delete"
        ).execute({})

    def whole() -> None:
        for recording_id, link in links.items():
            Path(folder, f"{recording_id}.mp4").write_bytes(requests.get(link, timeout=600).content)

    def streamed() -> None:
        for recording_id, link in links.items():
            digest = hashlib.sha256()
            with (
                requests.get(link, timeout=600, stream=True) as response,
                Path(folder, f"{recording_id}.mp4").open("wb") as file,
            ):
                for piece in response.iter_content(MIB):
                    file.write(piece)
                    if way == "hash":
                        digest.update(piece)

    ways = {"archive": by_operator, "delete": by_operator, "content": whole, "stream": streamed, "hash": streamed}
    idle, begin = now(), time.perf_counter()
    ways[way]()
    seconds = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in folder.glob("*.mp4"))
    return {"speed": size / MIB / seconds, "memory": peak() - idle, "size": size}


def run_in(folder: Path, way: str, room_id: int) -> Figures:
    """Measure in a fresh interpreter, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return run("measure", way, room_id, str(folder))


def main() -> None:
    """Serve recordings, fetch them in each way, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=200, help="a recording's size (200)")
    parser.add_argument("--count", type=int, default=10, help="how many there are (10)")
    parser.add_argument("--runs", type=int, default=3, help="times each way is gone (3)")
    parser.add_argument("--folder", help="where the files go (a temporary folder)")
    options = parser.parse_args()
    found: dict[str, list[Figures]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, sandbox(folder) as control:
        for way in list(WAYS) * options.runs:
            control.reset()
            room_id = control.add_room(name="Talk", permanent_room=True)["id"]
            for _ in range(options.count):
                control.add_recording(room_id, size=options.mib * MIB)
            found[way].append(run_in(Path(folder, "recordings"), way, room_id))
            if found[way][-1]["size"] != options.count * options.mib * MIB:
                raise SystemExit(f"{way}: {found[way][-1]}")
    print(f"{f'{options.count} recordings of {options.mib} MiB':37} {'speed':>11} {'memory above idle':>20}")
    for way, runs in found.items():
        speed = statistics.median(each["speed"] for each in runs)
        memory = statistics.median(each["memory"] for each in runs)
        print(f"{WAYS[way]:37} {speed:5.0f} MiB/s {memory:16.0f} MiB")


if __name__ == "__main__":
    start(main, measure)
