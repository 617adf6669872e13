"""Each part of the cluster runs on a machine of its own, and its folder has the machine's name."""

import os
from pathlib import Path


def name() -> str:
    """Return the hostname that Airflow notes for its jobs and its tasks."""
    return Path(os.environ["AIRFLOW_HOME"]).name
