"""Register the page with Airflow.

The scheduler, the triggerer and the processor of DAG files import this module too, so it imports the page only if it
is switched on and somebody asks for it, which only the API server does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

#: the path of the page's own app, below Airflow's root path
PREFIX = "/clickmeeting"


class ClickMeetingPlugin(AirflowPlugin):
    """Adds the page if the setting `[clickmeeting] webinars_page` is true; else nothing.

    The lists are properties, because Airflow creates an instance of a plugin that it finds by its entry point.
    """

    name = "clickmeeting"

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The app that serves the page."""
        if not self._is_on:
            return []
        from airflow_clickmeeting.ui.app import app

        return [{"app": app, "url_prefix": PREFIX, "name": "ClickMeeting"}]

    @cached_property
    def external_views(self) -> list[Any]:  # type: ignore[override]
        """The entry in the menu Browse, with an icon for each theme."""
        if not self._is_on:
            return []
        from airflow_clickmeeting.ui.access import BASE, PAGE

        return [
            {
                "name": "Webinars",
                "href": PAGE,
                "destination": "nav",
                "category": "browse",
                "url_route": "webinars",
                "icon": f"{BASE}/static/icon.svg",
                "icon_dark_mode": f"{BASE}/static/icon-dark.svg",
            }
        ]

    @cached_property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """The buttons of this provider's tasks that lead to the page."""
        if not self._is_on:
            return []
        from airflow_clickmeeting.ui.link import SessionStatisticsLink, WebinarsLink

        return [WebinarsLink(), SessionStatisticsLink()]

    @cached_property
    def _is_on(self) -> bool:
        # Airflow 3.1 knows the default only after it has read the provider's description, which may be later
        return conf.getboolean("clickmeeting", "webinars_page", fallback=False)
