"""How much memory a big file takes on its way down and up, and how fast it goes.

The sandbox serves it from a process of its own, and each way of getting it has a fresh interpreter. Beside a download
through the hook: `requests.get(link).content`, written to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MIB = 1 << 20


def peak() -> float:
    """Return the most memory that this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def now() -> float:
    """Return the memory that this process has at present, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak()
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")) / 1024


def measure(work: str, room_id: int, path: Path, size: int) -> None:
    """Do it once in this interpreter, and print what it took."""
    import requests
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting import storage
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

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
    print(json.dumps({"seconds": seconds, "memory": peak() - idle}))


def run(work: str, *arguments: object) -> dict[str, float]:
    """Measure in a fresh interpreter."""
    command = [sys.executable, __file__, "--measure", work, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


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
    parser.add_argument("--measure", nargs=4, metavar=("WORK", "ROOM", "PATH", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        work, room_id, path, size = options.measure
        measure(work, int(room_id), Path(path), int(size))
        return

    from airflow_clickmeeting.sandbox.handle import SandboxControl

    size = options.mib * MIB
    command = [sys.executable, "-m", "airflow_clickmeeting.sandbox", "--seed", "empty"]
    found: dict[str, list[dict[str, float]]] = {work: [] for work in WAYS}
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server,
    ):
        try:
            assert server.stdout
            sandbox = SandboxControl(server.stdout.readline().split()[3])
            os.environ |= {
                "AIRFLOW_CONN_CLICKMEETING_DEFAULT": sandbox.connection_json,
                "AIRFLOW_HOME": folder,
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
            for work in list(WAYS) * options.runs:
                sandbox.reset()
                room_id = sandbox.add_room(name="Talk", starts_at="2026-01-05T12:00:00Z")["id"]
                sandbox.add_recording(room_id, size=size)
                found[work].append(run(work, room_id, f"{folder}/file.mp4", size))
        finally:
            server.terminate()
    print(f"{options.mib} MiB {'':28} {'speed':>11} {'memory above idle':>20}")
    for work, runs in found.items():
        speed = options.mib / statistics.median(each["seconds"] for each in runs)
        memory = statistics.median(each["memory"] for each in runs)
        print(f"{WAYS[work]:37} {speed:5.0f} MiB/s {memory:16.0f} MiB")


if __name__ == "__main__":
    main()
