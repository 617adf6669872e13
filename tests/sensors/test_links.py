"""The link to the room of a sensor that waited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import DAG

from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionStartedSensor


@pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferrable"])
def test_it_is_there_if_the_worker_or_the_trigger_has_read_the_room(
    run_dag, sandbox, room_id, after_request, deferrable
):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    began = sandbox.now - timedelta(hours=1)
    with DAG("wait_and_link", schedule=None) as dag:
        ClickMeetingSessionStartedSensor(
            task_id="wait", room_id=str(room_id), since=began, poke_interval=0.02, timeout=600, deferrable=deferrable
        )
    # the session is there after the sensor has asked for the room, whose name its log has
    after_request("get_conference", lambda: sandbox.play(room_id, start=began, end=sandbox.now))
    run = run_dag(dag)
    assert run.state == "success"
    link = select(XComModel.value).filter_by(dag_id=run.dag_id, run_id=run.run_id, key="_link_RoomLink")
    with create_session() as session:
        assert session.scalar(link).strip('"').endswith(".clickmeeting.example/talk")
