"""The option `--thorough`: more kills, sessions and mutated responses than a run of every day has, and more tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="more kills, sessions, people and mutated responses")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are marked as thorough on every other day."""
    if not config.getoption("--thorough"):
        rare = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=rare)
        items[:] = [item for item in items if item not in rare]


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--thorough"))
