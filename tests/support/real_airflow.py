"""What the tests in real Airflows share: settings that let things happen soon, and how DAGs and runs get there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_airflow import LocalAirflow, until
from local_postgresql import local_postgresql

SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # look for new files often, but parse a file once
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    # how long it may take until a killed triggerer or task is noticed
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


@contextmanager
def metadata_database(**settings: str) -> Iterator[str]:
    """Run a PostgreSQL for Airflow, because a SQLite is locked at times when much happens at once; yield its URL."""
    with local_postgresql(**settings) as there:
        yield f"postgresql+psycopg2://{there['login']}@{there['host']}:{there['port']}/{there['schema']}"


def add_dags(airflow: LocalAirflow, connection: Mapping[str, Any], folder: Path, *names: str, **sources: str) -> None:
    """Add a connection, and the DAGs that use it: files of a folder, or what is given by name."""
    airflow.api("POST", "/connections", dict(connection))
    sources |= {name: (folder / f"{name}.py").read_text() for name in names}
    for name, source in sources.items():
        part = airflow.home / "dags" / f"{name}.part"
        part.write_text(source)
        part.rename(part.with_suffix(".py"))

    def there() -> set[str]:
        return {dag["dag_id"] for dag in airflow.api("GET", "/dags")["dags"]}

    until(f"the DAGs {[*sources]} are there", lambda: there() >= sources.keys())
