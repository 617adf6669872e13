"""Waits in the triggerers for the end of a session in each room that the run is started with."""

from airflow.sdk import DAG, task

from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor


@task
def rooms(dag_run):
    return dag_run.conf["rooms"]


with DAG("waits", schedule=None):
    ClickMeetingSessionEndedSensor.partial(
        task_id="wait",
        clickmeeting_conn_id="watched",
        since="{{ dag_run.conf['since'] }}",
        settle=60,
        poke_interval=10,
        deferrable=True,
        retries=2,
    ).expand(room_id=rooms())
