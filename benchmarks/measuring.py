"""What benchmarks share: a sandbox in a process of its own, fresh interpreters, and how much memory a process has."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from airflow_clickmeeting.sandbox.handle import SandboxControl

MIB = 1 << 20

Figures = dict[str, float]


def peak() -> float:
    """Return the most memory that this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def now() -> float:
    """Return the memory that this process has at present, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak()
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def sandbox(folder: str) -> Iterator[SandboxControl]:
    """Serve an empty account from a process of its own, and connect to it."""
    command = [sys.executable, "-m", "airflow_clickmeeting.sandbox", "--seed", "empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            control = SandboxControl(server.stdout.readline().split()[3])
            os.environ |= {
                "AIRFLOW_CONN_CLICKMEETING_DEFAULT": control.connection_json,
                "AIRFLOW_HOME": folder,
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
            yield control
        finally:
            server.terminate()


def account() -> tuple[str, str]:
    """Return the sandbox's URL and key."""
    there = json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])
    return there["host"], there["password"]


def run(work: str, *arguments: object, **named: object) -> Figures:
    """Have a script that calls `start` do one of its works in a fresh interpreter, and return what it took."""
    command = [sys.executable, sys.argv[0], "--measure", json.dumps([work, arguments, named])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def start(main: Callable[[], None], *works: Callable[..., Figures]) -> None:
    """Do the work that `run` has named, or else all of a script."""
    if sys.argv[1:2] != ["--measure"]:
        main()
        return
    by_name: Mapping[str, Callable[..., Figures]] = {work.__name__: work for work in works}
    name, arguments, named = json.loads(sys.argv[2])
    print(json.dumps(by_name[name](*arguments, **named)))
