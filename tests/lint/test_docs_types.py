"""The code in README.md and docs/ passes `mypy --strict`: whole modules as they stand, and the fragments too.

A fragment may use names that the text around it explains, such as `room_id`; its operators are checked all the same.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PACKAGES = ("operators", "sensors", "transfers", "hooks")
#: names that a fragment may leave to its page: mypy takes them for anything
UNEXPLAINED = ("name-defined", "untyped-decorator")


def classes() -> dict[str, str]:
    """Return the module of each public class, by its name."""
    found = {}
    for package in PACKAGES:
        for path in (REPOSITORY / "airflow_clickmeeting" / package).glob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and node.name.startswith("ClickMeeting"):
                    found[node.name] = f"airflow_clickmeeting.{package}.{path.stem}"
    return found


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield a name and the text of each block of Python on a page."""
    text = page.read_text()
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield f"{page.stem.replace('-', '_').lower()}_{text[: match.start()].count(chr(10)) + 2}", match[1]


def imports_for(block: str) -> str:
    """Return the imports of the provider's classes that a block leaves out."""
    known, used = classes(), set(re.findall(r"\bClickMeeting\w+", block))
    lacking = [name for name in sorted(used & known.keys()) if not re.search(rf"import.*\b{name}\b", block)]
    lines = [f"from {known[name]} import {name}" for name in lacking]
    lines += ["from datetime import timedelta"] * ("timedelta" in block and "import timedelta" not in block)
    lines += ["from airflow.sdk import task"] * ("@task" in block and "airflow.sdk import" not in block)
    lines += ["from typing import Any", "_rest: dict[str, Any] = {}"] * ("import Any" not in block)
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """Return what mypy says of all blocks, by their names."""
    folder = tmp_path_factory.mktemp("blocks")
    found = dict(block for page in PAGES for block in blocks(page))
    for name, text in found.items():
        # three dots stand for the other arguments
        fragment = imports_for(text) + text.replace("(..., ", "(**_rest, ")
        (folder / f"{name}.py").write_text(text if is_module(text) else fragment)
        if name.startswith("readme") and "with DAG" in text:
            (folder / "first_webinar.py").write_text(text)  # the README's own test imports it
    # the DAG that a test in docs/sandbox.md runs
    (folder / "webinar_report.py").write_text('from airflow.sdk import DAG\n\nreport = DAG("report")\n')
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--config-file=",
        "--no-namespace-packages",
        # the options of `make lint`, which has checked Airflow and this package before: mypy then takes its results
        "--untyped-calls-exclude=airflow.sdk.io",
    ]
    done = subprocess.run(
        [*command, f"--cache-dir={REPOSITORY / '.mypy_cache'}", *map(str, sorted(folder.glob("*.py")))],
        cwd=folder,
        env={"MYPYPATH": f"{REPOSITORY}:{folder}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    said: dict[str, list[str]] = {name: [] for name in found}
    for line in done.stdout.splitlines():
        if match := re.match(r"(?:.*/)?(\w+)\.py:(\d+: error: .*)", line):
            said.setdefault(match[1], []).append(match[2])
    return said


def is_module(block: str) -> bool:
    """Return whether a block is a whole module: it makes a DAG or a test, and imports what it uses."""
    return bool(re.search(r"^(with DAG|@dag|def test_|class )", block, re.MULTILINE))


NAMES = [(name, is_module(text)) for page in PAGES for name, text in blocks(page)]


@pytest.mark.parametrize("name", [name for name, whole in NAMES if whole])
def test_a_module_is_clean(complaints, name):
    assert complaints[name] == []


@pytest.mark.parametrize("name", [name for name, whole in NAMES if not whole])
def test_a_fragment_uses_the_provider_with_the_right_types(complaints, name):
    assert [each for each in complaints[name] if not each.endswith(tuple(f"[{code}]" for code in UNEXPLAINED))] == []


def test_the_first_dag_of_the_readme_is_among_them():
    assert [name for name, whole in NAMES if whole and name.startswith("readme")]
