"""Airflow parses DAG files over and over: what they import from here loads no heavy package."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

HEAVY = ("requests", "aiohttp", "pandas", "pyarrow", "jinja2", "starlette", "uvicorn")
SCRIPT = """
import sys
import airflow.sdk
# the SDK loads these at first use
airflow.sdk.DAG, airflow.sdk.BaseOperator
before = set(sys.modules)
for module in {modules!r}:
    __import__(module)
print(sorted(set(sys.modules) - before))
"""


def modules(folder: str) -> list[str]:
    package = import_module(f"airflow_clickmeeting.{folder}")
    return [f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("folder", ["operators", "sensors", "transfers"])
def test_what_dag_files_import_loads_no_heavy_package(folder):
    names = modules(folder)
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(modules=names)], capture_output=True, text=True)
    loaded = done.stdout.splitlines()[-1] if done.returncode == 0 else done.stderr
    assert f"'{names[0]}'" in loaded
    assert [package for package in HEAVY if f"'{package}'" in loaded] == []
    # the hooks, and with them the HTTP clients, wait for the task to run
    assert "airflow_clickmeeting.hooks.clickmeeting" not in loaded


WRITE = {
    "at once": "with open_atomic(path) as file: file.write(b'text')",
    "unless it has changed": "versioned_file(path, None).replace(b'text', None)",
}


@pytest.mark.parametrize("write", WRITE)
def test_a_file_on_a_disk_needs_no_object_store_of_another_provider(tmp_path, write):
    code = (
        "import sys\n"
        "from airflow_clickmeeting.storage import located, open_atomic\n"
        "from airflow_clickmeeting.versioned import versioned_file\n"
        "path = located(sys.argv[1], '')\n"
        f"{WRITE[write]}\n"
        "print([name for name in sys.modules if name.startswith('airflow.providers.amazon.aws')])"
    )
    done = subprocess.run([sys.executable, "-c", code, f"file://{tmp_path}/file"], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
    assert (tmp_path / "file").read_bytes() == b"text"
