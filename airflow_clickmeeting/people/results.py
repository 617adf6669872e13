"""What became of the rows of a list: told to the ledger, counted, and whether too many came to nothing."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, TypedDict

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.datasets.fetch import MOST_KEPT
from airflow_clickmeeting.exceptions import first_few
from airflow_clickmeeting.people.ledger import Ledger

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


PROGRESS = 1000
BAD = ("invalid", "failed")


class Fault(TypedDict):
    """A row that came to nothing: its number, `invalid` or `failed`, and why."""

    row: int
    outcome: str
    why: str


class Done(TypedDict):
    """What became of a list: rows by outcome, which with the duplicates are all rows, and the first hundred faults."""

    rows: int
    duplicates: int
    created: int
    already_registered: int
    invalid: int
    failed: int
    ledger: str | None
    faults: list[Fault]


class Outcomes:
    """How many rows came to what, and the first hundred that came to nothing.

    :param ledger: is told of each person.
    :param log: is told of what came to nothing, and how far it is.
    """

    def __init__(self, ledger: Ledger, log: Logger | logging.Logger) -> None:
        self._ledger = ledger
        self._log = log
        self.counts: Counter[str] = Counter()
        self.faults: list[Fault] = []

    def settle(
        self, email: str | None, row: int, outcome: str, why: str | None = None, *, link: str | None = None
    ) -> None:
        """Note what became of a person; of None, a row that names nobody."""
        self._ledger.put(email, row=row, outcome=outcome, why=why, link=link)
        self.count(row, outcome, why)

    def invalid(self, row: int, why: str) -> None:
        """Note that a row is not valid."""
        self.settle(None, row, "invalid", why)

    def count(self, row: int, outcome: str, why: str | None = None) -> None:
        """Count a row, and tell the log if it came to nothing."""
        self.counts[outcome] += 1
        if self.rows % PROGRESS == 0:
            self._log.info("So far %s", str(self))
        if outcome in BAD and self.bad <= MOST_KEPT:
            self.faults.append({"row": row, "outcome": outcome, "why": why or ""})
            self._log.warning("%s", _told(self.faults[-1]))

    @property
    def rows(self) -> int:
        """How many rows there were."""
        return self.counts.total()

    @property
    def bad(self) -> int:
        """How many came to nothing."""
        return sum(self.counts[outcome] for outcome in BAD)

    def __str__(self) -> str:
        return f"{self.rows} rows: {', '.join(f'{count} {outcome}' for outcome, count in sorted(self.counts.items()))}"

    def check(self, max_failures: int, max_failure_share: float) -> None:
        """Raise when more rows came to nothing than both a number and a share of all rows allow."""
        allowed = max(max_failures, int(max_failure_share * self.rows))
        if self.bad <= allowed:
            return
        first = first_few([*map(_told, self.faults)], count=self.bad)
        raise AirflowException(f"{self}. {self.bad} came to nothing, where {allowed} may: {first}")

    def result(self) -> Done:
        """Return the counts and the faults."""
        counts = self.counts
        return {
            "rows": self.rows,
            "duplicates": counts["duplicate"],
            "created": counts["created"],
            "already_registered": counts["already_registered"],
            "invalid": counts["invalid"],
            "failed": counts["failed"],
            "ledger": None if self._ledger.path is None else str(self._ledger.path),
            "faults": self.faults,
        }


def _told(fault: Fault) -> str:
    return f"row {fault['row']} {fault['outcome']}: {fault['why']}"
