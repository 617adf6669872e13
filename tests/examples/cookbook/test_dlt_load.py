"""The recipe `dlt_load`: each person of a session is one row, also after a second run."""

from __future__ import annotations

import pytest
from webinars import on_both_storages

pytest.importorskip("dlt")
duckdb = pytest.importorskip("duckdb")
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")


@on_both_storages
def test_a_second_run_merges_into_the_same_rows(run_at_noon, ended, duckdb_folder):
    _, session_id = ended()
    for _ in range(2):
        assert run_at_noon("dlt_load").state == "success"
        with duckdb.connect(str(duckdb_folder / "webinars-dlt.duckdb"), read_only=True) as found:
            rows = found.sql(
                "SELECT session_id, email, status FROM clickmeeting.attendance WHERE NOT is_staff"
            ).fetchall()
        assert sorted(rows, key=str) == sorted(
            [
                (session_id, "ada@example.com", "attended"),
                (session_id, "alan@example.com", "no_show"),
                (session_id, "grace@example.com", "walk_in"),
                (session_id, None, "walk_in"),
            ],
            key=str,
        )
