"""What the bulk operators return, and when they fail."""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

from airflow_clickmeeting.failures import Failure, FailureLog

ADVICE = "A retry with the same ledger sends only those that failed. Correct the rows, or raise max_failures"


class BulkResult(TypedDict):
    """The numbers of rows by outcome, duplicates included, and the first hundred failures."""

    rows: int
    duplicates: int
    created: int
    unchanged: int
    invalid: int
    failed: int
    ledger: str | None
    failures: list[Failure]
    failure_count: int


class InviteResult(TypedDict):
    """The numbers of rows by outcome, and the first hundred rows that are uncertain or failed."""

    room_id: int
    rows: int
    sent: int
    unchanged: int
    duplicates: int
    invalid: int
    failed: int
    uncertain: int
    uncertain_rows: list[int]
    failures: list[Failure]
    failure_count: int
    ledger: str


def check_failures(failures: FailureLog, max_failures: float, counts: Counter[str], summary: str) -> None:
    """Log the reasons of failures, and raise if more rows failed than the task accepts."""
    failures.log_counts()
    failures.check(max_failures, counts.total(), f"All {summary}. {ADVICE}")
