"""What watchers poll: one poll serves all watchers of the same feed of an account, and sends few requests."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar, cast

from airflow_clickmeeting.api import calls, parse, times
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.facts import ended_at
from airflow_clickmeeting.api.pagination import RoomPages
from airflow_clickmeeting.api.types import Recording, Registration, Room, Session
from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.attendees import LOOKBACK, SessionPeople, entry, people_in
from airflow_clickmeeting.triggers.cursor import EVERYTHING, NOTHING
from airflow_clickmeeting.triggers.health import explain, left_out
from airflow_clickmeeting.triggers.room_activity import (
    FAR_AHEAD_PAUSE,
    MAX_PAUSE,
    KnownRoom,
    most_urgent,
    update_rooms,
)
from airflow_clickmeeting.waiting.polling import PollPolicy, format_failures

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_PARALLEL_REQUESTS = 8
# within this time no room can be created, used and closed; after a longer gap, inactive rooms are listed, too
MAX_GAP = timedelta(minutes=5)
# so many rooms are polled although the list of rooms takes all requests of a poll: in accounts of 22,000 active rooms
MIN_ROOMS = 30
# seconds until the next poll, with a longer interval, if a poll could not read all rooms
CATCH_UP_INTERVAL = 60


@dataclass
class Snapshot:
    """A feed as it is now; it holds no differences, so that a watcher that starts late misses nothing.

    :param now: by ClickMeeting's clock.
    :param rooms: by id.
    :param items_by_room: the sessions, recordings or registrations by room.
    :param on_persisted: functions to call once the events of this snapshot are in Airflow's database.
    :param seen_until: the items are at least those that ClickMeeting had then, which is earlier than `now` if there are
        more rooms than one poll can read; `NOTHING` if some were never polled.
    :param problems: which rooms and items could not be read, and why; they are left out, or are as they were before.
    :param unread: the rooms that were not read yet, so that what they will show first may be old.
    """

    now: datetime
    rooms: dict[int, Room]
    items_by_room: dict[int, list[Any]]
    on_persisted: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    seen_until: datetime = EVERYTHING
    problems: list[str] = field(default_factory=list)
    unread: frozenset[int] = frozenset()

    def name_of(self, room_id: int) -> str:
        """Return the name of a room, or an empty text if the room is not listed."""
        return self.rooms.get(room_id, {}).get("name") or ""

    def items(self) -> Iterator[tuple[int, Any]]:
        """Yield each session, recording or registration with the id of its room."""
        return ((room_id, each) for room_id, items in self.items_by_room.items() for each in items)


@dataclass(frozen=True)
class FailedPoll:
    """A poll that failed, in the place of a snapshot.

    :param failures: how many polls in a row have failed.
    :param error: why, and what to do, for people.
    """

    failures: int
    error: str


class ConferenceFeed:
    """The rooms of an account; subclasses poll those rooms that may have changed.

    :param hook: sends the requests.
    :param room_id: the only room to poll; None polls the whole account.
    :param interval: seconds between two polls of a room.
    """

    def __init__(self, hook: ClickMeetingAsyncHook, room_id: int | None, interval: float = CATCH_UP_INTERVAL) -> None:
        self.hook = hook
        self.room_id = room_id
        self.interval = interval
        self.rooms: dict[int, KnownRoom] = {}
        self.items_by_room: dict[int, list[Any]] = {}
        self._listed_at: datetime | None = None
        self._list_requests = 0
        self._seen_until = EVERYTHING
        self._unread: set[int] = set()
        self._problems: dict[Hashable, str] = {}

    async def poll(self) -> Snapshot:
        """Send the requests for what may have changed, and return everything as it is now."""
        self._list_requests, self._seen_until, self._unread = 0, EVERYTHING, set()
        await self.refresh()
        rooms = {room_id: known.room for room_id, known in self.rooms.items()}
        return Snapshot(
            self.hook.now(),
            rooms,
            self.items(),
            seen_until=self._seen_until,
            problems=list(self._problems.values()),
            unread=frozenset(self._unread),
        )

    def items(self) -> dict[int, list[Any]]:
        """Return what a snapshot shows of each room."""
        return dict(self.items_by_room)

    async def refresh(self) -> None:
        """Bring `rooms` and `items_by_room` up to date."""
        await self.refresh_rooms()

    async def refresh_rooms(self) -> None:
        """List the active rooms, and after a gap the inactive ones, too; a feed of one room reads the room."""
        if self.room_id is None:
            # later, a room that moves to another page meanwhile is found by the next poll
            skipped: list[str] = []
            listed = await self._list(RoomPages("active", skipped.append, check=self._listed_at is None))
            if self._is_after_gap():
                listed += await self._list(RoomPages("inactive", skipped.append))
            self._note("rooms", left_out(skipped, "the list of rooms"))
        else:
            listed = [await self.hook.run(calls.get_conference(self.room_id))]
        self._listed_at = self.hook.now()
        update_rooms(self.rooms, listed, self._listed_at)

    async def _list(self, pages: RoomPages) -> list[Room]:
        listed: list[Room] = []
        while call := pages.call:
            listed += pages.take(await self._run(call))
            self._list_requests += 1
        return listed

    async def _run(self, call: Call[list[T]], skip: Callable[[str], object] | None = None) -> list[T]:
        """Return the items of a list, and leave out those that cannot be read, unless none of them can."""
        listed = cast("parse.listed[T]", call.read)
        lenient, strict = replace(listed, skip=skip or listed.skip), replace(listed, skip=None)
        return await self.hook.run(replace(call, read=lambda data: lenient(data) or strict(data)))

    def _note(self, key: Hashable, problem: str | None) -> None:
        """Keep what is wrong with a room or a list until it is right again, and log it once."""
        if problem is None:
            self._problems.pop(key, None)
        elif self._problems.get(key) != problem:
            self._problems[key] = problem
            log.warning(problem)

    def _is_after_gap(self) -> bool:
        return self._listed_at is None or abs(self.hook.now() - self._listed_at) > MAX_GAP


class RoomFeed(ConferenceFeed):
    """Base of the feeds of what is in rooms.

    A poll sends a limited number of requests. If more rooms may have changed, it polls the most urgent ones, and the
    others with the next polls.
    """

    #: how many requests a poll may send, with those for the list of rooms
    max_requests: ClassVar[int] = 150
    #: the longest pause of rooms whose start is far ahead, while a poll cannot read all rooms
    max_pause: ClassVar[timedelta] = FAR_AHEAD_PAUSE
    #: the keys of an item that say when something happened
    date_keys: ClassVar[tuple[str, ...]] = ()

    def call(self, room_id: int) -> Call[list[Any]]:
        """Return the call that lists the items of a room."""
        raise NotImplementedError

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Return whether a room must be polled."""
        raise NotImplementedError

    def is_running(self, items: list[Any]) -> bool:
        """Return whether the items of a room show that a session is running, so that they will change."""
        return False

    async def refresh_rooms(self) -> None:
        """List the rooms; a feed of one room reads the room after a gap only, for its name."""
        if self.room_id is None or self._is_after_gap():
            await super().refresh_rooms()

    async def refresh(self) -> None:
        """List the rooms, and poll those that may have changed, or the most urgent of them.

        :raises ClickMeetingError: if all polled rooms fail. A single room that fails keeps its old items.
        """
        await self.refresh_rooms()
        now = self.hook.now()
        for room_id in [each for each in self._problems if isinstance(each, int)]:
            known = self.rooms.get(room_id)
            if known is None or (known.inactive_since and not self.may_have_changed(known, now)):
                self._note(room_id, None)  # the room is not polled any more
        due = [known for known in self.rooms.values() if self.room_id or self._is_due(known, now)]
        limit = max(self.max_requests - self._list_requests, MIN_ROOMS)
        due, self._seen_until = most_urgent(due, limit, now, self.max_pause)
        semaphore = asyncio.Semaphore(MAX_PARALLEL_REQUESTS)
        failures = await asyncio.gather(*(self._refresh_room(known, semaphore) for known in due))
        log.debug("Polled %d of %d rooms", len(due), len(self.rooms))
        if due and all(failures):
            raise failures[0]  # type: ignore[misc]
        for room_id, error in zip((known.room["id"] for known in due), failures, strict=True):
            if error and room_id in self.rooms:
                why = f"Polling room {room_id} failed; the watcher skips it until the next poll: {explain(error)}"
                self._note(room_id, why)
        never_polled = (known for known in self.rooms.values() if known.last_polled_at is None)
        self._unread = {known.room["id"] for known in never_polled if self.room_id or self.may_have_changed(known, now)}

    def _is_due(self, known: KnownRoom, now: datetime) -> bool:
        # a poll that comes early is for the rooms that the last one could not read
        just_tried = (
            self.interval > CATCH_UP_INTERVAL
            and known.tried_at is not None
            and timedelta(0) <= now - known.tried_at < timedelta(seconds=self.interval / 2)
        )
        return not just_tried and self.may_have_changed(known, now)

    async def _refresh_room(self, known: KnownRoom, semaphore: asyncio.Semaphore) -> ClickMeetingError | None:
        room_id = known.room["id"]
        async with semaphore:
            skipped: list[str] = []
            try:
                items = await self._run(self.call(room_id), skipped.append)
            except ClickMeetingError as error:
                known.tried_at = self.hook.now()
                if isinstance(error, NotFoundError) and room_id != self.room_id:
                    del self.rooms[room_id]
                    self.items_by_room.pop(room_id, None)
                return error
        self._note(room_id, left_out(skipped, f"room {room_id}"))
        known.last_polled_at = known.tried_at = self.hook.now()
        dates = [date for item in items for key in self.date_keys if (date := item.get(key))]
        with suppress(ParseError):  # the room's urgency needs no exact date
            known.last_event_at = max(map(times.parse, dates), default=None)
        known.running = self.is_running(items)
        self.items_by_room[room_id] = items
        return None


