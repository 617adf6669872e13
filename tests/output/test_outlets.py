"""Test the asset events and the lineage of written files."""

from __future__ import annotations

import sys
from datetime import timedelta

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


def test_files_become_events_of_the_tasks_assets(rooms, run_dag, tmp_path):
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    path = f"{tmp_path.as_uri()}/{{room_id}}.csv"
    with DAG("exports_report_to_assets", schedule=None) as dag:
        ClickMeetingExportAttendeesOperator(
            task_id="attendees", path=path, outlets=[AssetAlias("files"), Asset("attendees of webinars")]
        )
    assert run_dag(dag).state == "success"
    with create_session() as session:
        found = session.query(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        events = {name: extra for name, extra in found if str(tmp_path) in name or name == "attendees of webinars"}
    about = ("path", "format", "rows")
    assert {name: {key: extra[key] for key in about if key in extra} for name, extra in events.items()} == {
        f"{tmp_path.as_uri()}/{rooms[0]}.csv": {"format": "csv", "rows": 3},
        f"{tmp_path.as_uri()}/{rooms[1]}.csv": {"format": "csv", "rows": 0},
        "attendees of webinars": {"path": path, "format": "csv", "rows": 3},
    }


def test_lineage_leads_from_clickmeeting_to_the_files_and_not_to_their_parts(rooms, tmp_path, mocker):
    collector = HookLineageCollector()
    home = sys.modules[HookLineageCollector.__module__]
    mocker.patch.object(home, "get_hook_lineage_collector", return_value=collector)
    operator = ClickMeetingExportAttendeesOperator(task_id="x", path=f"{tmp_path.as_uri()}/a.csv", room_id=rooms)
    operator.execute({})
    lineage = collector.collected_assets
    assert [each.asset.uri for each in lineage.inputs] == ["clickmeeting://clickmeeting_default/attendees"]
    assert [each.asset.uri for each in lineage.outputs] == [f"{tmp_path.as_uri()}/a.csv"]
