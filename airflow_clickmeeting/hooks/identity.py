"""How this provider presents itself to ClickMeeting."""

from __future__ import annotations

from airflow_clickmeeting import __version__

KEY_HEADER = "X-Api-Key"
USER_AGENT = f"airflow-clickmeeting/{__version__}"
