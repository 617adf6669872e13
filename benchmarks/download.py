"""How much memory a big file takes on its way down and up, and how fast it goes.

The sandbox serves it from a process of its own, and each way of getting it has a fresh interpreter. Beside a download
through the hook: `requests.get(link).content`, written to a file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import MIB, Figures, now, peak, run, sandbox, start


def measure(work: str, room_id: int, target: str, size: int) -> Figures:
    """Do it once in this interpreter, and return what it took."""
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

    ways: dict[str, Callable[[], None]] = {"down": by_hook, "plain": by_requests, "up": upload}
    idle, begin = now(), time.perf_counter()
    ways[work]()
    seconds = time.perf_counter() - begin
    if path.stat().st_size != size:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes")
    path.unlink()
    return {"seconds": seconds, "memory": peak() - idle}


WAYS = {
    "down": "download through the hook",
    "plain": "requests.get(link).content to a file",
    "up": "upload through the hook",
}


def main() -> None:
    """Serve a recording, fetch it in both ways, send a file as big, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="the file's size (1024)")
    parser.add_argument("--runs", type=int, default=3, help="times each way is gone (3)")
    parser.add_argument("--folder", help="where the files go (a temporary folder)")
    options = parser.parse_args()
    size = options.mib * MIB
    found: dict[str, list[Figures]] = {work: [] for work in WAYS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, sandbox(folder) as control:
        for work in list(WAYS) * options.runs:
            control.reset()
            room_id = control.add_room(name="Talk", starts_at="2026-01-05T12:00:00Z")["id"]
            control.add_recording(room_id, size=size)
            found[work].append(run("measure", work, room_id, f"{folder}/file.mp4", size))
    print(f"{options.mib} MiB {'':28} {'speed':>11} {'memory above idle':>20}")
    for work, runs in found.items():
        speed = options.mib / statistics.median(each["seconds"] for each in runs)
        memory = statistics.median(each["memory"] for each in runs)
        print(f"{WAYS[work]:37} {speed:5.0f} MiB/s {memory:16.0f} MiB")


if __name__ == "__main__":
    start(main, measure)
