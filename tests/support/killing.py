"""A fixture for tests that kill processes while they work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def forking() -> Callable[..., Any]:
    """Start a script that works in forks (`forks.py`), and have it work; its exit code is returned."""

    @contextmanager
    def forking(script: str, *arguments: object) -> Iterator[Callable[..., int]]:
        command = [sys.executable, Path(__file__).with_name(script), *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            def run(killed_after: float | str = "") -> int:
                print(killed_after, file=process.stdin, flush=True)
                return int(said("ended"))

            def said(word: str) -> str:
                """Return what stands behind a word at the beginning of a line, past what else is logged."""
                return next(line for line in process.stdout if line.startswith(word)).removeprefix(word)

            said("ready")
            yield run
            process.stdin.close()

    return forking