class SessionFeed(RoomFeed):
    """The sessions of rooms."""

    # with those that confirm the ends of sessions, or read attendee lists, a watcher sends 150 at most
    max_requests = 120
    date_keys = ("start_date", "end_date")

    def call(self, room_id: int) -> Call[list[Session]]:
        """Return the call that lists a room's sessions."""
        return calls.list_sessions(room_id)

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Return whether a session may have started or ended."""
        return known.may_have_new_sessions(now)

    def is_running(self, items: list[Session]) -> bool:
        """Return whether one of the sessions has no end."""
        return any(session.get("end_date") in (None, "") for session in items)


class AttendeeFeed(SessionFeed):
    """The people in sessions that are running or have just ended, without their names and addresses.

    It polls the sessions, and then reads the attendee lists of those that may have changed, and of no other session.
    """

    #: how many attendee lists a poll may read, besides the other requests
    max_lists: ClassVar[int] = 30

    def __init__(self, hook: ClickMeetingAsyncHook, room_id: int | None, interval: float = CATCH_UP_INTERVAL) -> None:
        super().__init__(hook, room_id, interval)
        self._people: dict[tuple[int, int], SessionPeople] = {}

    def items(self) -> dict[int, list[Any]]:
        """Return the people of each room's sessions."""
        found: dict[int, list[Any]] = {}
        for (room_id, _), known in self._people.items():
            found.setdefault(room_id, []).extend(known.people)
        return found

    async def refresh(self) -> None:
        """Poll the sessions, and read the attendee lists that may have changed, or those that were not read longest.

        :raises ClickMeetingError: if all polled rooms, or all lists, fail. A list that fails keeps its old people.
        """
        await super().refresh()
        now = self.hook.now()
        self._people = self._recent_sessions(now)
        for key in [each for each in self._problems if isinstance(each, tuple) and each not in self._people]:
            self._note(key, None)  # the list is not read any more
        due = [key for key, known in self._people.items() if known.is_due(now)]
        due.sort(key=lambda key: self._people[key].tried_at or NOTHING)
        due, waiting = due[: self.max_lists], due[self.max_lists :]
        self._seen_until = min([self._seen_until, *(self._people[key].tried_at or NOTHING for key in waiting)])
        semaphore = asyncio.Semaphore(MAX_PARALLEL_REQUESTS)
        failures = await asyncio.gather(*(self._read_people(key, now, semaphore) for key in due))
        if due and all(failures):
            raise failures[0]  # type: ignore[misc]
        for (room_id, session_id), error in zip(due, failures, strict=True):
            if error:
                place = f"the attendees of session {session_id} of room {room_id}"
                why = f"Reading {place} failed; the watcher skips them until the next poll: {explain(error)}"
                self._note((room_id, session_id), why)
        self._unread |= {room_id for (room_id, _), known in self._people.items() if known.read_at is None}

    def _recent_sessions(self, now: datetime) -> dict[tuple[int, int], SessionPeople]:
        """Return the sessions that are running or ended within the lookback, with the people who are known."""
        found: dict[tuple[int, int], SessionPeople] = {}
        unreadable = []
        for room_id, sessions in self.items_by_room.items():
            for session in sessions:
                key = room_id, session["id"]
                try:
                    end = ended_at(session)
                except ParseError as error:
                    unreadable.append(f"session {session['id']} of room {room_id}: {error}")
                    continue
                if end is None or end > now - LOOKBACK:
                    found[key] = self._people.get(key) or SessionPeople()
                    found[key].end = end
        self._note("ends", left_out(unreadable, "the lists of sessions"))
        return found

    async def _read_people(
        self, key: tuple[int, int], now: datetime, semaphore: asyncio.Semaphore
    ) -> ClickMeetingError | None:
        room_id, session_id = key
        known = self._people[key]
        known.tried_at = now
        call: Call[Any] = calls.list_session_attendees(room_id, session_id)
        skipped: list[str] = []
        async with semaphore:
            try:
                known.people = people_in(
                    session_id, await self._run(replace(call, read=parse.listed(entry)), skipped.append)
                )
            except ClickMeetingError as error:
                return error
        known.read_at = now
        self._note(key, left_out(skipped, f"the attendees of session {session_id} of room {room_id}"))
        return None


