"""Build requests to ClickMeeting's API, and read its responses. No Airflow, no I/O, no clock."""
