"""The URIs of ClickMeeting's data in Airflow's assets and in lineage."""
