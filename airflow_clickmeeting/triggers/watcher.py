"""How every watcher watches: it compares snapshots of a feed with its cursor, and has that stored by Airflow."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Iterator
from datetime import timedelta
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

    from airflow_clickmeeting.triggers.feeds import Snapshot

READ_AGAIN = 5.0


class Watcher(BaseEventTrigger):
    """Base of the watchers: fires once for each happening, also for those while no triggerer ran.

    What was told is kept in Airflow's asset state store, written once Airflow holds the events; so a kill loses none,
    and at worst repeats some with the same `id`. Airflow 3.1 and 3.2 have no such store: there, what happens while the
    triggerer is down is missed. What has happened before the watching begins is no news.

    :param asset_name: the asset, whose store holds the cursor; so two assets never share a watcher.
    :param clickmeeting_conn_id: the connection.
    :param room_id: the only room to watch; None watches the account.
    :param room_name: a pattern such as `Weekly*` for the names of rooms that count; capitals do not matter.
    :param interval: seconds between two looks.
    """

    event: ClassVar[str]
    feed: ClassVar[str]
    # how late ClickMeeting may show something, compared with what happened after it
    lookback: ClassVar[timedelta] = timedelta(days=7)

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

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, none of which is secret."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "asset_name": self.asset_name,
            "clickmeeting_conn_id": self.clickmeeting_conn_id,
            "room_id": self.room_id,
            "room_name": self.room_name,
            "interval": self.interval,
        }

    @abstractmethod
    def events_in(self, snapshot: Snapshot) -> Iterator[Event]:
        """Yield what has happened, as far as the snapshot shows it."""

    def confirm_with(self, happening: Event) -> Call[str] | str | None:
        """Return what must read the same at two looks in a row: a text, or a call for one; None is told at once."""
        return None

    def shared_stream_key(self) -> Hashable:
        """Watchers of the same feed share one poll."""
        return ("clickmeeting", self.feed, self.clickmeeting_conn_id, self.room_id, self.interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Snapshot]:
        """Yield a snapshot of the feed for each look."""
        from airflow_clickmeeting.triggers.feeds import snapshots

        async for each in snapshots(cls.feed, kwargs["clickmeeting_conn_id"], kwargs["room_id"], kwargs["interval"]):
            yield each

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Have Airflow tell when it holds the events that were made of a snapshot."""
        from airflow_clickmeeting.triggers.shared_stream import SnapshotProducer

        return SnapshotProducer(cls.open_shared_stream(kwargs))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone, where Airflow shares no streams."""
        _, kwargs = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(kwargs)):
            yield event

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Snapshot]) -> AsyncIterator[TriggerEvent]:
        """Fire for what is new in each snapshot."""
        cursor = self._stored = await self._read_cursor()
        async for snapshot in shared_stream:
            events_in = list(self.events_in(snapshot))
            if cursor is None:
                cursor = Cursor.starting(events_in, snapshot.now, self.lookback)
            new_events = [each for each in cursor.new_events(events_in) if await self._reads_as_before(each)]
            to_tell = [each for each in new_events if self._counts(each, snapshot)]
            # of several events at once Airflow may start a run with the first alone; one later brings the others along
            held_back = to_tell[1:][-1:]
            reported = [each for each in new_events if each not in held_back]
            for each in to_tell:
                if each in reported:
                    yield TriggerEvent(self._payload(each, snapshot))  # type: ignore[no-untyped-call]
            cursor = cursor.after(reported, self.lookback)
            self._fingerprints = {
                key: fingerprint for key, fingerprint in self._fingerprints.items() if key not in cursor.reported
            }
            if self._store is not None and cursor != self._stored:
                snapshot.stored.append(partial(self._write_cursor, cursor))

    def _counts(self, happening: Event, snapshot: Snapshot) -> bool:
        name = snapshot.name_of(happening.room_id)
        return self.room_name is None or fnmatch(name.lower(), self.room_name.lower())

    def _payload(self, happening: Event, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "id": f"{self.event}-{happening.key}",
            "event": self.event,
            "room_id": happening.room_id,
            "room_name": snapshot.name_of(happening.room_id),
            **happening.facts,
        }

    async def _reads_as_before(self, happening: Event) -> bool:
        confirm_with = self.confirm_with(happening)
        if confirm_with is None:
            return True
        before = self._fingerprints.pop(happening.key, None)
        fingerprint = await self._answer(confirm_with) if isinstance(confirm_with, Call) else confirm_with
        if fingerprint is not None:
            self._fingerprints[happening.key] = fingerprint
        return fingerprint is not None and fingerprint == before

    async def _answer(self, call: Call[str]) -> str | None:
        from airflow_clickmeeting.exceptions import ClickMeetingError
        from airflow_clickmeeting.waiting.shared import shared_requests

        with shared_requests(self.clickmeeting_conn_id) as board:
            try:
                answer, _ = await board.next_response(call)
            except ClickMeetingError as error:
                self.log.warning("To be asked again with the next look: %s", error)
                return None
        return str(answer)

    @property
    def _store(self) -> Any:
        # absent before 3.3
        stores = getattr(self, "asset_state_store", None)
        return stores and stores[Asset.ref(name=self.asset_name)]

    async def _read_cursor(self) -> Cursor | None:
        while (store := self._store) is not None:
            try:
                data = await store.aget(self.event)
            except Exception:
                # without its cursor it would take everything for known
                self.log.exception("The cursor of %s could not be read", self.asset_name)
                await asyncio.sleep(READ_AGAIN)
            else:
                return Cursor.from_json(data) if data else None
        return None

    async def _write_cursor(self, cursor: Cursor) -> None:
        if cursor != self._stored:
            await self._store.aset(self.event, cursor.to_json())
            self._stored = cursor
