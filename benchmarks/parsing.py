"""What a DAG file that uses every operator adds to parsing, on top of `import airflow.sdk`.

Each measurement is made in an interpreter of its own. Beside it: a file that uses the HTTP provider's one operator.
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
    """Import every module that a DAG file may: those with operators, sensors or transfers."""
    info: Any = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for each in info[kind] for name in each["python-modules"]]
    for name in [*modules, *(each["python-module"] for each in info["transfers"])]:
        importlib.import_module(name)


def import_other() -> None:
    """Import the HTTP provider's operator."""
    importlib.import_module(OTHER)


WORK: dict[str, Callable[[], None]] = {"every operator of this provider": import_ours, f"{OTHER}": import_other}


def measure(work: str) -> None:
    """Do it once in this interpreter, and print what it took."""
    import airflow.sdk

    # the SDK loads these at first use, and a DAG file uses them whatever its operators are
    _ = airflow.sdk.DAG, airflow.sdk.BaseOperator
    before = set(sys.modules)
    begin = time.process_time()  # of the processor, so that other work on the machine does not count
    WORK[work]()
    milliseconds = (time.process_time() - begin) * 1000
    added = sorted(set(sys.modules) - before)
    heavy = [name for name in HEAVY if name in added]
    print(json.dumps({"ms": milliseconds, "modules": len(added), "heavy": heavy}))


def run(work: str) -> dict[str, Any]:
    """Measure in a fresh interpreter."""
    done = subprocess.run([sys.executable, __file__, "--measure", work], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def there(module: str) -> bool:
    """Tell whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def main() -> None:
    """Measure both in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="interpreters per row (15)")
    parser.add_argument("--measure", choices=list(WORK), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    rows = [name for name in WORK if name != OTHER or there(OTHER)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else modules are compiled in every run
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        for name in rows * (options.runs + 1):
            found[name].append(run(name))
    print(f"{'imports, on top of airflow.sdk':42} {'median':>9} {'fastest':>9} {'modules':>8}  loads")
    for name, runs in found.items():
        times = [each["ms"] for each in runs[1:]]  # the first one compiles what is not compiled yet
        heavy = ", ".join(runs[-1]["heavy"]) or "none of the heavy ones"
        print(f"{name:42} {statistics.median(times):6.1f} ms {min(times):6.1f} ms {runs[-1]['modules']:8}  {heavy}")
    print(f"\nheavy: {', '.join(HEAVY)}, where the SDK has not loaded them already")
    if OTHER in found:
        ours, other = (statistics.median(each["ms"] for each in runs[1:]) for runs in found.values())
        print(f"ratio: {ours / other:.2f} of the HTTP provider's time")
    else:
        print(f"To compare with the HTTP provider's operator: {INSTALL}")


if __name__ == "__main__":
    main()
