"""Tests of the imports: the sandbox has no import cycle, and imports nothing of the client side."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from airflow_clickmeeting import sandbox

FOLDER = Path(sandbox.__file__).parent
PROVIDER, SANDBOX = "airflow_clickmeeting", "airflow_clickmeeting.sandbox"
MOST_FILES = 30


def name_of(path: Path) -> str:
    """Return the dotted name of a module, or of a package for its `__init__.py`."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join([SANDBOX, *(part for part in parts if part != "__init__")])


MODULES = {name_of(path): path for path in FOLDER.rglob("*.py")}


def imported_names(source: str) -> set[str]:
    """Return the dotted names of all imports, including those in functions and under TYPE_CHECKING."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno} has a relative import, which this test does not resolve"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def loaded_modules(name: str) -> set[str]:
    """Return the sandbox modules that an imported name loads: the module that defines it, and the packages above."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)} & MODULES.keys()


def import_graph() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        graph[module] = set().union(*map(loaded_modules, imported_names(path.read_text()))) - {module}
    return graph


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_all_kinds_of_imports_are_found():
    source = """
from typing import TYPE_CHECKING
import airflow_clickmeeting.sandbox.clock
if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World
def start():
    from airflow_clickmeeting.sandbox import server
"""
    loaded = set().union(*map(loaded_modules, imported_names(source)))
    assert loaded == {SANDBOX, f"{SANDBOX}.clock", f"{SANDBOX}.world", f"{SANDBOX}.server"}


def test_a_cycle_is_found():
    assert set(cycle_in({"world": {"faults"}, "faults": {"world"}, "clock": set()})) == {"world", "faults"}


def test_the_modules_have_no_import_cycle():
    graph = import_graph()
    assert graph[f"{SANDBOX}.world"] >= {f"{SANDBOX}.faults", f"{SANDBOX}.clock"}
    cycle = cycle_in(graph)
    assert not cycle, f"These modules import one another: {' -> '.join(cycle)}"


def test_the_sandbox_is_independent_of_the_client_side():
    for module, path in MODULES.items():
        names = {f"{name}." for name in imported_names(path.read_text())}
        provider = {name for name in names if name.startswith(f"{PROVIDER}.")}
        assert {name for name in provider if not name.startswith(f"{SANDBOX}.")} == set(), module


def test_no_folder_has_too_many_files():
    folders = [FOLDER, *(path for path in FOLDER.rglob("*") if path.is_dir())]
    assert {
        folder.name: len(list(folder.glob("*.py"))) for folder in folders if len(list(folder.glob("*.py"))) > MOST_FILES
    } == {}
