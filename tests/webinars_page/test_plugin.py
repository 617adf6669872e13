"""The plugin: nothing is there before it is switched on, and what Airflow reads of it then."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from thorough import everyday

SWITCH = "AIRFLOW__CLICKMEETING__WEBINARS_PAGE"
PLUGIN = """
import json, sys
from airflow_clickmeeting.ui.plugin import ClickMeetingPlugin
plugin = ClickMeetingPlugin()
lists = [plugin.fastapi_apps, plugin.external_views, plugin.operator_extra_links]
loaded = [name for name in sys.modules if name.startswith("airflow_clickmeeting.")]
print(json.dumps({"lengths": [*map(len, lists)], "loaded": sorted(loaded), "views": plugin.external_views}))
"""


def in_a_process_of_its_own(**settings: str) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != SWITCH} | settings
    done = subprocess.run([sys.executable, "-c", PLUGIN], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_page_is_off_and_not_even_imported():
    plugin = in_a_process_of_its_own()
    assert plugin["lengths"] == [0, 0, 0]
    described = {"airflow_clickmeeting.get_provider_info"}  # Airflow reads the setting's default there
    assert {*plugin["loaded"]} - described == {"airflow_clickmeeting.ui", "airflow_clickmeeting.ui.plugin"}


@pytest.mark.parametrize("root", everyday(["/airflow", ""]))
def test_it_can_be_switched_on_and_every_address_has_airflows_root_path(root):
    switched_on = {SWITCH: "True", "AIRFLOW__API__BASE_URL": f"http://localhost{root}"}
    plugin = in_a_process_of_its_own(**switched_on)
    assert plugin["lengths"] == [1, 1, 2]
    (view,) = plugin["views"]
    assert view == {
        "name": "Webinars",
        "href": f"{root}/clickmeeting/webinars",
        "destination": "nav",
        "category": "browse",
        "url_route": "webinars",
        "icon": f"{root}/clickmeeting/static/icon.svg",
        "icon_dark_mode": f"{root}/clickmeeting/static/icon-dark.svg",
    }


def test_airflow_finds_the_plugin_by_its_entry_point():
    from airflow_clickmeeting.ui.plugin import ClickMeetingPlugin

    (found,) = [each for each in entry_points(group="airflow.plugins") if each.name == "clickmeeting"]
    assert found.load() is ClickMeetingPlugin


def test_the_settings_are_described_with_their_defaults():
    from airflow_clickmeeting.get_provider_info import get_provider_info

    info: dict = get_provider_info()
    options = info["config"]["clickmeeting"]["options"]
    assert {name: option["default"] for name, option in options.items()} == {
        "file_urls": None,
        "webinars_page": "False",
        "webinars_connections": "clickmeeting_default",
    }


GET = "ClickMeetingGetConferenceOperator"
CREATE = "ClickMeetingCreateConferenceOperator"
SENSOR = "ClickMeetingSessionEndedSensor"


@pytest.mark.parametrize(
    ("task_type", "fields", "result", "link"),
    [
        (GET, {"clickmeeting_conn_id": "sales team", "room_id": "12"}, {}, "/sales%20team/rooms/12"),
        (GET, {"clickmeeting_conn_id": "../x", "room_id": "../12"}, {}, "/..%2Fx"),
        (GET, {"room_id": 12}, {}, "/clickmeeting_default/rooms/12"),
        (GET, {"room_id": 12}, {"session_id": 3, "id": 99}, "/clickmeeting_default/rooms/12"),
        (GET, {"room_id": 12, "session_id": "3"}, {}, "/clickmeeting_default/rooms/12/sessions/3"),
        (GET, {"room_id": 12, "session_id": "all"}, {}, "/clickmeeting_default/rooms/12"),
        (CREATE, {"name": "Talk"}, {"id": 12}, "/clickmeeting_default/rooms/12"),
        (CREATE, {"name": "Talk"}, {}, "/clickmeeting_default"),
        (SENSOR, {"room_id": 12, "session_id": "all"}, {"session_id": 3}, "/clickmeeting_default/rooms/12/sessions/3"),
        (SENSOR, {"room_id": 12, "session_id": "all"}, {}, "/clickmeeting_default/rooms/12"),
        ("ClickMeetingExportSessionsOperator", {"room_id": "all", "session_id": 3}, {}, "/clickmeeting_default"),
        ("ClickMeetingPingOperator", {"clickmeeting_conn_id": "a"}, {}, "/a"),
        ("ClickMeetingPingOperator", None, {}, None),
        ("BashOperator", {"room_id": 12}, {}, None),
    ],
)
def test_a_task_leads_to_its_room_and_session(mocker, task_type, fields, result, link):
    from airflow_clickmeeting.ui.link import SessionStatisticsLink, WebinarsLink

    mocker.patch("airflow_clickmeeting.ui.access.rendered_fields", return_value=fields)
    mocker.patch("airflow_clickmeeting.ui.access.result_of", return_value=result)
    expected = f"plugin/webinars/clickmeeting/webinars{link}" if link else ""
    task: Any = SimpleNamespace(task_type=task_type)
    room, session, _ = expected.partition("/sessions/")
    assert WebinarsLink().get_link(task, ti_key=None) == room  # type: ignore[arg-type]
    assert SessionStatisticsLink().get_link(task, ti_key=None) == (expected if session else "")  # type: ignore[arg-type]


def test_all_operators_and_sensors_have_the_buttons_and_nothing_else():
    from airflow_clickmeeting.ui.link import WebinarsLink

    found = WebinarsLink().operators
    folders = ("operators", "sensors", "transfers")
    packages = [importlib.import_module(f"airflow_clickmeeting.{folder}") for folder in folders]
    paths = [(package, each.name) for package in packages for each in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for package, name in paths if name != "base"]
    offered = [getattr(module, name) for module in modules for name in getattr(module, "__all__", [])]
    assert sorted(each.__name__ for each in found) == sorted(each.__name__ for each in offered)
    assert all(issubclass(each, BaseOperator) and each.__name__.startswith("ClickMeeting") for each in found)
