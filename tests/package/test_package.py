"""Test the files that `make package` has built: what a package index and a stranger's machine get."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from zipfile import ZipFile

import pytest

import airflow_clickmeeting
from airflow_clickmeeting.sandbox.handle import Sandbox

ROOT = Path(__file__).parents[2]
NAME = f"airflow_clickmeeting-{airflow_clickmeeting.__version__}"
WHEEL = ROOT / "dist" / f"{NAME}-py3-none-any.whl"
SDIST = ROOT / "dist" / f"{NAME}.tar.gz"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXAMPLES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "example_dags").rglob("*.py")}
PYTHONS = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)]
EXAMPLE_BUNDLE = "airflow-clickmeeting-example-dags"


def files_of(folder: Path) -> set[str]:
    """Return the files under a folder that belong to the project, relative to the folder's own."""
    found = {path.relative_to(folder.parent) for path in folder.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if not re.search(r"__pycache__|/\.\w+_cache|\.hypothesis", str(path))}


@pytest.fixture(scope="module")
def metadata() -> Message:
    with ZipFile(WHEEL) as wheel:
        return BytesParser().parsebytes(wheel.read(f"{NAME}.dist-info/METADATA"))


# --- what is inside ---------------------------------------------------------------------------------------------------


def test_the_wheel_has_the_package_and_the_examples_and_nothing_else():
    with ZipFile(WHEEL) as wheel:
        names = {name for name in wheel.namelist() if not name.startswith(f"{NAME}.dist-info/")}
        inside = {f"airflow_clickmeeting/{name}" for name in EXAMPLES}
        assert names == files_of(ROOT / "airflow_clickmeeting") | inside
        for name in sorted(EXAMPLES):
            assert wheel.read(f"airflow_clickmeeting/{name}") == (ROOT / name).read_bytes()


def test_an_index_gets_names_addresses_and_keywords(metadata):
    assert metadata["Name"] == "airflow-clickmeeting"
    assert metadata["Author"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"airflow", "clickmeeting", "webinar"} <= set(metadata["Keywords"].split(","))
    urls = dict(each.split(", ") for each in metadata.get_all("Project-URL"))
    assert urls == PROJECT["urls"]
    assert {url for url in urls.values() if not f"{url}/".startswith(f"{urls['Source']}/")} == set()


def test_links_and_pictures_of_the_readme_lead_to_the_files_of_this_version(metadata):
    text = metadata.get_payload()
    source = PROJECT["urls"]["Source"]
    raw = source.replace("//github.com/", "//raw.githubusercontent.com/")
    tag = f"v{metadata['Version']}"
    targets = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", text)
    assert [target for _, target in targets if not target.startswith("https://")] == []
    for picture, target in targets:
        for begin in (f"{source}/blob/{tag}/", f"{raw}/{tag}/"):
            if target.startswith(begin):
                assert (ROOT / target.removeprefix(begin).partition("#")[0]).exists(), target
                assert bool(picture) == begin.startswith(raw), target
    assert sum(target.startswith(source) for _, target in targets) > 20


# --- the sdist runs by itself -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(SDIST) as sdist:
        sdist.extractall(folder, filter="data")
    return folder / NAME


@pytest.mark.parametrize(
    "folder", ["airflow_clickmeeting", "benchmarks", "constraints", "docs", "example_dags", "scripts", "tests"]
)
def test_the_sdist_has_every_file(unpacked, folder):
    assert files_of(unpacked / folder) == files_of(ROOT / folder)


def test_the_tests_run_in_the_sdist(unpacked):
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [*pytest_there, "--collect-only"], cwd=unpacked, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout[-3000:]
    # those that read the most files besides the package
    reading = ["api", "test_architecture.py", "test_follow_call.py", "test_language.py", "test_provider.py"]
    done = subprocess.run(
        [*pytest_there, *(f"tests/{name}" for name in reading)],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


# --- the wheel on a stranger's machine --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda version: f"python{version}")
def airflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an empty environment, and return Airflow's command there."""
    python = python_of(request.param) or pytest.skip(f"this machine has no Python {request.param}")
    environment = tmp_path_factory.mktemp(f"python{request.param}-")
    uv = [os.environ.get("UV", "uv"), "--quiet"]
    subprocess.run([*uv, "venv", "--python", python, "--allow-existing", environment], check=True)
    constraints = ROOT / "constraints" / "airflow-3.3.txt"
    install = [*uv, "pip", "install", "--python", environment / "bin" / "python", "--constraints", constraints]
    subprocess.run([*install, "--compile-bytecode", WHEEL], check=True)
    return environment / "bin" / "airflow"


def python_of(version: str) -> str | None:
    """Return a Python of this version that runs: from the path, or one that pyenv has."""
    installed = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(installed.glob(f"{version}.*/bin/python"))]
    for python in filter(None, candidates):
        # pyenv's own python3.12 is a script, which fails unless 3.12 is activated
        if subprocess.run([python, "-V"], capture_output=True).returncode == 0:
            return str(python)
    return None


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def test_the_first_dag_of_the_readme_runs(airflow, sandbox, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (first_dag,) = [block for block in blocks if 'DAG("first_webinar"' in block]
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "first_webinar.py").write_text(first_dag)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_CLICKMEETING_DEFAULT": json.dumps(sandbox.connection),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    bundles = ["--bundle-name", "dags-folder", "--bundle-name", EXAMPLE_BUNDLE]
    for command in (["db", "migrate"], ["dags", "reserialize", *bundles], ["dags", "test", "first_webinar"]):
        done = subprocess.run([airflow, *command], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert [mail["recipient"] for mail in sandbox.outbox] == ["ada@example.com"]
    assert [room["name"] for room in sandbox.state["rooms"]] == ["Product tour"]
    # Airflow has found the examples inside the package
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        dags = database.execute("SELECT fileloc FROM dag WHERE bundle_name = ?", (EXAMPLE_BUNDLE,)).fetchall()
        errors = database.execute("SELECT filename, stacktrace FROM import_error").fetchall()
    assert {fileloc.partition("/airflow_clickmeeting/")[2] for (fileloc,) in dags} == EXAMPLES
    assert errors == []
