"""Starts whenever a session of the account has ended."""

from airflow.sdk import dag, task

from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended", clickmeeting_conn_id="watched", interval=5, settle=60)


@dag(schedule=[ENDED], catchup=False)
def watches():
    @task
    def follow_up(triggering_asset_events):
        return [event.extra["payload"]["id"] for event in triggering_asset_events[ENDED]]

    follow_up()


watches()
