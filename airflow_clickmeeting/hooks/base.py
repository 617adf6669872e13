"""What both hooks know of an account."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from airflow_clickmeeting.api import http
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import ClickMeetingError, error_for
from airflow_clickmeeting.hooks.operations import Operations
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID, Settings

T = TypeVar("T")


class BaseClickMeetingHook(Operations, BaseHook):
    """What both hooks know of an account: its connection, what answers mean, and what time it is there."""

    conn_name_attr = "clickmeeting_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "clickmeeting"
    hook_name = "ClickMeeting"
    #: of the line about each call
    log_level = logging.INFO

    def __init__(self, clickmeeting_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self._ahead = timedelta(0)

    def _missing(self, error: AirflowNotFoundException) -> AirflowNotFoundException:
        return AirflowNotFoundException(
            f"{error}. Make one in the UI under Admin > Connections (type ClickMeeting), or with: "
            f"airflow connections add {self.clickmeeting_conn_id} --conn-type clickmeeting --conn-password API_KEY"
        )

    def _data(self, call: Call[T], answer: http.Answer, settings: Settings) -> T:
        """Return what an answer says, and log it, or raise what went wrong."""
        data = self._deciphered(call, answer, settings)
        self._tell(call, _summary(data))
        return data

    def _deciphered(self, call: Call[T], answer: http.Answer, settings: Settings) -> T:
        if (there := http.server_time(answer.headers)) is not None:
            self._ahead = there - datetime.now(UTC)
        data = http.decode(call, answer, datetime.now(UTC), secrets=(settings.key,))
        if isinstance(data, ApiError):
            raise self._error(data, call)
        return data

    def _error(self, problem: ApiError, call: Call[Any]) -> ClickMeetingError:
        return error_for(problem, call.name, self.clickmeeting_conn_id, call.path)

    def _tell(self, call: Call[Any], what: str) -> None:
        self.log.log(self.log_level, "%s (%s %s): %s", call.name, call.method, call.path, what)

    def now(self) -> datetime:
        """Return the time by ClickMeeting's own clock, as its last answer told it; the local time before that."""
        return datetime.now(UTC) + self._ahead


def _summary(data: object) -> str:
    """Say what came of a call without naming anybody."""
    if isinstance(data, list):
        return f"{len(data)} found"
    if isinstance(data, dict) and "id" in data:
        return f"id {data['id']}"
    return str(data) if isinstance(data, bool) else "done"
