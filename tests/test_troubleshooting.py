"""The error messages that docs/troubleshooting.md explains are those of the provider."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import airflow_clickmeeting

PACKAGE = Path(airflow_clickmeeting.__file__).parent
PAGE = PACKAGE.parent / "docs" / "troubleshooting.md"
#: words of ClickMeeting and of Airflow
OF_OTHERS = {"UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "Tasks using non-existent pool"}
MESSAGES = re.findall(r"^\| `([^`]+)`", PAGE.read_text(), re.MULTILINE)


@cache
def texts() -> str:
    """Return all texts of the package's code; three dots stand for the values in them."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [each.value if isinstance(each, ast.Constant) else "..." for each in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[-.\d]*[a-z]", "...", node.value))
    return "\n".join(found)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_provider_has_the_message(message):
    if message in OF_OTHERS:
        return
    fragments = [each.strip(" ,;:()") for each in message.split("...")]
    assert [each for each in fragments if each and each not in texts()] == []


def test_there_are_messages():
    assert len(MESSAGES) > 35
