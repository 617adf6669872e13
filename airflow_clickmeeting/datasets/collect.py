"""A dataset's rows, from however many rooms and sessions, in an order that does not change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Self

from airflow_clickmeeting.datasets.fetch import Fetcher
from airflow_clickmeeting.datasets.scope import RoomOrSession, Scope
from airflow_clickmeeting.datasets.table import Dataset, Row
from airflow_clickmeeting.failures import FailureLog

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_clickmeeting.datasets.sources import Source
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

TOLD_EVERY = 5.0
ROWS_BETWEEN = 1000


class DatasetReader:
    """What there is of a dataset in a scope; as a context, it asks for no more at its end.

    First `find` the places, and then have the `rows` of as many of them as are wanted, in whatever order.

    :param hook: the account.
    :param source: where the dataset comes from.
    :param scope: whose data is wanted.
    :param dataset: the source's, or the same with pseudonyms.
    :param max_parallel: how many requests at a time.
    :param log: is told of the progress, and of what is skipped.
    """

    def __init__(
        self,
        hook: ClickMeetingHook,
        source: Source,
        scope: Scope,
        dataset: Dataset,
        max_parallel: int,
        log: Logger,
    ) -> None:
        self.dataset = dataset
        self.source = source
        self.scope = scope
        self.failures = FailureLog(log, "items")
        self.rooms = 0
        self.sessions = 0
        self.batches = 0
        self._log = log
        self._asker = Fetcher(hook, max_parallel, self.failures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asker.close()

    def find(self) -> list[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Return each room that can be read, and what of it can be asked for: its sessions, or the room itself."""
        self._log.info("Looking for %s of %s", self.dataset.name, self.scope)
        rooms = self._rooms()
        progress = Progress(self._log.info, "rooms looked through", len(rooms))
        found = []
        for each in self.source.places(self._asker, self.scope, rooms):
            found.append(each)
            progress.step()
        self.rooms = len(found)
        return found

    def rows(self, places: Iterable[RoomOrSession]) -> Iterator[tuple[RoomOrSession, Iterator[Row] | None]]:
        """Yield each place with its rows, which must be used up before the next one; None where it was skipped."""
        places = list(places)
        progress = Progress(self._log.info, f"answers with {self.dataset.name}", len(places))
        for place, items in self.source.batches(self._asker, places):
            progress.step()
            if items is None:
                self.rooms -= not self.source.of_sessions
                yield place, None
            else:
                self.batches += 1
                self.sessions += self.source.of_sessions
                skip = partial(self._add_failure, place)
                yield place, progress.counted(self._in_period(self.dataset.rows(items, skip), skip))

    def _add_failure(self, place: RoomOrSession, reason: str) -> None:
        self.failures.add(reason, **place.ids)

    def _rooms(self) -> list[RoomOrSession]:
        if self.scope.rooms is not None:
            return [RoomOrSession(room_id) for room_id in self.scope.rooms]
        listed = self._asker.hook.iter_conferences("all")
        return sorted((RoomOrSession(room["id"], room=room) for room in listed), key=lambda place: place.room_id)

    def _in_period(self, rows: Iterator[Row], skip: Callable[[str], None]) -> Iterator[Row]:
        """Leave out what the scope's period does not hold; sessions were chosen by their own end."""
        if self.source.of_sessions or not self.scope.period.bounded:
            yield from rows
            return
        for row in rows:
            moment = self.source.happened(row)
            if moment is None:
                skip(f"{self.dataset.name}: a row without a time is in no period")
            elif self.scope.period.holds(moment):
                yield row


class Progress:
    """Tells every few seconds how far a long work is.

    :param tell: writes to the log.
    :param what: what is counted.
    :param total: how many of it there are.
    """

    def __init__(self, tell: Callable[..., object], what: str, total: int) -> None:
        self._tell = tell
        self._what = what
        self._total = total
        self._done = 0
        self._rows = 0
        self._began = self._told = time.monotonic()

    def step(self) -> None:
        """Count one done."""
        self._done += 1
        self._tell_now_and_then()

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Count rows as they pass."""
        for row in rows:
            self._rows += 1
            if not self._rows % ROWS_BETWEEN:
                self._tell_now_and_then()
            yield row

    def _tell_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._told < TOLD_EVERY:
            return
        self._told = now
        seconds = now - self._began
        left = seconds / self._done * (self._total - self._done) if self._done else float("nan")
        self._tell(
            "%d of %d %s, %d rows (%.0f per second), about %.0f s left",
            self._done,
            self._total,
            self._what,
            self._rows,
            self._rows / seconds,
            left,
        )
