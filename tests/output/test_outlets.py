"""Test the asset events and the lineage of written files."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from airflow_versions import HookLineageCollector

from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator


@pytest.fixture
def rooms(clickmeeting_sandbox) -> list[int]:
    """Create a room with three people, and one that was never used."""
    start = clickmeeting_sandbox.now - timedelta(hours=2)
    used = clickmeeting_sandbox.add_room(name="Used", permanent_room=1)["id"]
    clickmeeting_sandbox.play(used, start=start, end=start + timedelta(hours=1), count=3)
    return [used, clickmeeting_sandbox.add_room(name="Unused", permanent_room=1)["id"]]


@pytest.fixture
def events_of_files(run_dag):
    """Export to a path in a DAG, and return what the events of its assets say, by the names of the assets."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    def events_of_files(path: str) -> dict[str, dict[str, Any]]:
        with DAG("exports_report_to_assets", schedule=None) as dag:
            ClickMeetingExportAttendeesOperator(
                task_id="attendees", path=path, outlets=[AssetAlias("files"), Asset("attendees of webinars")]
            )
        run = run_dag(dag)
        assert run.state == "success"
        with create_session() as session:
            found = session.query(AssetModel.name, AssetEvent.extra)
            found = found.join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            events = found.filter(AssetEvent.source_run_id == run.run_id).all()
        about = ("path", "format", "rows")
        return {name: {key: extra[key] for key in about} for name, extra in events}

    return events_of_files


def test_files_become_events_of_the_tasks_assets(rooms, events_of_files, tmp_path):
    folder = tmp_path.as_uri()
    used, unused = (f"{folder}/{room_id}.csv" for room_id in rooms)
    assert events_of_files(f"{folder}/{{room_id}}.csv") == {
        used: {"path": used, "format": "csv", "rows": 3},
        unused: {"path": unused, "format": "csv", "rows": 0},
        "attendees of webinars": {"path": f"{folder}/{{room_id}}.csv", "format": "csv", "rows": 3},
    }


def test_an_object_is_an_asset_whatever_connection_wrote_it(rooms, events_of_files, bucket):
    path = f"{bucket.url}/attendees.csv"
    events = events_of_files(path)
    assert events[f"s3://{bucket.name}/attendees.csv"] == {"path": path, "format": "csv", "rows": 3}
    assert events.keys() == {f"s3://{bucket.name}/attendees.csv", "attendees of webinars"}


def test_lineage_leads_from_clickmeeting_to_the_files_and_not_to_their_parts(rooms, tmp_path, mocker):
    collector = HookLineageCollector()
    home = sys.modules[HookLineageCollector.__module__]
    mocker.patch.object(home, "get_hook_lineage_collector", return_value=collector)
    operator = ClickMeetingExportAttendeesOperator(task_id="x", path=f"{tmp_path.as_uri()}/a.csv", room_id=rooms)
    operator.execute({})
    lineage = collector.collected_assets
    assert [each.asset.uri for each in lineage.inputs] == ["clickmeeting://clickmeeting_default/attendees"]
    assert [each.asset.uri for each in lineage.outputs] == [f"{tmp_path.as_uri()}/a.csv"]
