"""Follows up each session of the account that has ended, by writing what was told of it into a file."""

import json
import os
from pathlib import Path

from airflow.sdk import dag, task

from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended", clickmeeting_conn_id="watched", interval=1, settle=60)


@dag(schedule=[ENDED], catchup=False)
def follow_up():
    @task
    def follow_up(triggering_asset_events):
        payloads = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        with (Path(os.environ["AIRFLOW_HOME"]) / "followed_up.jsonl").open("a") as file:
            file.writelines(f"{json.dumps(payload)}\n" for payload in payloads)

    follow_up()


follow_up()
