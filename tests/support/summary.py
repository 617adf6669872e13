"""What tests tell at the end of a run, also those that ran side by side: lines, and counts of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

LINES = pytest.StashKey[list[str]]()
COUNTS = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES], config.stash[COUNTS] = [], Counter()


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a line at the end of the run."""
    return pytestconfig.stash[LINES].append


@pytest.fixture(scope="session")
def count_mutations(pytestconfig: pytest.Config) -> Callable[[], None]:
    """Count a mutated response."""
    return lambda: pytestconfig.stash[COUNTS].update(["mutated responses"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {
            "lines": session.config.stash[LINES],
            "counts": {**session.config.stash[COUNTS]},
        }


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = getattr(node, "workeroutput", {})  # a process that broke has none
    node.config.stash[LINES] += told.get("lines", [])
    node.config.stash[COUNTS].update(told.get("counts", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in [*config.stash[LINES], *(f"{count:,} {name}" for name, count in config.stash[COUNTS].items())]:
        terminalreporter.write_line(line)
