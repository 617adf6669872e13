"""How `pytest --dist loadfile` shares out the tests: whole files, and those in a real Airflow all to one process."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

LIVE = "tests/live/"


class Sharing(LoadFileScheduling):
    """Keeps the tests in a real Airflow together, because one Airflow is enough for them."""

    def _split_scope(self, nodeid: str) -> str:
        return LIVE if nodeid.startswith(LIVE) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # it would begin with what has most tests, not with what takes longest
    return Sharing(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests in a real Airflow, which wait half of the time, and then with the files of most tests."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: 0 if item.nodeid.startswith(LIVE) else 1 / sizes[item.path])
