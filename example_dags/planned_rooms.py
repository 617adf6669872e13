"""Keep rooms as planned: create each room once, update it when the plan changes, and undo changes by other people.

The DAG finds a room by its address, `custom_room_url_name`, so the plan may change everything else, also the name and
the start. It ignores webinars whose planned start is over.

- **It needs** the pool `clickmeeting`, whose slots limit how many tasks send requests at the same time.
- **When it fails**: the task `complain` fails for each room that ClickMeeting keeps different from the plan; its log
  lists the differences.
- **A second run** with the same plan changes nothing.
"""

from __future__ import annotations

from datetime import datetime

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckDriftOperator,
    ClickMeetingCreateConferenceOperator,
)

PLAN = [
    {
        "custom_room_url_name": "product-tour",
        "name": "Product tour",
        "starts_at": "2030-03-28 15:00",
        "timezone": "Europe/Warsaw",
        "duration": "1:00",
        "registration": {"enabled": True},
    },
    {
        "custom_room_url_name": "ask-us-anything",
        "name": "Ask us anything",
        "room_type": "meeting",
        "starts_at": "2030-03-29 11:00",
        "timezone": "America/New_York",
        "duration": "0:45",
    },
]


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Warsaw"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "pool": "clickmeeting"},
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "plan": Param(
            PLAN, type="array", description="The rooms, each with parameters of ClickMeetingCreateConferenceOperator"
        )
    },
)
def planned_rooms():
    @task
    def upcoming(params: dict | None = None) -> list[dict]:
        # ClickMeeting refuses to create a room in the past, so its own clock decides
        hook = ClickMeetingHook()
        hook.ping()
        return [each for each in params["plan"] if start_of(each) > hook.now()]

    webinars = upcoming()
    rooms = ClickMeetingCreateConferenceOperator.partial(
        task_id="rooms",
        max_active_tis_per_dag=2,
        if_exists="update",
        # without this, a room that somebody made permanent would stay so
        permanent_room=False,
    ).expand_kwargs(webinars)

    @task
    def with_ids(webinars: list[dict], rooms: list[dict]) -> list[dict]:
        return [{**webinar, "room_id": room["id"]} for webinar, room in zip(webinars, rooms)]

    # if a plan asks for what the account does not have, ClickMeeting may keep another value and still report success
    check = ClickMeetingCheckDriftOperator.partial(task_id="check", max_active_tis_per_dag=2).expand_kwargs(
        with_ids(webinars, rooms.output)
    )

    @task(retries=0)
    def complain(drift: dict) -> None:
        # Airflow skips this task for each room that is as planned
        raise RuntimeError(f"ClickMeeting keeps values that differ from the plan: {drift['differences']}")

    complain.expand(drift=check.output)


def start_of(webinar: dict) -> datetime:
    """Return the start of a planned room; without a UTC offset, it is in the time zone of the room."""
    return pendulum.instance(datetime.fromisoformat(webinar["starts_at"]), tz=webinar["timezone"])


planned_rooms()
