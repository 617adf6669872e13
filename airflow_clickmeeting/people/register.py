"""Send the people of a list one by one, several at a time, and nobody twice even if responses are lost."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.datasets.fetch import registration_is_off
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
)
from airflow_clickmeeting.failures import Failure, FailureLog
from airflow_clickmeeting.hooks import policy
from airflow_clickmeeting.people.forms import Target
from airflow_clickmeeting.people.ledger import Ledger
from airflow_clickmeeting.people.people_list import PeopleList, Person, Spool

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

ROUNDS = 3
MAX_SAME_ERRORS = 20
DONE = ("created", "already_registered")
#: the outcomes of the ledger, as the log and errors call them
WORDS = {
    "created": "created",
    "already_registered": "already there",
    "duplicate": "in the list twice",
    "invalid": "invalid",
    "failed": "failed",
}
ROWS_BETWEEN_LOGS = 1000
# after these errors the request may have had its effect, or may succeed later
UNSURE = (ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError)
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


class CircuitBreaker:
    """Opens when `MAX_SAME_ERRORS` requests in a row failed for the same reason; then nothing new is sent.

    The threads that send record each outcome before they take the next row. So when the breaker opens, no more requests
    are in progress than there are threads. Only one thread at a time may call a method.
    """

    def __init__(self) -> None:
        self._recorded = 0
        self._reason: tuple[object, ...] = ()
        self._length = 0
        self._began = 0
        self._error: ClickMeetingError | None = None
        self.is_open = False

    def start(self) -> int:
        """Return what `record` needs to know of a request that starts now: how many outcomes came before it."""
        return self._recorded

    def record(self, started: int, error: ClickMeetingError | None) -> None:
        """Record the outcome of a request: a failure, or with None a success.

        A success ends the row of failures, unless its request started before the first of them was known. An error of
        a field concerns one person only, so it does not count.
        """
        self._recorded += 1
        if error is None:
            if started >= self._began:
                self._length = 0
        elif not any(name.isdecimal() for name in error.fields):
            reason = (type(error), error.code, error.name)
            if not self._length or reason != self._reason:
                self._length, self._began = 0, self._recorded
            self._length += 1
            self._reason = reason
            self._error = error
        self.is_open = self.is_open or self._length >= MAX_SAME_ERRORS

    @property
    def refused_by(self) -> ClickMeetingError | None:
        """The error with which ClickMeeting refuses everybody; None if that is not certain."""
        certain = self._length >= MAX_SAME_ERRORS and not isinstance(self._error, UNSURE)
        return self._error if certain else None


class BulkRegistrar:
    """Sends people in rounds: after each, it looks up those without a clear response, and sends the missing ones again.

    :param target: where the people are sent.
    :param ledger: knows who was sent before, and keeps the outcome of each person.
    :param log: gets the progress, and each reason for failures once.
    :param max_parallel: how many requests to send at a time.
    """

    def __init__(self, target: Target, ledger: Ledger, log: Logger | logging.Logger, max_parallel: int) -> None:
        self._target = target
        self._ledger = ledger
        self._log = log
        self._max_parallel = max_parallel
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        # after a "not found" for one person, the target itself is there
        self._failures = FailureLog(log, missing_may_pass=True)

    def send(self, people_list: PeopleList) -> None:
        """Send all valid people whom neither the ledger nor the target has.

        :raises ClickMeetingError: for an error that concerns every person.
        """
        self._counts["duplicate"] += people_list.duplicates
        for row, reason, _ in people_list.invalid:
            self._settle(None, row, "invalid", reason, permanent=True)
        left = Spool(Person)
        for person in people_list.people:
            entry = self._ledger.get(person.key)
            if entry is None or entry["outcome"] not in DONE:
                left.add(person)
            else:
                self._count(person.row, "already_registered")
        for number in range(1, ROUNDS + 1):
            missing = self._settle_existing(left)
            left = Spool(Person)
            if missing.count:
                self._send_round(missing, left)
            if not left.count:
                return
            time.sleep(policy.FIRST_PAUSE * 2**number)
        for person in self._settle_existing(left):
            reason = person.error or "not sent, because ClickMeeting gave no clear responses"
            self._settle(person.key, person.row, "failed", reason)

    def conclude(self, max_failures: float) -> BulkResult:
        """Log and return the numbers of rows, or fail.

        :raises AirflowException: if more rows failed than the task accepts; if no retry can send any of them, it is an
            `AirflowFailException`.
        """
        counts, failures = self._counts, self._failures
        self._log.info("%s", self._summary())
        if failures.count:
            failures.log_counts()
            failures.check(max_failures, counts.total(), f"All {self._summary()}. {ADVICE}")
        return {
            "rows": counts.total(),
            "duplicates": counts["duplicate"],
            "created": counts["created"],
            "unchanged": counts["already_registered"],
            "invalid": counts["invalid"],
            "failed": counts["failed"],
            "ledger": None if self._ledger.path is None else str(self._ledger.path),
            "failures": failures.kept,
            "failure_count": failures.count,
        }

    def _settle_existing(self, people: Spool[Person]) -> Spool[Person]:
        """Settle those whom the target has, and return the others."""
        if not people.count:
            return people
        existing = self._target.read_existing()
        missing = Spool(Person)
        for person in people:
            if person.key in existing:
                # after a lost response, it was the request of this task that created the entry
                outcome = "created" if person.error else "already_registered"
                self._settle(person.key, person.row, outcome, link=existing[person.key])
            else:
                missing.add(person)
        return missing

    def _send_round(self, people: Spool[Person], unclear: Spool[Person]) -> None:
        """Send people from several threads, and add those without a clear response to `unclear`."""
        breaker, waiting = CircuitBreaker(), iter(people)
        size = min(self._max_parallel, people.count)
        with ThreadPoolExecutor(size, "clickmeeting") as pool:
            threads = [pool.submit(self._send_next, waiting, breaker, unclear) for _ in range(size)]
            try:
                for thread in as_completed(threads):
                    thread.result()
            finally:
                # after an error, the other threads complete their request and stop
                breaker.is_open = True
        for person in waiting:
            if (error := breaker.refused_by) is None:
                unclear.add(person)
            else:
                refused = f"{MAX_SAME_ERRORS} requests in a row were refused: {self._target.reason(error)}"
                permanent = self._failures.is_permanent(error)
                self._settle(person.key, person.row, "failed", f"not sent, because {refused}", permanent=permanent)

    def _send_next(self, waiting: Iterator[Person], breaker: CircuitBreaker, unclear: Spool[Person]) -> None:
        """Send one person after the other, in a thread, until nobody waits or the breaker is open."""
        while True:
            with self._lock:
                if breaker.is_open or (person := next(waiting, None)) is None:
                    return
                started = breaker.start()
            self._ledger.check()
            try:
                sent = self._target.send(person.fields)
            except ClickMeetingError as error:
                with self._lock:
                    breaker.record(started, error)
                    self._handle_error(person, error, unclear)
            else:
                with self._lock:
                    breaker.record(started, None)
                    self._settle(person.key, person.row, sent.outcome, link=sent.link)

    def _handle_error(self, person: Person, error: ClickMeetingError, unclear: Spool[Person]) -> None:
        """Settle a person as failed, or keep the person for the next round."""
        reason = self._target.reason(error)
        if isinstance(error, UNSURE):
            if (error.retry_after or 0) > policy.MAX_PAUSE:
                raise error
            unclear.add(person._replace(error=reason))
        else:
            if isinstance(error, AuthenticationError | NotFoundError) or registration_is_off(error):
                self._target.check_access()
            self._settle(person.key, person.row, "failed", reason, permanent=self._failures.is_permanent(error))

    def _settle(
        self,
        key: str | None,
        row: int,
        outcome: str,
        reason: str | None = None,
        *,
        permanent: bool = False,
        link: str | None = None,
    ) -> None:
        """Count the outcome of a row, and write it to the ledger."""
        self._count(row, outcome, reason, permanent=permanent)
        self._ledger.put(key, row=row, outcome=outcome, why=reason, link=link)

    def _count(self, row: int, outcome: str, reason: str | None = None, *, permanent: bool = False) -> None:
        self._counts[outcome] += 1
        if outcome in ("invalid", "failed"):
            self._failures.add(reason or outcome, permanent, row=row)
        if self._counts.total() % ROWS_BETWEEN_LOGS == 0:
            self._log.info("So far %s", self._summary())

    def _summary(self) -> str:
        shown = (outcome for outcome in WORDS if self._counts[outcome] or outcome in DONE)
        return f"{self._counts.total()} rows: {', '.join(f'{self._counts[each]} {WORDS[each]}' for each in shown)}"
