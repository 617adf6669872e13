"""What both hooks have in common: the connection type, errors, and ClickMeeting's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseHook

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowNotFoundException
from airflow_clickmeeting.exceptions import ClickMeetingError, error_for
from airflow_clickmeeting.hooks.operations import Operations
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

MAX_CLOCK_DIFFERENCE = timedelta(minutes=10)


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
    #: whether the last response came from a sandbox on this machine, whose clock may be far from the local one
    is_sandbox = False

    #: the clock offset that was farthest from zero in all responses so far
    worst_clock_offset = timedelta(0)
    #: the id and the URL of the room that the last response about one room had, for the links in Airflow's UI
    last_room: tuple[int, str] | None = None

    def earliest_now(self) -> datetime:
        """Return the earlier of ClickMeeting's and the local time, for decisions that cannot be undone."""
        return self.now() if self.is_sandbox else datetime.now(UTC) + min(self.clock_offset, timedelta(0))

    def clock_error(self) -> str | None:
        """Return what is wrong if ClickMeeting's and the local clock are too far apart to decide by them."""
        if self.is_sandbox or abs(self.worst_clock_offset) <= MAX_CLOCK_DIFFERENCE:
            return None
        local = datetime.now(UTC)
        remote = local + self.worst_clock_offset
        return (
            f"the clocks of this machine ({local:%Y-%m-%d %H:%M} UTC) and of ClickMeeting's response "
            f"({remote:%Y-%m-%d %H:%M} UTC) differ by more than 10 minutes; correct the one that is wrong"
        )

    def now(self) -> datetime:
        """Return the time by ClickMeeting's clock, or the local time before the first response."""
        return datetime.now(UTC) + self.clock_offset

    def error(self, problem: ApiError, call: Call[Any]) -> ClickMeetingError:
        """Return the exception for an error of a call."""
        return error_for(problem, call.title, self.clickmeeting_conn_id, call.path)

    def _no_connection(self, error: AirflowNotFoundException) -> AirflowNotFoundException:
        return AirflowNotFoundException(
            f"{error}. Create it in the UI under Admin > Connections (type ClickMeeting), or with `airflow connections "
            f"add {self.clickmeeting_conn_id} --conn-type clickmeeting --conn-password API_KEY`, then clear this task."
        )
