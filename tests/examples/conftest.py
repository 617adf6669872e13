"""What the tests of the example DAGs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture(scope="module")
def examples(airflow_db):
    """All example DAGs as Airflow loads them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(EXAMPLES)


@pytest.fixture
def storage(request) -> str:
    """The storage on which an example has its files: this machine's, or S3 if a test asks for it."""
    return getattr(request, "param", "file")


@pytest.fixture
def run_example(request, storage, examples, run_dag, tmp_path, mocker) -> Callable[..., Any]:
    """Run an example with its files in the test's folder, or in a bucket which that folder mirrors."""
    bucket = request.getfixturevalue("bucket") if storage == "s3" else None
    folder = bucket.url if bucket else tmp_path.as_uri()
    mocker.patch.dict(os.environ, {"AIRFLOW_VAR_CLICKMEETING_FOLDER": folder})

    def run_example(name: str, conf: dict[str, Any] | None = None, **arguments: Any) -> Any:
        with bucket.mirrored(tmp_path) if bucket else nullcontext():
            return run_dag(examples.dags[name], run_conf=conf or {}, **arguments)

    return run_example
