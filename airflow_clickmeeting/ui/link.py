"""The buttons on the tasks of this provider that lead to the page: to the room and the session of a task."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from airflow_clickmeeting.get_provider_info import get_provider_info
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

#: the classes of all operators and sensors of this provider begin with it
CLASS_PREFIX = "ClickMeeting"
#: the ends of the names of those that learn their room or their session only when they run
FINDERS = ("CreateConferenceOperator", "Sensor")


class PageLink(BaseOperatorLink):
    """Base of the buttons: the API server computes an address from what it stored of the task.

    These are the arguments when the task started, and for some tasks the result. So the buttons are there while the
    task runs, and take no XCom.
    """

    #: whether the button leads to the session of its task; a task without one has no such button
    of_session = False

    @cached_property
    def operators(self) -> list[Any]:  # type: ignore[override]
        """The operators and sensors of this provider; Airflow shows the button on no other tasks.

        Airflow asks for them when it reads DAGs for its API, and never if the page is off.
        """
        info: dict[str, Any] = get_provider_info()
        modules = [name for kind in ("operators", "sensors") for part in info[kind] for name in part["python-modules"]]
        modules += [part["python-module"] for part in info["transfers"]]
        return [getattr(module, name) for module in map(import_module, modules) for name in module.__all__]

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the page, relative to Airflow's own, or an empty text."""
        # Airflow takes a mapped task for one of these if its class has a part of one of their names
        if not operator.task_type.startswith(CLASS_PREFIX):
            return ""
        from airflow_clickmeeting.ui.access import PAGE, rendered_fields, result_of

        fields = rendered_fields(ti_key)
        if fields is None:  # the task has not run
            return ""
        found = result_of(ti_key) if operator.task_type.endswith(FINDERS) else {}
        account = quote(str(fields.get("clickmeeting_conn_id") or DEFAULT_CONN_ID), safe="")
        room_id = str(fields.get("room_id") or found.get("id"))
        session_id = str(found.get("session_id") or fields.get("session_id"))
        path = f"/rooms/{room_id}" if room_id.isdecimal() else ""
        if self.of_session:
            if not path or not session_id.isdecimal():
                return ""
            path += f"/sessions/{session_id}"
        return f"plugin/webinars{PAGE}/{account}{path}"


class WebinarsLink(PageLink):
    """Leads from a task to its room on the page, or to its account if the task names no single room."""

    name = "Webinars"


class SessionStatisticsLink(PageLink):
    """Leads from a task to the numbers of its session on the page, as no address of ClickMeeting for them is known."""

    name = "Session statistics"
    of_session = True
