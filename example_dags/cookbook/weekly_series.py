"""Keep the rooms of weekly webinars as a YAML file says: one room for each week, some weeks ahead.

The DAG finds a room by its address, which it makes of `series` and the day, so the name and the time may change. Times
are those of the series' time zone, also when the clocks change.

- **It needs** the Airflow Variable `clickmeeting_folder`, with the file `series.yaml` in the folder, and the pool
  `clickmeeting`.
- **When it fails** for one room, it still creates the others, and the retry creates only that one.
- **A second run** creates the room of one more week, and updates those that differ from the file.

The file:

    - series: weekly-demo
      weekday: thursday
      time: "15:00"
      timezone: Europe/Warsaw
      except: [2030-12-26]
      name: Weekly demo
      duration: "1:00"
      registration: {enabled: true}
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingCreateConferenceOperator

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "clickmeeting", "retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "file": Param("series.yaml", type="string", description="The YAML file in the folder"),
        "weeks": Param(4, type="integer", minimum=1, maximum=52, description="How many weeks ahead to create rooms"),
    },
)
def weekly_series():
    @task
    def plan(path: str, params: dict | None = None) -> list[dict]:
        import yaml  # type: ignore[import-untyped]

        hook = ClickMeetingHook()
        hook.ping()  # ClickMeeting refuses rooms in the past, so its own clock decides what is the future
        series = yaml.safe_load(ObjectStoragePath(path).read_text())
        return [room for each in series for room in rooms_of(each, hook.now(), params["weeks"])]

    planned = plan("{{ var.value.clickmeeting_folder }}/{{ params.file }}")
    rooms = ClickMeetingCreateConferenceOperator.partial(
        task_id="rooms", max_active_tis_per_dag=2, if_exists="update", permanent_room=False
    ).expand_kwargs(planned)

    @task
    def report(rooms: list[dict]) -> None:
        for room in rooms:
            what = "created" if room["created"] else f"changed {room['changed']}" if room["changed"] else "as planned"
            print(f"{room['starts_at']}  {room['name']}: {what}")

    report(rooms.output)


def rooms_of(series: dict, now: datetime, weeks: int) -> Iterator[dict]:
    """Yield the parameters of each room of a series that starts in the next weeks."""
    own = ("series", "weekday", "time", "except")
    zone, cancelled = ZoneInfo(series["timezone"]), {str(day) for day in series.get("except", ())}
    parameters = {name: value for name, value in series.items() if name not in own}
    today = now.astimezone(zone).date()
    first = today + timedelta(days=(DAYS.index(series["weekday"].lower()) - today.weekday()) % 7)
    for week in range(weeks + 1):
        day = first + timedelta(weeks=week)
        start = datetime.combine(day, datetime.strptime(series["time"], "%H:%M").time(), zone)  # noqa: DTZ007
        if now < start <= now + timedelta(weeks=weeks) and str(day) not in cancelled:
            address = {"custom_room_url_name": f"{series['series']}-{day}"}
            yield {**parameters, **address, "starts_at": f"{day} {series['time']}"}


weekly_series()
