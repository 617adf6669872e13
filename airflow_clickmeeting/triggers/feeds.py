"""What watchers look at: one poll for all who watch the same feed of an account, and as few requests as can be."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Recording, Registration, Room, Session
from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.room_activity import KnownRoom, update
from airflow_clickmeeting.waiting.polling import PollPolicy

log = logging.getLogger(__name__)

AT_ONCE = 8
# a room can be made, used and closed in the shortest duration: after a longer gap inactive rooms are listed, too
GAP = timedelta(minutes=5)


@dataclass
class Snapshot:
    """A feed as it is now: not what changed, so that a watcher who comes late misses nothing.

    :param now: by ClickMeeting's clock.
    :param rooms: by id.
    :param found: the sessions, recordings or registrations by room.
    :param stored: what to do once Airflow holds the events that were made of it.
    """

    now: datetime
    rooms: dict[int, Room]
    found: dict[int, list[Any]]
    stored: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def name_of(self, room_id: int) -> str:
        """Return the name of a room, empty if it is not listed."""
        return self.rooms.get(room_id, {}).get("name", "")

    def items(self) -> Iterator[tuple[int, Any]]:
        """Yield everything found, with the id of its room."""
        return ((room_id, each) for room_id, found in self.found.items() for each in found)


class ConferenceFeed:
    """The rooms of an account; subclasses look into those that can have changed.

    :param hook: the account.
    :param room_id: the only room to look at; None looks at all.
    """

    def __init__(self, hook: ClickMeetingAsyncHook, room_id: int | None) -> None:
        self.hook = hook
        self.room_id = room_id
        self.rooms: dict[int, KnownRoom] = {}
        self.found: dict[int, list[Any]] = {}
        self._listed_at: datetime | None = None

    async def look(self) -> Snapshot:
        """Ask for what can have changed, and return everything as it is now."""
        await self.find()
        rooms = {room_id: known.room for room_id, known in self.rooms.items()}
        return Snapshot(self.hook.now(), rooms, dict(self.found))

    async def find(self) -> None:
        """Bring what is known up to date."""
        await self.list_rooms()

    async def list_rooms(self) -> None:
        """List the rooms: the inactive ones only after a gap. Of one room, only the name matters now and then."""
        if self.room_id is None:
            listed = [room async for room in self.hook.iter_conferences("active")]
            if self._after_a_gap():
                listed += [room async for room in self.hook.iter_conferences("inactive")]
        elif self._after_a_gap():
            listed = [await self.hook.run(calls.get_conference(self.room_id))]
        else:
            return
        self._listed_at = self.hook.now()
        update(self.rooms, listed, self._listed_at)

    def _after_a_gap(self) -> bool:
        return self._listed_at is None or abs(self.hook.now() - self._listed_at) > GAP


class RoomFeed(ConferenceFeed):
    """Base of feeds of what is in rooms."""

    def call(self, room_id: int) -> Call[list[Any]]:
        """Return what to ask of a room."""
        raise NotImplementedError

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Tell whether a room is worth a request."""
        raise NotImplementedError

    def goes_on(self, found: list[Any]) -> bool:
        """Tell whether what was found in a room is bound to change."""
        return False

    async def find(self) -> None:
        """List the rooms, and look into those that can have changed; one that fails does not hide the others."""
        await self.list_rooms()
        now = self.hook.now()
        due = [id_ for id_, known in self.rooms.items() if self.room_id or self.may_have_changed(known, now)]
        gate = asyncio.Semaphore(AT_ONCE)
        failures = await asyncio.gather(*(self._look_into(room_id, gate) for room_id in due))
        log.debug("%d of %d rooms were asked", len(due), len(self.rooms))
        if due and all(failures):
            raise failures[0]  # type: ignore[misc]

    async def _look_into(self, room_id: int, gate: asyncio.Semaphore) -> ClickMeetingError | None:
        async with gate:
            try:
                found = await self.hook.run(self.call(room_id))
            except NotFoundError as error:
                del self.rooms[room_id]
                self.found.pop(room_id, None)
                return error
            except ClickMeetingError as error:
                log.warning("Room %d is left out this time: %s", room_id, error)
                return error
        known = self.rooms[room_id]
        known.last_polled_at = self.hook.now()
        known.running = self.goes_on(found)
        self.found[room_id] = found
        return None


