"""Wait for something that has no sensor of its own: poll any method of the hook in a `@task.sensor`.

This DAG waits until enough people have confirmed their registration for a room, for two weeks at most.

- **It needs** a room with registration on.
- **When it fails**, too few people had confirmed after two weeks, or a poll failed: such a sensor tolerates no failed
  poll, unlike the sensors of the provider.
- **A second run** does no harm, because the DAG only reads.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, PokeReturnValue, dag, task

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={
        "room_id": Param(
            10000112,  # the sandbox's room "Customer academy"
            type="integer",
            minimum=1,
            description="The id of a room with registration on; the room's page under Browse > Webinars shows it",
        ),
        "wanted": Param(20, type="integer", minimum=1, description="How many confirmed registrations are enough"),
    },
)
def task_sensor():
    # the task occupies no worker slot between two polls
    @task.sensor(mode="reschedule", poke_interval=300, timeout=14 * 86400)
    def enough_confirmed(params: dict | None = None) -> PokeReturnValue:
        people = ClickMeetingHook().list_registrations(params["room_id"])
        confirmed = sum(person["registration_confirmed"] is not None for person in people)
        return PokeReturnValue(
            is_done=confirmed >= params["wanted"],
            xcom_value={"confirmed": confirmed, "registered": len(people)},
        )

    @task
    def report(numbers: dict) -> None:
        print(f"{numbers['confirmed']} of {numbers['registered']} registrations are confirmed: the webinar takes place")

    report(enough_confirmed())


task_sensor()
