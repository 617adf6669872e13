"""Help benchmarks: run a sandbox in a process of its own, run functions in new interpreters, and measure memory."""

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
TOKEN = "benchmark"  # the control token of the sandbox

Figures = dict[str, float]


def peak_memory() -> float:
    """Return the peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def current_memory() -> float:
    """Return the current memory of this process in MiB, or its peak on systems without /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak_memory()
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def sandbox(folder: str) -> Iterator[SandboxControl]:
    """Run a sandbox with an empty account in a process of its own, and connect Airflow to it."""
    command = [sys.executable, "-m", "airflow_clickmeeting.sandbox", "--seed", "empty", "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            control = SandboxControl(server.stdout.readline().split()[3], token=TOKEN)
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
    """Return the URL and the API key of the sandbox."""
    connection = json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])
    return connection["host"], connection["password"]


def run(function: str, *arguments: object, **named: object) -> Figures:
    """Run a function that the script passed to `start` in a new interpreter, and return its figures."""
    command = [sys.executable, sys.argv[0], "--measure", json.dumps([function, arguments, named])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def start(main: Callable[[], None], *functions: Callable[..., Figures]) -> None:
    """Run the function that `run` has named, or otherwise `main`."""
    if sys.argv[1:2] != ["--measure"]:
        main()
        return
    by_name: Mapping[str, Callable[..., Figures]] = {each.__name__: each for each in functions}
    name, arguments, named = json.loads(sys.argv[2])
    print(json.dumps(by_name[name](*arguments, **named)))
