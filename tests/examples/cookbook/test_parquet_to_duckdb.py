"""The recipe `parquet_to_duckdb`: the tables have all nights, and a load that fails leaves them as they were."""

from __future__ import annotations

from datetime import timedelta

import pytest
from webinars import on_both_storages

duckdb = pytest.importorskip("duckdb")
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")


@pytest.fixture
def database(duckdb_folder):
    return duckdb_folder / "webinars.duckdb"


@pytest.fixture
def run(run_at_noon, database):
    return lambda: run_at_noon("parquet_to_duckdb")


def counts(path):
    with duckdb.connect(str(path), read_only=True) as database:
        return {
            name: database.table(name).count("*").fetchall()[0][0] for (name,) in database.sql("SHOW TABLES").fetchall()
        }


ONE = {"conferences": 1, "sessions": 1, "attendance": 6, "registrations": 3}


@on_both_storages
def test_two_nights_are_in_the_tables_once(run, ended, database, clickmeeting_sandbox):
    for night in (1, 1, 2):
        if night > len(clickmeeting_sandbox.state["rooms"]):
            clickmeeting_sandbox.advance(timedelta(days=1))
            ended()
        assert run().state == "success"
        assert counts(database) == {name: night * count for name, count in ONE.items()}


@pytest.mark.thorough
def test_a_load_that_fails_leaves_the_tables_as_they_were(run, ended, database, tmp_path):
    ended()
    assert run().state == "success"
    (tmp_path / "parquet" / "sessions" / "damaged.parquet").write_bytes(b"no Parquet")
    whole = tmp_path / "parquet" / "conferences" / "all.parquet"
    whole.with_name("other.parquet").write_bytes(whole.read_bytes())
    assert run().state == "failed"
    assert counts(database) == ONE
