"""What the page asks ClickMeeting, in few requests with short timeouts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import TypeVar

from airflow_clickmeeting.api import calls, parse
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.hooks.settings import Settings
from airflow_clickmeeting.ui.facts import (
    RecordingFacts,
    RoomDetails,
    audience_of,
    recordings_of,
    sessions_of,
    time_of,
)
from airflow_clickmeeting.ui.rooms import WebinarRoom, rooms_to_read

T = TypeVar("T")

#: the requests for a whole account, and those of them that list rooms
MAX_REQUESTS = 12
MAX_PAGES = 7
MAX_PARALLEL_REQUESTS = 4
#: seconds
TIMEOUT, CONNECT_TIMEOUT, TOTAL_TIMEOUT = 6.0, 3.0, 20.0
#: bytes; parsing more would keep the API server from other requests for too long
MAX_RESPONSE = 16 << 20


class PageHook(ClickMeetingAsyncHook):
    """The hook with the patience of somebody who waits for a page: one attempt, and short timeouts."""

    async def get_settings(self) -> Settings:
        """Return the connection's settings with lower limits.

        :raises AirflowNotFoundException: if there is no such connection.
        :raises ValueError: if the connection is not one to ClickMeeting, whose host must not receive its password.
        """
        if self._settings is None:
            connection = await self._read_connection()
            if connection.conn_type != self.conn_type:
                raise ValueError(
                    f"Connection {self.clickmeeting_conn_id!r} has the type {connection.conn_type!r}, and the page "
                    f"shows connections of the type {self.conn_type!r} only. Choose another connection."
                )
            settings = Settings.of(connection)
            self._settings = replace(
                settings,
                timeout=min(settings.timeout, TIMEOUT),
                connect_timeout=min(settings.connect_timeout, CONNECT_TIMEOUT),
                total_timeout=min(settings.total_timeout, TOTAL_TIMEOUT),
                max_response_size=min(settings.max_response_size, MAX_RESPONSE),
                max_attempts=1,
            )
        return self._settings


@dataclass(frozen=True)
class Account:
    """An account as the overview shows it.

    :param now: the time by ClickMeeting's clock.
    :param rooms: all rooms, or as many as `MAX_PAGES` requests list.
    :param is_complete: whether these are all rooms.
    :param recordings: the latest first; None if they could not be read.
    :param details: what was read of a few rooms, by room.
    :param notes: what is missing, for people.
    """

    now: datetime
    rooms: list[WebinarRoom]
    is_complete: bool
    recordings: list[RecordingFacts] | None
    details: dict[int, RoomDetails]
    notes: list[str]


@dataclass(frozen=True)
class RoomReport:
    """A room with everything that its own page shows."""

    now: datetime
    room: WebinarRoom
    details: RoomDetails


async def read_account(conn_id: str) -> Account:
    """Return an account, for at most `MAX_REQUESTS` requests."""
    return await _Questions(conn_id).account()


async def read_room(conn_id: str, room_id: int, session_id: int | None = None) -> RoomReport:
    """Return a room with one of its sessions, by default the latest one, for at most five requests."""
    questions = _Questions(conn_id)
    found = WebinarRoom.of(await questions.ask(calls.get_conference(room_id)))
    details = await questions.details(found, sessions=True, recordings=True, session_id=session_id)
    return RoomReport(questions.hook.now(), found, details)


class _Questions:
    """The requests for one view, which are counted."""

    def __init__(self, conn_id: str) -> None:
        self.hook = PageHook(conn_id)
        self.sent = 0
        self._parallel = asyncio.Semaphore(MAX_PARALLEL_REQUESTS)
        self._unreadable: set[str] = set()
        self._is_complete = True

    async def ask(self, call: Call[T]) -> T:
        self.sent += 1
        async with self._parallel:
            return await self.hook.run(call)

    async def account(self) -> Account:
        errors: list[str] = []
        active, inactive, recordings = await asyncio.gather(
            self._list_rooms("active"),
            self._list_rooms("inactive"),
            self._list_or_error(calls.list_all_recordings(), errors),
        )
        rooms = list({room.id: room for room in [*inactive, *active]}.values())
        notes = [f"{len(self._unreadable)} rooms could not be read, and are left out."] if self._unreadable else []
        if not self._is_complete:
            notes.append(f"The account has more rooms than the {len(rooms):,} that this page lists.")
        notes += [f"The recordings are missing: {error}" for error in errors]
        now = self.hook.now()
        wanted = list(rooms_to_read(rooms, now, MAX_REQUESTS - self.sent))
        details = await asyncio.gather(*(self.details(each.room, sessions=each.sessions) for each in wanted))
        return Account(
            now=now,
            rooms=rooms,
            is_complete=self._is_complete,
            recordings=None if recordings is None else recordings_of(recordings),
            details={each.room.id: found for each, found in zip(wanted, details, strict=True)},
            notes=notes,
        )

    async def _list_rooms(self, status: str) -> list[WebinarRoom]:
        # not the walk of the hooks, which reads pages twice to miss no room that moves meanwhile
        found: dict[int, WebinarRoom] = {}
        for page in count(1):
            if page > 1 and self.sent > MAX_PAGES:  # one of those sent is for the recordings
                self._is_complete = False
                break
            unreadable: list[str] = []
            call = calls.list_conferences(status, page=page)
            listed = await self.ask(replace(call, read=replace(parse.rooms, skip=unreadable.append)))
            new = {room["id"]: WebinarRoom.of(room) for room in listed if room["id"] not in found}
            found |= new
            self._unreadable.update(unreadable)
            if len(listed) + len(unreadable) < calls.PAGE_SIZE or not new:
                break
        return list(found.values())

    async def details(
        self, room: WebinarRoom, *, sessions: bool, recordings: bool = False, session_id: int | None = None
    ) -> RoomDetails:
        found = RoomDetails()
        registrations, listed, of_room = await asyncio.gather(
            self._list_or_error(calls.list_registrations(room.id) if room.has_registration else None, found.errors),
            self._list_or_error(calls.list_sessions(room.id) if sessions else None, found.errors),
            self._list_or_error(calls.list_recordings(room.id) if recordings else None, found.errors),
        )
        if registrations is not None:
            found.registrations = len(registrations)
            found.registered = sorted(filter(None, (time_of(each, "registration_date") for each in registrations)))
        if of_room is not None:
            found.recordings = recordings_of(of_room)
        if listed is None:
            return found
        now = self.hook.now()
        found.sessions = sessions_of(listed, now)
        shown = next((each for each in found.sessions if session_id in (None, each.id)), None)
        if shown is None:
            if session_id:
                found.errors.append(f"ClickMeeting lists no session {session_id} of this room.")
            return found
        entries = await self._list_or_error(calls.list_session_attendees(room.id, shown.id), found.errors)
        if entries is not None:
            try:
                # a big session takes a second, in which the API server must serve other requests
                found.audience = await asyncio.to_thread(audience_of, shown, entries, registrations or [], now)
            except ValueError as error:
                found.errors.append(str(error))
        return found

    async def _list_or_error(self, call: Call[list[T]] | None, errors: list[str]) -> list[T] | None:
        """Return a list; or None, with an error if it cannot be read."""
        if call is None:
            return None
        try:
            # the hook would ask for the room once more, to tell an empty list from a missing room
            return await self.ask(replace(call, empty_if_ok=None, treat_as={"not_found": []}))
        except (ClickMeetingError, ValueError) as error:
            errors.append(error.explanation if isinstance(error, ClickMeetingError) else str(error))
            return None