class RegistrationFeed(RoomFeed):
    """The registrations for rooms, without the people's names and addresses."""

    max_requests = 200
    max_pause = MAX_PAUSE
    date_keys = ("registration_date",)

    def call(self, room_id: int) -> Call[list[Registration]]:
        """Return the call that lists a room's registrations, only with their ids and dates."""
        return replace(calls.list_registrations(room_id), read=parse.listed(_without_person))

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Return whether somebody may have registered."""
        return known.may_have_new_registrations(now)


def _without_person(data: Any) -> Registration:
    registration = parse.registration(data)
    if not registration.get("id"):
        raise ParseError("expected a registration with a number as its id")
    return {"id": registration["id"], "registration_date": registration.get("registration_date") or ""}


class RecordingFeed(RoomFeed):
    """The recordings of rooms: one request for all, if ClickMeeting's list says which room each belongs to."""

    date_keys = ("recorder_start_date",)

    def call(self, room_id: int) -> Call[list[Recording]]:
        """Return the call that lists a room's recordings."""
        return calls.list_recordings(room_id)

    def may_have_changed(self, known: KnownRoom, now: datetime) -> bool:
        """Return whether a recording may have been added or processed."""
        return known.may_have_new_recordings(now)

    async def refresh(self) -> None:
        """List all recordings of the account, or else those of each room that may have changed."""
        by_room = None if self.room_id else await self._list_by_room()
        if by_room is None:
            await super().refresh()
            return
        if by_room.keys() - self.rooms.keys():
            self._listed_at = None
            await self.refresh_rooms()
        for room_id in by_room:  # ClickMeeting does not list the oldest rooms
            self.rooms.setdefault(room_id, KnownRoom({"id": room_id}))
        self.items_by_room = by_room

    async def _list_by_room(self) -> dict[int, list[Recording]] | None:
        skipped: list[str] = []
        try:
            listed = await self._run(replace(calls.list_all_recordings(), treat_as={}), skipped.append)
        except NotFoundError:  # the account has no recordings, or this ClickMeeting has no such list
            return None
        self._note("recordings", left_out(skipped, "the list of recordings"))
        by_room: dict[int, list[Recording]] = {}
        for each in listed:
            if not each.get("conference_id"):
                return None
            by_room.setdefault(each["conference_id"], []).append(each)
        return by_room


