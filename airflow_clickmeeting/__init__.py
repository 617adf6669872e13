"""Apache Airflow provider for ClickMeeting, the webinar platform."""

__version__ = "0.1.0"
