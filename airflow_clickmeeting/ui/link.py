"""The button Webinars on the tasks of this provider, which leads to the room that a task is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

#: the classes of all operators and sensors of this provider begin with it
CLASS_PREFIX = "ClickMeeting"


class WebinarsLink(BaseOperatorLink):
    """Leads from a task to the page: to its room, or to its account if the task names no single room.

    The API server computes it from the arguments that it stored when the task ran. Other tasks have no such button.
    """

    name = "Webinars"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the page, relative to Airflow's own, or an empty text."""
        if not operator.task_type.startswith(CLASS_PREFIX):
            return ""
        from airflow_clickmeeting.ui.access import PAGE, rendered_fields

        fields = rendered_fields(ti_key)
        if fields is None:  # the task has not run
            return ""
        conn_id, room_id = fields.get("clickmeeting_conn_id") or DEFAULT_CONN_ID, str(fields.get("room_id"))
        room = f"/rooms/{room_id}" if room_id.isdecimal() else ""
        return f"plugin/webinars{PAGE}/{quote(str(conn_id), safe='')}{room}"
