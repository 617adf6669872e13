"""Read a dataset's rows from many rooms and sessions, in an order that does not change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from airflow_clickmeeting.api.pagination import RoomPages
from airflow_clickmeeting.datasets.fetch import Fetcher, Source
from airflow_clickmeeting.datasets.scope import RoomOrSession, Scope
from airflow_clickmeeting.datasets.table import Batch, Dataset, Row, rows_of, size_of
from airflow_clickmeeting.failures import FailureLog

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

SECONDS_BETWEEN_LOGS = 5.0


class DatasetReader:
    """Reads a dataset in a scope; when used as a context manager, it sends no more requests after its end.

    Call `find_places` first, then `read_rows` with the places that you need, in any order.

    :param hook: the account.
    :param source: where the dataset comes from.
    :param scope: which rooms, sessions and period to read.
    :param dataset: the dataset of the source, or the same with pseudonyms.
    :param max_parallel: how many requests to send at a time.
    :param log: gets the progress and the failures.
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
        self.failures = FailureLog(log, "items", missing_may_pass=scope.rooms is None)
        self.rooms = 0
        self.sessions = 0
        #: how often the list of rooms changed while it was read, and was read again
        self.restarts = 0
        #: how many places had no failure as a whole: rooms or sessions with rows, and rooms with nothing in the scope
        self.places_read = 0
        self.log = log
        self.hook = hook
        # the requests for a single session need no threads
        self.fetcher = Fetcher(hook, 1 if scope.session_id else max_parallel, self.failures)
        self._ids = {"room_id", "session_id", "session_ids"} & {column.name for column in dataset.columns}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.fetcher.close()

    def find_places(self) -> list[tuple[RoomOrSession, list[RoomOrSession]]]:
        """Return each room that can be read, with its places: its sessions in the scope, or the room itself."""
        self.log.info("Searching for %s of %s", self.dataset.name, format_scope(self.scope))
        rooms = self._list_rooms()
        progress = Progress(self.log.info, "rooms searched", len(rooms))
        found = []
        for each in self.source.find_places(self.fetcher, self.scope, rooms):
            found.append(each)
            progress.step()
        self.rooms = len(found)
        self.places_read += sum(not places for _, places in found)
        return found

    def read_rows(self, places: Iterable[RoomOrSession]) -> Iterator[tuple[RoomOrSession, Iterator[Row] | None]]:
        """Yield each place with its rows, as `read_batches` does."""
        for place, batches in self.read_batches(places):
            yield place, None if batches is None else chain.from_iterable(map(rows_of, batches))

    def read_batches(self, places: Iterable[RoomOrSession]) -> Iterator[tuple[RoomOrSession, Iterator[Batch] | None]]:
        """Yield each place with its rows in batches, which must be used up before the next one; None if it failed."""
        places = list(places)
        progress = Progress(self.log.info, f"responses with {self.dataset.name}", len(places))
        for place, items in self.source.fetch_batches(self.fetcher, places):
            progress.step()
            if items is None:
                self.rooms -= not self.source.of_sessions
                yield place, None
            else:
                self.places_read += 1
                self.sessions += self.source.of_sessions
                skip = partial(self._add_failure, place)
                ids: dict[str, Any] = {"room_id": place.room_id}
                if place.session:
                    session_ids = [place.session_id, *(session["id"] for session in place.joined)]
                    ids |= {"session_id": place.session_id, "session_ids": session_ids}
                own = {name: ids[name] for name in self._ids & ids.keys()}
                yield place, progress.counted(self._in_period(self.dataset.batches(items, skip, own), skip))

    def _add_failure(self, place: RoomOrSession, reason: str) -> None:
        self.failures.add(reason, **place.ids)

    def _list_rooms(self) -> list[RoomOrSession]:
        if self.scope.rooms is not None:
            return [RoomOrSession(room_id) for room_id in self.scope.rooms]
        pages = RoomPages("all", skip=self.failures.add)
        found = [RoomOrSession(room["id"], room=room) for room in self.hook.walk(pages)]
        self.restarts = pages.restarts
        return sorted(found, key=lambda place: place.room_id)

    def _in_period(self, batches: Iterator[Batch], skip: Callable[[str], None]) -> Iterator[Batch]:
        """Keep only the rows in the scope's period; `find_places` has already chosen sessions by their end."""
        if (happened := self.source.happened) is None or not self.scope.period.bounded:
            return batches

        def is_wanted(row: Row) -> bool:
            if moment := happened(row):
                return self.scope.period.holds(moment)
            skip(f"{self.dataset.name}: a row without a time cannot be assigned to a period")
            return False

        return (self.dataset.batch(filter(is_wanted, rows_of(batch))) for batch in batches)


def format_scope(scope: Scope) -> str:
    """Return in words what is read, such as `2 rooms, from 2027-02-01 00:00:00+00:00`."""
    if scope.session_id:
        return f"session {scope.session_id}"
    since, until = scope.period.since, scope.period.until
    bounds = " and ".join([f"from {since}"] * bool(since) + [f"before {until}"] * bool(until))
    return f"{'all rooms' if scope.rooms is None else f'{len(scope.rooms)} rooms'}, {bounds or 'of any time'}"


class Progress:
    """Logs the progress of a long task every few seconds.

    :param write_log: writes to the log.
    :param unit: what is counted, in the plural.
    :param total: how many there are.
    """

    def __init__(self, write_log: Callable[..., object], unit: str, total: int) -> None:
        self._write_log = write_log
        self._unit = unit
        self._total = total
        self._done = 0
        self._rows = 0
        self._began = self._logged_at = time.monotonic()

    def step(self) -> None:
        """Count one more as done."""
        self._done += 1
        self._log_if_due()

    def counted(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Count rows as they pass."""
        for batch in batches:
            self._rows += size_of(batch)
            self._log_if_due()
            yield batch

    def _log_if_due(self) -> None:
        now = time.monotonic()
        if now - self._logged_at < SECONDS_BETWEEN_LOGS:
            return
        self._logged_at = now
        seconds = now - self._began
        left = seconds / self._done * (self._total - self._done) if self._done else float("nan")
        self._write_log(
            "%d of %d %s, %d rows (%.0f per second), about %.0f s left",
            self._done,
            self._total,
            self._unit,
            self._rows,
            self._rows / seconds,
            left,
        )
