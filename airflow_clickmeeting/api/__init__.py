"""ClickMeeting itself: what can be asked and what the answers mean. No Airflow, no I/O, no clock."""
