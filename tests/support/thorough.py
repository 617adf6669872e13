"""What `THOROUGH=1` adds to a run of every day: more kills, sessions, mutated responses, and tests that take long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="more kills, sessions, people and mutated responses")


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--thorough"))


def everyday(cases: Iterable[Any], *chosen: Any) -> list[Any]:
    """Return cases to `parametrize` a test that takes long: those not chosen, or but the first, are thorough."""
    cases = [*cases]
    chosen = chosen or (cases[0],)
    return [case if case in chosen else pytest.param(case, marks=pytest.mark.thorough) for case in cases]
