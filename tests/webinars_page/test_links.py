"""The buttons Webinars and Session statistics of tasks, as Airflow's own API gives it after a real run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, task

from airflow_clickmeeting.operators.account import ClickMeetingPingOperator
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
)
from airflow_clickmeeting.operators.sessions import ClickMeetingGetSessionOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor

WEBINARS = "plugin/webinars/clickmeeting/webinars/clickmeeting_default"


class CallOperator(BaseOperator):
    """Somebody else's operator, whose name is a part of one of ours."""

    def __init__(self, *, room_id: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id

    def execute(self, context: Any) -> None:
        """Do nothing."""


@pytest.fixture
async def links(browser, run_dag):
    """Run a DAG, and return a function that reads the links of one of its tasks."""

    def run(dag, **kwargs):
        finished = run_dag(dag, **kwargs)

        async def links(task_id, map_index=-1):
            address = f"/api/v2/dags/{dag.dag_id}/dagRuns/{finished.run_id}/taskInstances/{task_id}/links"
            response = await browser.get(address, params={"map_index": map_index})
            assert response.status_code == 200, response.text
            return {name: url for name, url in response.json()["extra_links"].items() if url}

        return links

    return run


async def test_they_lead_to_the_room_the_session_or_the_account(clickmeeting_sandbox, links):
    room = clickmeeting_sandbox.add_room(name="Talk")
    end = clickmeeting_sandbox.now - timedelta(hours=1)
    session_id = clickmeeting_sandbox.play(room["id"], start=end - timedelta(hours=1), end=end)
    room_url = room["room_url"]
    with DAG("button_webinars", schedule=None) as dag:
        ClickMeetingPingOperator(task_id="ping")
        ClickMeetingGetConferenceOperator(task_id="room", room_id=f"{{{{ {room['id']} }}}}")
        ClickMeetingGetSessionOperator(task_id="session", room_id=room["id"], session_id=session_id)
        ClickMeetingSessionEndedSensor(
            task_id="ended", room_id=room["id"], since=end - timedelta(hours=2), settle=0, poke_interval=0.01
        )
        ClickMeetingListConferencesOperator(task_id="list")
    of = links(dag)
    assert await of("ping") == {"Webinars": WEBINARS}
    assert await of("list") == {"Webinars": WEBINARS}
    of_room = {"Webinars": f"{WEBINARS}/rooms/{room['id']}"}
    assert await of("room") == {**of_room, "Room": room_url}
    of_session = {**of_room, "Session statistics": f"{WEBINARS}/rooms/{room['id']}/sessions/{session_id}"}
    assert await of("session") == of_session
    assert await of("ended") == of_session


async def test_they_lead_to_a_room_that_the_task_created(clickmeeting_sandbox, links):
    with DAG("button_webinars_created", schedule=None) as dag:
        create = {"name": "Talk", "permanent_room": True}
        ClickMeetingCreateConferenceOperator(task_id="create", **create)
        ClickMeetingCreateConferenceOperator(task_id="quiet", do_xcom_push=False, **create)
    of = links(dag)
    (room,) = clickmeeting_sandbox.state["rooms"]
    created = await of("create")
    assert created["Webinars"] == f"{WEBINARS}/rooms/{room['id']}"
    assert await of("quiet") == {"Room": created["Room"], "Webinars": WEBINARS}


async def test_each_of_a_mapped_task_leads_to_its_own(clickmeeting_sandbox, links):
    rooms = [clickmeeting_sandbox.add_room(name=name) for name in ("First", "Second")]
    with DAG("button_webinars_mapped", schedule=None) as dag:
        ClickMeetingGetConferenceOperator.partial(task_id="room").expand(room_id=[room["id"] for room in rooms])
    of = links(dag)
    for index, room in enumerate(rooms):
        webinars = f"{WEBINARS}/rooms/{room['id']}"
        assert await of("room", index) == {"Room": room["room_url"], "Webinars": webinars}


async def test_no_other_task_has_them(links):
    @task
    def double(value: int) -> int:
        return 2 * value

    with DAG("button_webinars_others", schedule=None) as dag:
        double.override(task_id="one")(1)
        double.override(task_id="each").expand(value=[1, 2])
        CallOperator(task_id="foreign", room_id=1)
        CallOperator.partial(task_id="foreign_each").expand(room_id=[1])
    of = links(dag)
    assert await of("one") == await of("each", 1) == await of("foreign") == {}
    assert await of("foreign_each", 0) == {}, "of mapped tasks, Airflow compares parts of the names only"