class SessionFeed(RoomFeed):
    """The sessions of rooms."""

    def call(self, room_id: int) -> Call[list[Session]]:
        """List the sessions."""
        return calls.list_sessions(room_id)

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Tell whether a session may have begun or ended."""
        return known.may_have_new_sessions(now)

    def goes_on(self, found: list[Session]) -> bool:
        """Tell whether a session has not ended."""
        return any(not session.get("end_date") for session in found)


class RegistrationFeed(RoomFeed):
    """The registrations for rooms, without the people's names and addresses."""

    def call(self, room_id: int) -> Call[list[Registration]]:
        """List the registrations."""
        call = calls.list_registrations(room_id)
        return replace(call, read=lambda data: [_nameless(each) for each in call.read(data)])

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Tell whether somebody may have registered."""
        return known.may_have_new_registrations(now)


def _nameless(registration: Registration) -> Registration:
    return {"id": registration["id"], "registration_date": registration.get("registration_date") or ""}


class RecordingFeed(RoomFeed):
    """The recordings of rooms: one request for all, where ClickMeeting says which room each belongs to."""

    def call(self, room_id: int) -> Call[list[Recording]]:
        """List the recordings."""
        return calls.list_recordings(room_id)

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Tell whether a recording may have been added or finished."""
        return known.may_have_new_recordings(now)

    async def find(self) -> None:
        """List all recordings; look into the rooms where that does not help."""
        found = None if self.room_id else await self._by_room()
        if found is None:
            await super().find()
            return
        if found.keys() - self.rooms.keys():
            self._listed_at = None
            await self.list_rooms()
        for room_id in found:  # the oldest rooms are not listed any more
            self.rooms.setdefault(room_id, KnownRoom({"id": room_id}))
        self.found = found

    async def _by_room(self) -> dict[int, list[Recording]] | None:
        try:
            listed = await self.hook.run(replace(calls.list_all_recordings(), treat_as={}))
        except NotFoundError:  # there are none, or this ClickMeeting has no such list
            return None
        found: dict[int, list[Recording]] = {}
        for each in listed:
            if not each.get("conference_id"):
                return None
            found.setdefault(each["conference_id"], []).append(each)
        return found


FEEDS: dict[str, type[ConferenceFeed]] = {
    "conferences": ConferenceFeed,
    "sessions": SessionFeed,
    "registrations": RegistrationFeed,
    "recordings": RecordingFeed,
}


async def snapshots(
    feed: str, clickmeeting_conn_id: str, room_id: int | None, interval: float
) -> AsyncIterator[Snapshot]:
    """Yield a snapshot of a feed every so many seconds, for ever.

    What fails is logged and tried again after a pause that grows to five minutes: Airflow would start a watcher that
    raises again and again, once a second.
    """
    watched = FEEDS[feed](ClickMeetingAsyncHook(clickmeeting_conn_id), room_id)
    poll_policy = PollPolicy(interval, began=0, deadline=math.inf)
    failures = 0
    while True:
        error: Exception | None = None
        try:
            snapshot = await watched.look()
        except ClickMeetingError as failed:
            failures, error = failures + 1, failed
            log.warning("No look at the %s of %s, %d in a row: %s", feed, clickmeeting_conn_id, failures, failed)
        except Exception as failed:
            failures, error = failures + 1, failed
            log.exception("No look at the %s of %s, %d in a row", feed, clickmeeting_conn_id, failures)
        else:
            failures = 0
            yield snapshot
        await asyncio.sleep(poll_policy.pause(0, failures, error))
