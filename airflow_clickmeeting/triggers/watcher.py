"""The base of all watchers: it compares snapshots of a feed with a cursor, which Airflow stores."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Asset
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.triggers.cursor import Cursor, Event

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

    from airflow_clickmeeting.triggers.feeds import FailedPoll, Snapshot

READ_AGAIN = 5.0
# how many requests a watcher sends after a poll to confirm events; further events wait for the next poll
MAX_CONFIRMATIONS = 30

#: when an event happened, or None if ClickMeeting does not say, and what its payload says about it
Found = tuple[datetime | None, dict[str, Any]]


class Watcher(BaseEventTrigger):
    """Base of the watchers: fires for each event on ClickMeeting, also for those while no triggerer ran.

    Airflow's asset state store keeps what was reported, and is written once the events are in Airflow's database. So a
    killed triggerer loses no event, and at worst repeats some with the same `id`. Airflow 3.1 and 3.2 have no such
    store: there a watcher misses what happens while the triggerer is down. What happened before a watcher started for
    the first time is not reported.

    :param asset_name: the asset, whose store holds the cursor; so two assets never share a watcher.
    :param clickmeeting_conn_id: the connection.
    :param room_id: the only room to watch; None watches the account.
    :param room_name: a pattern such as `Weekly*` for the names of the rooms to watch; case does not matter.
    :param interval: seconds between two polls.
    """

    event_name: ClassVar[str]
    feed: ClassVar[str]
    # how much later than a newer event ClickMeeting may show an older one
    lookback: ClassVar[timedelta] = timedelta(days=7)
    # whether events are moments of the clock, so that after the lookback none of them can be new any more
    follows_clock: ClassVar[bool] = False

    def __init__(
        self,
        *,
        asset_name: str,
        clickmeeting_conn_id: str = DEFAULT_CONN_ID,
        room_id: int | None = None,
        room_name: str | None = None,
        interval: float = 60,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.asset_name = asset_name
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.room_id = room_id
        self.room_name = room_name
        self.interval = interval
        self._stored: Cursor | None = None
        self._fingerprints: dict[str, str] = {}
        self._confirmations: Counter[str] = Counter()
        self._problems: list[str] = []
        self._last_problems: list[str] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database; none of them is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "asset_name": self.asset_name,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "room_id": self.room_id,
            "room_name": self.room_name,
            "interval": self.interval,
        }

    def items(self, snapshot: Snapshot) -> Iterator[tuple[int, str, Any]]:
        """Yield all items that may show an event: the room's id, the event's key, and the item."""
        return ((room_id, f"{room_id}-{each['id']}", each) for room_id, each in snapshot.items())

    @abstractmethod
    def read_item(self, room_id: int, item: Any, now: datetime) -> Found | None:
        """Return when the event of an item happened, and its facts; None if the item does not show one yet.

        :param room_id: the item's room.
        :param item: a room, session, recording or registration.
        :param now: the time of the snapshot.
        :raises ParseError: if the item cannot be read; the event is then reported once it can.
        """

    def confirm_with(self, event: Event) -> Call[str] | str | None:
        """Return what must be the same at two polls in a row before the event is reported.

        :return: a text, or a call for one; None reports the event at once.
        """
        return None

    def shared_stream_key(self) -> Hashable:
        """Return the key under which watchers of the same feed share one poll."""
        return ("clickmeeting", self.feed, self.clickmeeting_conn_id, self.room_id, self.interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Snapshot | FailedPoll]:
        """Yield a snapshot of the feed after each poll, or a `FailedPoll`."""
        from airflow_clickmeeting.triggers.feeds import snapshots

        async for each in snapshots(cls.feed, kwargs["clickmeeting_conn_id"], kwargs["room_id"], kwargs["interval"]):
            yield each

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the producer that Airflow notifies when the events of a snapshot are in its database."""
        from airflow_clickmeeting.triggers.shared_stream import SnapshotProducer

        return SnapshotProducer(cls.open_shared_stream(kwargs))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield events from a stream of its own, in an Airflow without shared streams."""
        _, kwargs = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(kwargs)):
            yield event

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Snapshot | FailedPoll]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield what each snapshot shows for the first time, as Airflow's events."""
        from airflow_clickmeeting.triggers.feeds import FailedPoll
        from airflow_clickmeeting.triggers.health import Health

        cursor = self._stored = await self._read_cursor()
        unread: frozenset[int] | None = None
        with Health(self.asset_name, self.interval, self._store) as health:
            async for snapshot in shared_stream:
                if isinstance(snapshot, FailedPoll):
                    health.failed(snapshot.failures, snapshot.error)
                    continue
                self._last_problems, self._problems = self._problems, []
                events, unreadable = self._find_events(snapshot)
                # a date in the future must not move the watermark past events that are still to come
                seen_until = min(snapshot.seen_until, snapshot.now)
                # an item that cannot be read when the watcher starts happened before
                shown, incomplete = [*events, *unreadable], bool(snapshot.unread)
                if cursor is None:
                    cursor = Cursor.starting(shown, snapshot.now, self.lookback, seen_until, unread=incomplete)
                else:
                    first = [each for each in shown if unread is None or each.room_id in unread]
                    cursor = cursor.catch_up(first, self.lookback, unread=incomplete)
                unread = snapshot.unread
                confirmed = await self._confirmed(cursor.new_events(events))
                health.polled([*snapshot.problems, *self._problems])
                matching = [each for each in confirmed if self._matches(each, snapshot)]
                # of several events at once Airflow may start a run with the first only; a later event brings the others
                held_back = matching[1:][-1:]
                reported = [each for each in confirmed if each not in held_back]
                for each in matching:
                    if each in reported:
                        yield TriggerEvent(self._payload(each, snapshot))  # type: ignore[no-untyped-call]
                cursor = cursor.after(reported, self.lookback, seen_until)
                if self.follows_clock and not held_back:
                    cursor = cursor.at_least(seen_until - self.lookback)
                for each in reported:
                    self._fingerprints.pop(each.key, None)
                    self._confirmations.pop(each.key, None)
                if self._store is not None and cursor != self._stored:
                    snapshot.on_persisted.append(partial(self._write_cursor, cursor))

    def _find_events(self, snapshot: Snapshot) -> tuple[list[Event], list[Event]]:
        """Return all events that the snapshot shows, reported or not, and those that cannot be read."""
        from airflow_clickmeeting.triggers.health import left_out

        events, unreadable, reasons = [], [], []
        for room_id, key, item in self.items(snapshot):
            try:
                found = self.read_item(room_id, item, snapshot.now)
            except Exception as error:  # noqa: BLE001 - the other events must not wait for this one
                unreadable.append(Event(room_id, key, None, {}))
                reasons.append(f"{self.event_name}-{key}: {error}")
            else:
                if found is not None:
                    events.append(Event(room_id, key, *found))
        if problem := left_out(reasons, f"asset {self.asset_name}"):
            self._note(problem)
        return events, unreadable

    def _note(self, problem: str) -> None:
        if problem not in self._last_problems:
            self.log.warning(problem)
        self._problems.append(problem)

    def _matches(self, event: Event, snapshot: Snapshot) -> bool:
        name = snapshot.name_of(event.room_id)
        return self.room_name is None or fnmatch(name.lower(), self.room_name.lower())

    def _payload(self, event: Event, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "id": f"{self.event_name}-{event.key}",
            "event": self.event_name,
            "room_id": event.room_id,
            "room_name": snapshot.name_of(event.room_id),
            **event.facts,
        }

    async def _confirmed(self, events: list[Event]) -> list[Event]:
        """Return the events that are confirmed; of those that need a request, those with the fewest go first."""
        confirmations = {each.key: self.confirm_with(each) for each in events}
        requested = [key for key, confirmation in confirmations.items() if isinstance(confirmation, Call)]
        postponed = set(sorted(requested, key=self._confirmations.__getitem__)[MAX_CONFIRMATIONS:])
        self._confirmations.update(key for key in requested if key not in postponed)
        return [
            each
            for each in events
            if each.key not in postponed and await self._is_confirmed(each.key, confirmations[each.key])
        ]

    async def _is_confirmed(self, key: str, confirmation: Call[str] | str | None) -> bool:
        if confirmation is None:
            return True
        before = self._fingerprints.pop(key, None)
        fingerprint = await self._fetch(confirmation) if isinstance(confirmation, Call) else confirmation
        if fingerprint is not None:
            self._fingerprints[key] = fingerprint
        return fingerprint is not None and fingerprint == before

    async def _fetch(self, call: Call[str]) -> str | None:
        from airflow_clickmeeting.triggers.health import explain
        from airflow_clickmeeting.waiting.shared import shared_requests

        with shared_requests(self.clickmeeting_conn_id) as sharer:
            try:
                response, _ = await sharer.next_response(call)
            except Exception as error:  # noqa: BLE001 - a watcher that ends would be started again each second
                self._note(f"Confirming an event failed; the watcher tries again at the next poll: {explain(error)}")
                return None
        return str(response)

    @property
    def _store(self) -> Any:
        # Airflow before 3.3 has none
        stores = getattr(self, "asset_state_store", None)
        return stores and stores[Asset.ref(name=self.asset_name)]

    async def _read_cursor(self) -> Cursor | None:
        while (store := self._store) is not None:
            try:
                data = await store.aget(self.event_name)
            except Exception:
                # without its cursor the watcher would take all events for reported ones
                self.log.exception(
                    "Reading the cursor of asset %s failed; next attempt in %g s", self.asset_name, READ_AGAIN
                )
                await asyncio.sleep(READ_AGAIN)
            else:
                return Cursor.from_json(data) if data else None
        return None

    async def _write_cursor(self, cursor: Cursor) -> None:
        if cursor != self._stored:
            # packing many events takes tenths of a second, in which the event loop is free
            data = await asyncio.to_thread(cursor.to_json)
            await self._store.aset(self.event_name, data)
            self._stored = cursor
