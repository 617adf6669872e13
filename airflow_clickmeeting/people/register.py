"""People sent one by one, several at a time, so that nobody is sent twice whatever becomes of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import chain
from threading import Lock

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
from airflow_clickmeeting.hooks import policy
from airflow_clickmeeting.parallel import OrderedExecutor
from airflow_clickmeeting.people.forms import Sent, Target
from airflow_clickmeeting.people.ledger import Ledger
from airflow_clickmeeting.people.people_list import Row, Spool
from airflow_clickmeeting.people.results import Outcomes

ROUNDS = 3
MAX_SAME_ERRORS = 20
DONE = ("created", "already_registered")
# it may have been done all the same, or may be done later
UNSURE = (ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError)


class CircuitBreaker:
    """Opens when so many requests in a row failed for the same reason; then nothing new is sent.

    The threads that send record each outcome themselves, before they take the next row. So when the breaker opens, no
    more is under way than there are threads, however late anybody reads the responses.
    """

    def __init__(self) -> None:
        self._lock = Lock()
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
        with self._lock:
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
        """The error with which ClickMeeting refuses everybody; None where that is not certain."""
        certain = self._length >= MAX_SAME_ERRORS and not isinstance(self._error, UNSURE)
        return self._error if certain else None


class BulkRegistrar:
    """Sends rows in rounds: whoever had no clear answer is looked for after each, and sent again if not there.

    :param form: what is sent.
    :param ledger: is asked who was sent before.
    :param outcomes: is told what becomes of everybody.
    :param max_parallel: how many requests at a time.
    """

    def __init__(self, form: Target, ledger: Ledger, outcomes: Outcomes, max_parallel: int) -> None:
        self._form = form
        self._ledger = ledger
        self._outcomes = outcomes
        self._max_parallel = max_parallel

    def send(self, rows: Iterable[Row]) -> None:
        """Send all who are not there.

        :raises ClickMeetingError: when it would fail with everybody.
        """
        left = Spool(row for row in rows if not self._was_sent(row))
        for number in range(1, ROUNDS + 1):
            absent = self._absent(left)
            if not absent:
                return
            left = self._send_round(absent)
            if left:
                time.sleep(policy.FIRST_PAUSE * 2**number)
        for row in self._absent(left):
            self._settle(row, "failed", row.trouble or "not sent, because ClickMeeting gave no clear responses")

    def _was_sent(self, row: Row) -> bool:
        """Tell whether an earlier try has sent a row, by the ledger."""
        entry = self._ledger.get(row.email)
        if entry is None or entry["outcome"] not in DONE:
            return False
        self._outcomes.count(row.number, entry["outcome"])
        return True

    def _absent(self, rows: Spool) -> Spool:
        """Settle those who are there, and return the others."""
        if not rows:
            return rows
        there = self._form.there()
        absent = Spool()
        for row in rows:
            if row.email in there:
                # what had an answer that was lost was done by it
                self._settle(row, "created" if row.trouble else "already_registered", link=there[row.email])
            else:
                absent.add(row)
        return absent

    def _send_round(self, rows: Iterable[Row]) -> Spool:
        """Send rows, and return those that had no clear response."""
        unclear, unsent = Spool(), Spool()
        breaker = CircuitBreaker()
        waiting = iter(rows)
        executor = OrderedExecutor(self._max_parallel)
        try:
            for row, response in executor.completed(self._start(executor, waiting, breaker)):
                self._take(row, response, unclear, unsent)
        finally:
            executor.close()
        for row in chain(unsent, waiting):
            if (error := breaker.refused_by) is None:
                unclear.add(row)
            else:
                reason = f"not sent, because {MAX_SAME_ERRORS} requests in a row were refused: {self._form.why(error)}"
                self._settle(row, "failed", reason)
        return unclear

    def _start(
        self, executor: OrderedExecutor, rows: Iterator[Row], breaker: CircuitBreaker
    ) -> Iterator[tuple[Row, Future[Sent | None]]]:
        while not breaker.is_open and (row := next(rows, None)):
            yield row, executor.start(self._send, row, breaker)

    def _send(self, row: Row, breaker: CircuitBreaker) -> Sent | None:
        """Send a row in a thread; return None without sending it when the breaker is open."""
        if breaker.is_open:
            return None
        started = breaker.start()
        try:
            sent = self._form.send(row.fields)
        except ClickMeetingError as error:
            breaker.record(started, error)
            raise
        breaker.record(started, None)
        return sent

    def _take(self, row: Row, response: Future[Sent | None], unclear: Spool, unsent: Spool) -> None:
        """Settle a row, or keep it for the next round."""
        try:
            sent = response.result()
        except UNSURE as error:
            if (error.retry_after or 0) > policy.MAX_PAUSE:
                raise
            unclear.add(row._replace(trouble=self._form.why(error)))
        except ClickMeetingError as error:
            if isinstance(error, AuthenticationError | NotFoundError) or registration_is_off(error):
                self._form.look()
            self._settle(row, "failed", self._form.why(error))
        else:
            if sent is None:
                unsent.add(row)
            else:
                self._settle(row, sent.outcome, link=sent.link)

    def _settle(self, row: Row, outcome: str, why: str | None = None, *, link: str | None = None) -> None:
        self._outcomes.settle(row.email, row.number, outcome, why, link=link)
