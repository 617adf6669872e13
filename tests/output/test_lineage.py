"""Test what OpenLineage makes of the assets that exports and loads report: the translation, not only the collector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pytest
from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset
from airflow_versions import HookLineageCollector
from packaging.version import Version

from airflow_clickmeeting.assets import clickmeeting as uris
from airflow_clickmeeting.operators.conferences import ClickMeetingListConferencesOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

# Airflow 3.2.1 asks for its own converters in the old way
pytestmark = pytest.mark.filterwarnings("ignore:ProvidersManager.asset_.* is deprecated")
Named = tuple[str, str]


def translated(asset: Asset, context: Any = None) -> Named | None:
    dataset = translate_airflow_asset(asset, context)
    return dataset and (dataset.namespace, dataset.name)


@pytest.fixture
def lineage(mocker) -> Callable[[], list[list[Named | None]]]:
    """Collect lineage as if OpenLineage were on, and return its inputs and outputs as OpenLineage has them."""
    collector = HookLineageCollector()
    mocker.patch("airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector", return_value=collector)

    def told() -> list[list[Named | None]]:
        collected = collector.collected_assets
        return [
            [translated(each.asset, each.context) for each in side] for side in (collected.inputs, collected.outputs)
        ]

    return told


@pytest.fixture
def met(clickmeeting_sandbox) -> dict[str, int]:
    """Let a room have a session with three people."""
    start = clickmeeting_sandbox.now - timedelta(hours=2)
    room_id = clickmeeting_sandbox.add_room(name="Used", permanent_room=1)["id"]
    session_id = clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), count=3)
    return {"room_id": room_id, "session_id": session_id}


def test_a_file_on_a_disk(met, lineage, tmp_path):
    path = f"{tmp_path.as_uri()}/{{room_id}}.csv"
    ClickMeetingExportAttendeesOperator(task_id="x", path=path, room_id=met["room_id"]).execute({})
    assert lineage() == [
        [("clickmeeting://clickmeeting_default", "attendees")],
        [("file", f"{tmp_path}/{met['room_id']}.csv")],
    ]


def test_an_object_on_s3_has_its_bucket_without_the_connection(met, lineage, bucket):
    path = f"{bucket.url}/out/attendees.csv"
    ClickMeetingExportAttendeesOperator(task_id="x", path=path, room_id=met["room_id"]).execute({})
    assert lineage() == [
        [("clickmeeting://clickmeeting_default", "attendees")],
        [(f"s3://{bucket.name}", "out/attendees.csv")],
    ]


def test_a_table(met, lineage, warehouse):
    ClickMeetingToSqlOperator(
        task_id="x", dataset="sessions", sql_conn_id=warehouse.conn_id, table="loaded", room_id=met["room_id"]
    ).execute({})
    url = warehouse.engine.url
    # Airflow has no URIs of the other databases, so OpenLineage learns no output
    tables = {
        "postgresql": (f"postgres://127.0.0.1:{url.port}", f"{url.database}.public.loaded"),
        "mysql": (f"mysql://127.0.0.1:{url.port}", f"{url.database}.loaded"),
    }
    if Version(version("apache-airflow-providers-postgres")) < Version("6.7"):
        del tables["postgresql"]
    assert lineage() == [[("clickmeeting://clickmeeting_default", "sessions")], [tables.get(warehouse.kind)]]


def test_the_report_and_the_list_of_rooms(met, lineage, tmp_path):
    ClickMeetingAttendanceReportOperator(task_id="x", **met, path=f"{tmp_path.as_uri()}/report.html").execute({})
    ClickMeetingListConferencesOperator(task_id="x", path=f"{tmp_path.as_uri()}/rooms.jsonl").execute({})
    account = "clickmeeting://clickmeeting_default"
    assert lineage() == [
        [(account, "attendance"), (account, "conferences")],
        [("file", f"{tmp_path}/report.html"), ("file", f"{tmp_path}/rooms.jsonl")],
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, ("clickmeeting://clickmeeting_default", "session_ended")),
        ({"room_id": 7}, ("clickmeeting://clickmeeting_default", "session_ended/7")),
        ({"room_name": "Weekly?"}, ("clickmeeting://clickmeeting_default", "session_ended/Weekly?")),
        ({"clickmeeting_conn_id": "sales@eu"}, ("clickmeeting://sales@eu", "session_ended")),
        ({"name": "/my sessions"}, ("clickmeeting://clickmeeting_default", "session_ended")),
    ],
    ids=str,
)
def test_the_asset_of_a_watcher_belongs_to_its_connection(arguments, named):
    assert translated(clickmeeting_asset("session_ended", **arguments)) == named


@pytest.mark.parametrize("conn_id", ["clickmeeting_default", "team/prod", "a@b", "Ärzte"])
def test_airflow_finds_the_factory_by_the_scheme(conn_id):
    about = {"conn_id": conn_id, "dataset": "attendees"}
    asset = HookLineageCollector().create_asset(scheme="clickmeeting", asset_kwargs=about, asset_extra={"rows": 1})
    assert asset == uris.create_asset(**about, extra={"rows": 1})
    assert asset.extra == {"rows": 1}
    assert translated(asset) == (f"clickmeeting://{conn_id}", "attendees")


@pytest.mark.parametrize("uri", ["clickmeeting://clickmeeting_default", "clickmeeting://clickmeeting_default//"])
def test_a_uri_without_a_dataset_is_wrong(uri):
    with pytest.raises(ValueError, match=r"^An asset URI with the scheme clickmeeting needs .*, not 'clickmeeting://"):
        Asset(uri=uri)
