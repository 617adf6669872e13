"""Provide the pytest fixture `clickmeeting_sandbox` to the tests of DAG authors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.handle import Sandbox

__all__ = ["clickmeeting_sandbox"]


@pytest.fixture(scope="session")
def _clickmeeting_sandbox_server() -> Iterator[Sandbox]:
    from airflow_clickmeeting.sandbox.handle import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def clickmeeting_sandbox(_clickmeeting_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Return an empty sandbox, to which the Airflow connection `clickmeeting_default` leads.

    One server runs for the whole test session. It is reset before each test. Proxies of the environment are not used
    for it.
    """
    sandbox = _clickmeeting_sandbox_server
    sandbox.reset()
    monkeypatch.setenv("AIRFLOW_CONN_CLICKMEETING_DEFAULT", sandbox.connection_json)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost", prepend=",")
    return sandbox
