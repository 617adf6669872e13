"""How this provider is known to Airflow and to ClickMeeting."""

from __future__ import annotations

from airflow_clickmeeting import __version__

DEFAULT_CONN_ID = "clickmeeting_default"
KEY_HEADER = "X-Api-Key"
HEADERS = {"User-Agent": f"airflow-clickmeeting/{__version__}", "Accept": "application/json, */*;q=0.5"}
