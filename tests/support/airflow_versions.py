"""What differs between the releases of Airflow and only tests need; see also airflow_clickmeeting/compat.py."""

from __future__ import annotations

import pytest
from airflow import __version__
from packaging.version import Version

try:
    from airflow.sdk.log import redact
except ImportError:  # 3.1.0 to 3.1.5
    from airflow.sdk.execution_time.secrets_masker import redact

try:
    from airflow.sdk.exceptions import TaskDeferred
    from airflow.sdk.lineage import HookLineageCollector
except ImportError:  # 3.1
    from airflow.exceptions import TaskDeferred
    from airflow.lineage.hook import HookLineageCollector

__all__ = ["HookLineageCollector", "TaskDeferred", "needs_airflow", "redact"]


def needs_airflow(version: str, reason: str) -> pytest.MarkDecorator:
    """Skip a test before the release that corrected a mistake of Airflow.

    :param reason: what older releases do.
    """
    return pytest.mark.skipif(Version(__version__) < Version(version), reason=reason)
