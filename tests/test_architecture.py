"""The tree in docs/architecture.md is the code's: what is added, moved or deleted is so there as well."""

from __future__ import annotations

import re
from pathlib import Path

import airflow_clickmeeting

PACKAGE = Path(airflow_clickmeeting.__file__).parent
PAGE = PACKAGE.parent / "docs" / "architecture.md"


def tree_of_the_page() -> set[str]:
    """Return the paths in the page's first code block, whose indentation says which folder a file is in."""
    block = re.search(r"```text\nairflow_clickmeeting/\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: set[str] = set()
    folders: list[str] = []
    for line in block[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        name = line.split()[0]
        del folders[depth:]
        if name.endswith("/"):
            folders.append(name.removesuffix("/"))
        else:
            found.add("/".join([*folders, name]))
    return found


def test_the_tree_shows_every_module():
    modules = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    written = {path for path in modules if path == "__init__.py" or not path.endswith("__init__.py")}
    shown = {path for path in tree_of_the_page() if path.endswith(".py")}
    assert shown == written


def test_no_folder_outgrows_a_look():
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE / "sandbox"}
    assert {folder.name: count for folder in folders if (count := len([*folder.glob("[a-z]*.py")])) > 16} == {}
