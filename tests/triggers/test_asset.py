"""The assets that DAGs are scheduled on."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from airflow.sdk import DAG, Asset
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.triggers.base import BaseEventTrigger

from airflow_clickmeeting.triggers.events import WATCHERS, clickmeeting_asset

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # 3.1
    DagSerialization = SerializedDAG

DIFFERENT = [
    {"event": "session_ended"},
    {"event": "session_started"},
    {"event": "session_ended", "clickmeeting_conn_id": "other"},
    {"event": "session_ended", "room_id": 7},
    {"event": "session_ended", "room_name": "Weekly*"},
    {"event": "session_ended", "room_name": "Weekly?"},
    {"event": "session_ended", "room_name": "50% / day #1 ü"},
    {"event": "session_ended", "room_name": "7"},
    {"event": "session_ended", "interval": 30},
    {"event": "session_ended", "settle": 300},
    {"event": "session_ended", "settle": 0},
    {"event": "session_ended", "interval": 30, "settle": 0},
    {"event": "session_ended", "name": "sessions that ended"},
    {"event": "attendee_joined"},
    {"event": "attendee_left"},
    {"event": "attendee_left", "room_id": 7},
    {"event": "attendee_left", "settle": 60},
    {"event": "starts_soon"},
    {"event": "starts_soon", "room_id": 7},
    {"event": "starts_soon", "before": ["P1D"]},
    {"event": "starts_soon", "before": [timedelta(hours=1), timedelta(days=1)]},
    {"event": "starts_soon", "before": ["PT15S"], "interval": 5},
]


@pytest.mark.parametrize("event", WATCHERS)
def test_an_asset_has_the_watcher_of_its_event(event):
    asset = clickmeeting_asset(event)
    (watcher,) = asset.watchers
    assert isinstance(asset, Asset)
    assert watcher.name == event
    assert type(watcher.trigger) is WATCHERS[event]
    assert isinstance(watcher.trigger, BaseEventTrigger)


def test_its_name_says_what_is_watched():
    assert clickmeeting_asset("session_ended").name == "clickmeeting_default/session_ended"
    assert clickmeeting_asset("session_ended", room_id="7").name == "clickmeeting_default/session_ended/7"
    assert clickmeeting_asset("session_ended", room_name="Weekly*").uri == (
        "clickmeeting://clickmeeting_default/session_ended/Weekly%2A"
    )


def test_assets_that_watch_something_else_differ_in_name_and_uri():
    assets = [clickmeeting_asset(**each) for each in DIFFERENT]
    assert len({asset.name for asset in assets}) == len({asset.uri for asset in assets}) == len(DIFFERENT)


def test_the_same_lengths_of_time_are_the_same_asset_however_they_are_written():
    one, other = (
        clickmeeting_asset("starts_soon", before=before)
        for before in (["P1D", timedelta(hours=1)], (timedelta(minutes=60), "PT24H", "P1D"))
    )
    assert one == other
    assert one.name == "clickmeeting_default/starts_soon/before=P1D,PT1H"
    _, arguments = one.watchers[0].trigger.serialize()
    assert arguments["before"] == ["P1D", "PT1H"]


def test_two_different_assets_with_one_name_are_an_error_while_the_dag_is_parsed():
    first = clickmeeting_asset("session_ended", name="sessions", interval=30)
    assert clickmeeting_asset("session_ended", name="sessions", interval=30).uri == first.uri
    with pytest.raises(ValueError, match=r"^name must be another one: 'sessions' is already the name of an asset"):
        clickmeeting_asset("session_ended", name="sessions", interval=60)


@pytest.mark.parametrize("wanted", DIFFERENT, ids=str)
def test_airflow_takes_the_uri_as_it_is(wanted):
    asset = clickmeeting_asset(**wanted)
    assert Asset(name=asset.name, uri=asset.uri).uri == asset.uri
    assert asset.uri.isascii()


def test_the_watcher_gets_the_arguments():
    asset = clickmeeting_asset(
        "session_ended", clickmeeting_conn_id="other", room_id=" 7 ", name="other one", interval=5, settle=0
    )
    _, arguments = asset.watchers[0].trigger.serialize()
    assert arguments == {
        "asset_name": "other one",
        "clickmeeting_conn_id": "other",
        "room_id": 7,
        "room_name": None,
        "interval": 5,
        "settle": 0,
    }


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"event": "session"}, "event must be one of 'conference_created', 'registration'"),
        ({"event": None}, "event"),
        ({"interval": 0}, "interval must be 5 seconds or more; got 0"),
        ({"interval": -60}, "interval"),
        ({"interval": 4}, "interval"),
        ({"interval": float("nan")}, "interval"),
        ({"settle": -1}, "settle must be zero or more seconds, and only for session_ended or attendee_left; got -1"),
        ({"settle": float("nan")}, "settle"),
        ({"event": "session_started", "settle": 60}, "settle"),
        ({"event": "recording_ready", "settle": 0}, "settle"),
        ({"event": "attendee_joined", "settle": 0}, "settle"),
        ({"before": ["P1D"]}, "before must be left out, except for starts_soon; got a list"),
        ({"event": "starts_soon", "before": []}, "before must be a list with at least one of the lengths of time"),
        ({"event": "starts_soon", "before": "P1D"}, "before must be a list of lengths of time"),
        ({"event": "starts_soon", "before": timedelta(days=1)}, "before must be a list of lengths of time"),
        ({"event": "starts_soon", "before": [7]}, "before must be a timedelta or ISO 8601 text"),
        ({"event": "starts_soon", "before": ["PT2M"]}, r"before must be 3 intervals \(0:03:00\) or more"),
        ({"event": "starts_soon", "before": [timedelta(0)], "interval": 5}, "before"),
        ({"room_id": "None"}, "room_id must be the positive number of something that exists on ClickMeeting"),
        ({"room_id": ""}, "room_id"),
        ({"room_id": 0}, "room_id"),
        ({"room_id": True}, "room_id"),
        ({"room_id": 7, "room_name": "Weekly*"}, "room_id must be left out for conference_created, and with room_name"),
        ({"event": "conference_created", "room_id": 7}, "room_id"),
        ({"room_name": ""}, "room_name must be a text that is not blank"),
        ({"room_name": "None"}, "room_name"),
        ({"room_name": 7}, "room_name"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_by_name(wrong, names):
    with pytest.raises(ValueError, match=names):
        clickmeeting_asset(**{"event": "session_ended"} | wrong)


def test_a_dag_that_is_scheduled_on_assets_is_serialized(clickmeeting_sandbox):
    assets = [clickmeeting_asset("session_ended", room_name="Weekly*"), clickmeeting_asset("registration", room_id=7)]
    with DAG("follow_up", schedule=assets) as dag:
        pass
    written = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(written)
    found = {asset.name: asset for _, asset in again.timetable.asset_condition.iter_assets()}
    assert found.keys() == {asset.name for asset in assets}
    for asset in assets:
        path, arguments = asset.watchers[0].trigger.serialize()
        (watcher,) = found[asset.name].watchers
        assert (watcher.name, watcher.trigger["classpath"]) == (asset.watchers[0].name, path)
        assert path in json.dumps(written)
        assert arguments["asset_name"] == asset.name
    assert clickmeeting_sandbox.api_key not in json.dumps(written)


def test_importing_it_into_a_dag_file_loads_no_heavy_package_and_no_hook():
    script = """
import sys, airflow.sdk
# the first asset loads what all installed providers know about the addresses of assets
airflow.sdk.DAG, airflow.sdk.Asset("other://first/asset")
before = set(sys.modules)
from airflow_clickmeeting.triggers.events import clickmeeting_asset
clickmeeting_asset("session_ended", room_id=7)
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    heavy = {"requests", "aiohttp", "httpx", "pandas", "pyarrow", "starlette", "uvicorn"}
    own = {"hooks.clickmeeting", "hooks.httpx_transport", "hooks.requests_transport", "triggers.feeds", "conditions"}
    assert "airflow_clickmeeting.triggers.watcher" in loaded
    assert heavy.isdisjoint(loaded)
    assert {f"airflow_clickmeeting.{module}" for module in own}.isdisjoint(loaded)
