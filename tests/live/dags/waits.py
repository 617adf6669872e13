"""Waits in the triggerer for the end of a session in the room that the run is started with."""

from airflow.sdk import DAG

from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor

with DAG("waits", schedule=None, max_active_runs=20):
    ClickMeetingSessionEndedSensor(
        task_id="wait",
        clickmeeting_conn_id="watched",
        room_id="{{ dag_run.conf['room_id'] }}",
        since="{{ dag_run.conf['since'] }}",
        settle=60,
        poke_interval=1,
        max_consecutive_failures=1000,  # pauses are short, and the outage may take long on a slow machine
        deferrable=True,
    )
