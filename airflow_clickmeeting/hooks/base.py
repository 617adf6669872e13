"""What both hooks have in common: the connection type, errors, and ClickMeeting's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import ClickMeetingError, error_for
from airflow_clickmeeting.hooks.operations import Operations
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID


class BaseClickMeetingHook(Operations, BaseHook):
    """Base of both hooks: one account, identified by its connection."""

    conn_name_attr = "clickmeeting_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "clickmeeting"
    hook_name = "ClickMeeting"

    clickmeeting_conn_id: str
    #: the level of the log line about each call
    log_level: int
    #: how far ClickMeeting's clock was ahead of the local one at the last response
    clock_offset = timedelta(0)

    def now(self) -> datetime:
        """Return the time by ClickMeeting's clock, or the local time before the first response."""
        return datetime.now(UTC) + self.clock_offset

    def error(self, problem: ApiError, call: Call[Any]) -> ClickMeetingError:
        """Return the exception for an error of a call."""
        return error_for(problem, call.title, self.clickmeeting_conn_id, call.path)

    def _no_connection(self, error: AirflowNotFoundException) -> AirflowNotFoundException:
        return AirflowNotFoundException(
            f"{error}. Create it in the UI under Admin > Connections (type ClickMeeting), or with: "
            f"airflow connections add {self.clickmeeting_conn_id} --conn-type clickmeeting --conn-password API_KEY"
        )