FEEDS: dict[str, type[ConferenceFeed]] = {
    "conferences": ConferenceFeed,
    "sessions": SessionFeed,
    "attendees": AttendeeFeed,
    "registrations": RegistrationFeed,
    "recordings": RecordingFeed,
}


async def snapshots(
    feed: str, clickmeeting_conn_id: str, room_id: int | None, interval: float
) -> AsyncIterator[Snapshot | FailedPoll]:
    """Yield a snapshot of a feed every `interval` seconds, without an end.

    After any error it logs a warning, yields a `FailedPoll`, and polls again, with pauses that grow to five minutes. It
    never raises, because Airflow would restart a failed watcher once a second.

    :param feed: a key of `FEEDS`.
    :param clickmeeting_conn_id: the connection.
    :param room_id: the only room to poll; None polls the whole account.
    :param interval: seconds between two polls.
    """
    polled = FEEDS[feed](ClickMeetingAsyncHook(clickmeeting_conn_id), room_id, interval)
    poll_policy = PollPolicy(interval, began=0, deadline=math.inf)
    failures = 0
    while True:
        error: Exception | None = None
        try:
            snapshot = await polled.poll()
        except Exception as failed:  # noqa: BLE001 - logged below
            failures, error = failures + 1, failed
        else:
            failures = 0
            yield snapshot
        pause = poll_policy.pause(0, failures, error)
        if not error and snapshot.seen_until < snapshot.now:
            pause = min(pause, CATCH_UP_INTERVAL)
        if error:
            reason = explain(error)
            message = format_failures(f"Polling {feed} of {clickmeeting_conn_id}", failures, pause, reason)
            # an error that is not ClickMeeting's is a bug or a wrong setting: its traceback shows where
            log.warning(message, exc_info=None if isinstance(error, ClickMeetingError) else error)
            yield FailedPoll(failures, reason)
        await asyncio.sleep(pause)
