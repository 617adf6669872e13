"""What became of the rows of a list: noted in the ledger, counted, and whether too many failed."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.failures import Failure, FailureLog
from airflow_clickmeeting.people.ledger import Ledger

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

ROWS_BETWEEN_LOGS = 1000
FAILED = ("invalid", "failed")
ADVICE = "Correct the rows or raise max_failures; a retry with the same ledger sends only those that failed."


class BulkResult(TypedDict):
    """What became of a list: all rows by outcome, duplicates included, and the first hundred failures."""

    rows: int
    duplicates: int
    created: int
    unchanged: int
    invalid: int
    failed: int
    ledger: str | None
    failures: list[Failure]
    failure_count: int


class Outcomes:
    """Counts rows by outcome, and collects those that failed.

    :param ledger: where each person's outcome is noted.
    :param log: gets each reason for failures once, and the progress.
    """

    def __init__(self, ledger: Ledger, log: Logger | logging.Logger) -> None:
        self._ledger = ledger
        self._log = log
        self.counts: Counter[str] = Counter()
        self.failures = FailureLog(log)

    def settle(
        self, email: str | None, row: int, outcome: str, why: str | None = None, *, link: str | None = None
    ) -> None:
        """Note what became of a person, or with None of a row that names nobody."""
        self._ledger.put(email, row=row, outcome=outcome, why=why, link=link)
        self.count(row, outcome, why)

    def invalid(self, row: int, why: str) -> None:
        """Note that a row is not valid."""
        self.settle(None, row, "invalid", why)

    def count(self, row: int, outcome: str, why: str | None = None) -> None:
        """Count a row, and add it to the failures if it is one."""
        self.counts[outcome] += 1
        if self.rows % ROWS_BETWEEN_LOGS == 0:
            self._log.info("So far %s", str(self))
        if outcome in FAILED:
            self.failures.add(why or outcome, row=row)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self.counts.total()

    def __str__(self) -> str:
        return f"{self.rows} rows: {', '.join(f'{count} {outcome}' for outcome, count in sorted(self.counts.items()))}"

    def check(self, max_failures: float) -> None:
        """Log the totals, and raise when more rows failed than may."""
        self._log.info("%s", str(self))
        self.failures.log_counts()
        self.failures.check(max_failures, self.rows, f"All {self}. {ADVICE}")

    def result(self) -> BulkResult:
        """Return the counts and the failures."""
        counts = self.counts
        return {
            "rows": self.rows,
            "duplicates": counts["duplicate"],
            "created": counts["created"],
            "unchanged": counts["already_registered"],
            "invalid": counts["invalid"],
            "failed": counts["failed"],
            "ledger": None if self._ledger.path is None else str(self._ledger.path),
            "failures": self.failures.kept,
            "failure_count": self.failures.count,
        }
