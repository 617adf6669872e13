"""People sent one by one, several at a time, so that nobody is sent twice whatever becomes of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

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
from airflow_clickmeeting.people.forms import Form, Sent
from airflow_clickmeeting.people.ledger import Ledger
from airflow_clickmeeting.people.people_list import Row, Spool
from airflow_clickmeeting.people.results import Outcomes

Begun = tuple[Row, "Future[Sent]"]

ROUNDS = 3
ALIKE = 20
DONE = ("created", "already_registered")
# it may have been done all the same, or may be done later
UNSURE = (ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError)


class Streak:
    """Tells when it makes no sense to go on: so many in turn came to the same trouble, and nobody was taken."""

    def __init__(self) -> None:
        self._alike: tuple[object, ...] = ()
        self._length = 0
        self._error: ClickMeetingError | None = None

    def add(self, error: ClickMeetingError | None) -> None:
        """Count trouble; None is a success. What is wrong with a field of the form is wrong with one row only."""
        if error is None:
            self._length = 0
        elif not any(name.isdecimal() for name in error.fields):
            alike = (type(error), error.code, error.name)
            self._length = self._length + 1 if alike == self._alike else 1
            self._alike = alike
            self._error = error

    @property
    def too_long(self) -> bool:
        """Whether to stop."""
        return self._length >= ALIKE

    @property
    def refused_by(self) -> ClickMeetingError | None:
        """What would refuse everybody; None where that is not clear, or not so any more."""
        return None if not self.too_long or isinstance(self._error, UNSURE) else self._error


class Sender:
    """Sends rows in rounds: whoever had no clear answer is looked for after each, and sent again if not there.

    :param form: what is sent.
    :param ledger: is asked who was sent before.
    :param outcomes: is told what becomes of everybody.
    :param max_parallel: how many requests at a time.
    """

    def __init__(self, form: Form, ledger: Ledger, outcomes: Outcomes, max_parallel: int) -> None:
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
            left = self._round(absent)
            if left:
                time.sleep(policy.FIRST_PAUSE * 2**number)
        for row in self._absent(left):
            self._settle(row, "failed", row.trouble or "not tried, for ClickMeeting gave no clear answers any more")

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

    def _round(self, rows: Iterable[Row]) -> Spool:
        """Send rows, and return those that had no clear answer."""
        left = Spool()
        streak = Streak()
        waiting = iter(rows)
        pool = ThreadPoolExecutor(self._max_parallel, "clickmeeting")
        try:
            for row, answer in self._as_they_come(self._begun(pool, waiting, streak)):
                self._take(row, answer, left, streak)
        finally:
            pool.shutdown(cancel_futures=True)  # and wait, so that nothing is sent after a task that failed
        for row in waiting:
            if (error := streak.refused_by) is None:
                left.add(row)
            else:
                why = f"not tried, for {ALIKE} in turn were refused alike: {self._form.why(error)}"
                self._settle(row, "failed", why)
        return left

    def _begun(self, pool: ThreadPoolExecutor, rows: Iterator[Row], streak: Streak) -> Iterator[Begun]:
        while not streak.too_long and (row := next(rows, None)):
            yield row, pool.submit(self._form.send, row.fields)

    def _as_they_come(self, begun: Iterable[Begun]) -> Iterator[Begun]:
        """Yield answers in the order in which they come, having begun no more than keeps all threads busy."""
        waiting: dict[Future[Sent], Row] = {}
        for row, answer in begun:
            waiting[answer] = row
            if len(waiting) == 2 * self._max_parallel:
                for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(done), done
        for done in as_completed(waiting):
            yield waiting[done], done

    def _take(self, row: Row, answer: Future[Sent], left: Spool, streak: Streak) -> None:
        """Settle a row, or leave it."""
        try:
            sent = answer.result()
        except UNSURE as error:
            if (error.retry_after or 0) > policy.LONGEST_PAUSE:
                raise
            left.add(row._replace(trouble=self._form.why(error)))
            streak.add(error)
        except ClickMeetingError as error:
            if isinstance(error, AuthenticationError | NotFoundError) or registration_is_off(error):
                self._form.look()
            self._settle(row, "failed", self._form.why(error))
            streak.add(error)
        else:
            self._settle(row, sent.outcome, link=sent.link)
            streak.add(None)

    def _settle(self, row: Row, outcome: str, why: str | None = None, *, link: str | None = None) -> None:
        self._outcomes.settle(row.email, row.number, outcome, why, link=link)
