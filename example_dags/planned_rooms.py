"""Rooms after a plan: each is made once, follows the plan when that changes, and is put right when somebody changed it.

The address tells which room is which, so everything else of a webinar may change, its name and its start included.
"""

from __future__ import annotations

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
    default_args={"retries": 3},
    tags=["clickmeeting"],
    params={"plan": Param(PLAN, type="array", description="Parameters of ClickMeetingCreateConferenceOperator")},
)
def planned_rooms():
    @task
    def upcoming(params: dict | None = None) -> list[dict]:
        # by ClickMeeting's own clock, for it refuses to make a room in the past
        hook = ClickMeetingHook()
        hook.ping()
        return [each for each in params["plan"] if pendulum.parse(each["starts_at"], tz=each["timezone"]) > hook.now()]

    webinars = upcoming()
    rooms = ClickMeetingCreateConferenceOperator.partial(task_id="rooms", if_exists="update").expand_kwargs(webinars)

    @task
    def with_ids(webinars: list[dict], rooms: list[dict]) -> list[dict]:
        return [{**webinar, "room_id": room["id"]} for webinar, room in zip(webinars, rooms)]

    # a plan may ask for what the account cannot do, and then ClickMeeting may keep something else without a word
    check = ClickMeetingCheckDriftOperator.partial(task_id="check").expand_kwargs(with_ids(webinars, rooms.output))

    @task(retries=0)
    def complain(drift: dict) -> None:
        # skipped for each room that is as planned
        raise RuntimeError(f"ClickMeeting keeps it otherwise: {drift['differences']}")

    complain.expand(drift=check.output)


planned_rooms()
