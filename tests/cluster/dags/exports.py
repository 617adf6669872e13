"""Exports the attendees of every room of the account, a file for each room."""

from airflow.sdk import DAG

from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator

with DAG("exports", schedule=None):
    ClickMeetingExportAttendeesOperator(
        task_id="export",
        clickmeeting_conn_id="exported",
        path="s3://s3@cluster/exports/{room_id}.csv",
        max_parallel=8,
    )
