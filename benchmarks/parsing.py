"""Measure what importing every operator adds to the time to parse a DAG file, on top of `import airflow.sdk`.

Each measurement runs in a new interpreter. The benchmark compares it with importing the one operator of the HTTP
provider.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from airflow_clickmeeting.get_provider_info import get_provider_info

OTHER = "airflow.providers.http.operators.http"
HEAVY = ("requests", "httpx", "aiohttp", "pyarrow", "pandas", "starlette", "uvicorn")
INSTALL = f"{sys.executable} -m pip install apache-airflow-providers-http"


def import_ours() -> None:
    """Import every module that a DAG file may import: those with operators, sensors or transfers."""
    info: Any = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for each in info[kind] for name in each["python-modules"]]
    for name in [*modules, *(each["python-module"] for each in info["transfers"])]:
        importlib.import_module(name)


def import_other() -> None:
    """Import the HTTP provider's operator."""
    importlib.import_module(OTHER)


IMPORTS: dict[str, Callable[[], None]] = {"every operator of this provider": import_ours, f"{OTHER}": import_other}


def measure(name: str) -> None:
    """Import once in this interpreter, and print the time and the modules."""
    import airflow.sdk

    # the SDK loads these classes at their first use, and every DAG file uses them
    _ = airflow.sdk.DAG, airflow.sdk.BaseOperator
    before = set(sys.modules)
    begin = time.process_time()  # processor time, so that other work on the machine does not count
    IMPORTS[name]()
    milliseconds = (time.process_time() - begin) * 1000
    added = sorted(set(sys.modules) - before)
    heavy = [name for name in HEAVY if name in added]
    print(json.dumps({"ms": milliseconds, "modules": len(added), "heavy": heavy}))


def run(name: str) -> dict[str, Any]:
    """Measure in a new interpreter."""
    done = subprocess.run([sys.executable, __file__, "--measure", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def is_installed(module: str) -> bool:
    """Return whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def main() -> None:
    """Measure both imports alternately, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="number of interpreters for each row (15)")
    parser.add_argument("--measure", choices=list(IMPORTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    rows = [name for name in IMPORTS if name != OTHER or is_installed(OTHER)]
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, Python would compile the modules in every run
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        for name in rows * (options.runs + 1):
            measured[name].append(run(name))
    print(f"{'imports, on top of airflow.sdk':42} {'median':>9} {'fastest':>9} {'modules':>8}  loads")
    for name, runs in measured.items():
        times = [each["ms"] for each in runs[1:]]  # the first run compiles modules that are not compiled yet
        heavy = ", ".join(runs[-1]["heavy"]) or "none of the heavy ones"
        print(f"{name:42} {statistics.median(times):6.1f} ms {min(times):6.1f} ms {runs[-1]['modules']:8}  {heavy}")
    print(f"\nheavy: {', '.join(HEAVY)}, if the SDK has not loaded them already")
    if OTHER in measured:
        ours, other = (statistics.median(each["ms"] for each in runs[1:]) for runs in measured.values())
        print(f"ratio: {ours / other:.2f} of the HTTP provider's time")
    else:
        print(f"To compare with the HTTP provider's operator, run: {INSTALL}")


if __name__ == "__main__":
    main()
