"""What the tests of the cookbook share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_sink import HttpSink, http_sink


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A server on this machine instead of a chat or a CRM."""
    with http_sink() as sink:
        yield sink


@pytest.fixture
def duckdb_folder(tmp_path_factory, mocker) -> Path:
    """The folder for databases of DuckDB on the disk of this machine."""
    folder: Path = tmp_path_factory.mktemp("duckdb")
    mocker.patch.dict(os.environ, {"AIRFLOW_VAR_DUCKDB_FOLDER": str(folder)})
    return folder
