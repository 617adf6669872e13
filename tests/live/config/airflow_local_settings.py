"""Read by every process of Airflow: the sandbox bears many requests, so pauses are short, as in tests/conftest.py."""

from airflow_clickmeeting.hooks import policy
from airflow_clickmeeting.triggers import condition, events, watcher
from airflow_clickmeeting.waiting import polling

SECONDS = (
    (policy, "FIRST_PAUSE", 0.1),
    (condition, "MIN_INTERVAL", 1.0),
    (events, "MIN_INTERVAL", 1.0),
    (watcher, "READ_AGAIN", 1.0),
    (polling, "FIRST_PAUSE_AFTER_FAILURE", 1.0),
    (polling, "MAX_PAUSE_AFTER_FAILURE", 2.0),
)

for module, name, seconds in SECONDS:
    assert hasattr(module, name), f"{module.__name__}.{name}"
    setattr(module, name, seconds)
