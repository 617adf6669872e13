"""The rooms of the house: imports go down its layers and never up (docs/architecture.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_clickmeeting

PACKAGE = Path(airflow_clickmeeting.__file__).parent
ROOT = "airflow_clickmeeting"

# what everything that talks to ClickMeeting stands on
GROUND = {"api", "compat", "exceptions", "failures", "object_store", "storage", "scratch", "hooks"}
# each folder or module at the top, and those that it may import besides itself; `__version__` is everybody's
LAYERS: dict[str, set[str]] = {
    "get_provider_info": set(),
    "assets": set(),
    "api": set(),
    "parallel": set(),
    "compat": set(),
    "exceptions": {"api", "compat"},
    "failures": {"compat", "exceptions"},
    "documented": set(),
    "rendered": {"api", "documented", "exceptions"},
    "extra_links": {"api", "compat"},
    "object_store": set(),
    "storage": {"api", "object_store"},
    "scratch": {"storage"},
    "hooks": {"api", "compat", "exceptions", "scratch", "storage", "get_provider_info", "parallel"},
    "versioned": {"object_store", "storage"},
    "state": {"compat", "exceptions", "storage"},
    "audit": {*GROUND, "state", "versioned"},
    "waiting": GROUND,
    "rooms": GROUND,
    "attendance": {"api"},
    "recordings": {*GROUND, "audit", "versioned"},
    "deletion": {*GROUND, "audit", "recordings"},
    "datasets": {*GROUND, "parallel", "attendance"},
    "output": {*GROUND, "datasets"},
    "people": {*GROUND, "parallel", "datasets", "output", "state", "versioned"},
    "triggers": {*GROUND, "waiting"},
    "operators": {
        *GROUND,
        "extra_links",
        "rendered",
        "audit",
        "state",
        "rooms",
        "attendance",
        "recordings",
        "deletion",
        "datasets",
        "output",
        "people",
    },
    "sensors": {*GROUND, "extra_links", "rendered", "waiting", "triggers"},
    "transfers": {*GROUND, "attendance", "datasets", "extra_links", "output", "operators", "parallel"},
    "ui": {*GROUND, "attendance", "get_provider_info"},
    "sandbox": set(),
    "contract": GROUND,
}
# the packages from outside that a layer may name, if only for type checkers or inside functions
OUTSIDE: dict[str, set[str]] = {
    "get_provider_info": set(),
    "assets": {"airflow"},
    "api": {"msgspec", "pendulum"},
    "parallel": set(),
    "compat": {"airflow"},
    "exceptions": set(),
    "failures": {"airflow"},
    "documented": {"airflow"},
    "rendered": {"airflow"},
    "extra_links": {"airflow"},
    "object_store": {"airflow"},
    "storage": {"airflow"},
    "versioned": {"airflow", "fsspec", "azure"},
    "state": {"airflow"},
    "hooks": {"airflow", "asgiref", "tenacity", "requests", "urllib3", "httpx"},
    "audit": {"airflow"},
    "waiting": set(),
    "rooms": {"airflow"},
    "attendance": {"jinja2"},
    "recordings": {"airflow"},
    "deletion": {"airflow"},
    "ui": {"airflow", "fastapi", "starlette", "sqlalchemy", "jinja2", "markupsafe"},
    "contract": {"airflow"},
    "sandbox": {"starlette", "uvicorn", "pytest"},
}
TRANSPORTS = {
    "requests": "hooks/transport_requests.py",
    "urllib3": "hooks/transport_requests.py",
    "httpx": "hooks/transport_httpx.py",
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path, *, while_parsing: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports; those of type checkers do not count `while_parsing`."""
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{relative(path)} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if while_parsing and (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or for_type_checkers(node)):
            continue
        todo.extend(ast.iter_child_nodes(node))


def for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def own_layers(path: Path) -> set[str]:
    """Return the layers of this package that a module imports."""
    names = [name.split(".") for name in imports(path) if name.split(".")[0] == ROOT]
    return {parts[1] for parts in names if len(parts) > 1 and parts[1] != "__version__"}


def outside(path: Path, **when: bool) -> set[str]:
    """Return the packages from outside that a module imports, but for the standard library's."""
    return {name.split(".")[0] for name in imports(path, **when)} - {ROOT} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_imports_only_lower_layers(path):
    layer = layer_of(path)
    assert own_layers(path) <= LAYERS[layer] | {layer}


@pytest.mark.parametrize("path", [path for path in MODULES if layer_of(path) in OUTSIDE], ids=relative)
def test_a_module_imports_only_the_packages_of_its_layer(path):
    assert outside(path) <= OUTSIDE[layer_of(path)]


def test_the_sandbox_uses_only_what_its_server_documents():
    used = {name for path in MODULES if layer_of(path) == "sandbox" for name in imports(path)}
    assert {name for name in used if name.split(".")[0] == "uvicorn"} == {"uvicorn"}


@pytest.mark.parametrize("path", [path for path in MODULES if layer_of(path) != "sandbox"], ids=relative)
def test_an_http_library_is_loaded_by_its_own_transport_alone_and_that_by_the_first_request(path):
    home = relative(path)
    assert {TRANSPORTS[library] for library in outside(path, while_parsing=True) & TRANSPORTS.keys()} <= {home}
    loaded = {f"{name}.".removeprefix(f"{ROOT}.").replace(".", "/") for name in imports(path, while_parsing=True)}
    transports = {each.removesuffix(".py") for each in TRANSPORTS.values()}
    assert not [name for name in loaded for transport in transports if name.startswith(f"{transport}/")]


@pytest.mark.parametrize("path", [path for path in MODULES if layer_of(path) not in {"sandbox", "ui"}], ids=relative)
def test_parsing_a_dag_file_loads_no_package_that_is_not_airflows(path):
    if relative(path) not in TRANSPORTS.values():
        assert outside(path, while_parsing=True) <= {"airflow", "msgspec", "tenacity", "pendulum", "sqlalchemy"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=relative)
def test_a_package_says_what_it_is_and_imports_nothing(path):
    if relative(path) != "sandbox/__init__.py":
        assert ast.get_docstring(ast.parse(path.read_text()))
        assert list(imports(path)) == []


def test_the_layers_have_no_circle():
    known: set[str] = set()
    while left := {layer: below for layer, below in LAYERS.items() if layer not in known}:
        free = {layer for layer, below in left.items() if below <= known}
        assert free, f"these import one another: {sorted(left)}"
        known |= free
