"""The probes: which requests each one sends, and what their responses say about the doubts."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.calls import PAGE_SIZE
from airflow_clickmeeting.contract.reader import Reader, Reply, minute_of

#: rooms to look into; each costs up to three requests
MAX_ROOMS = 10
#: sessions whose attendees are read
MAX_SESSIONS = 5
#: a page that no account has, and a room
FAR_PAGE, NO_ROOM = 10_000, 999_999_999_999
#: the status, or the code of the error object, if a key is refused
REFUSALS = {401, 403, "401", "403"}


class Finding(NamedTuple):
    """What was found out about a switch of the sandbox: its value, or None; and the evidence, or what is missing."""

    switch: str
    value: str | None
    reason: str


@dataclass(frozen=True)
class Probe:
    """Requests that settle some doubts.

    :param asks: the paths of the requests, in words.
    :param most: how many requests it sends at most.
    :param switches: the switches of the sandbox that it may find out.
    :param run: sends the requests, and yields a finding for each of the switches.
    """

    asks: str
    most: int
    switches: tuple[str, ...]
    run: Callable[[Survey], Iterable[Finding]]


class Survey:
    """What several probes need, requested once.

    :param reader: reads from the account.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def page(self, status: str, number: int = 1) -> Reply:
        """Return a page of the list of rooms."""
        return self.reader.get(f"conferences/{status}?page={number}")

    @cached_property
    def rooms(self) -> list[dict[str, Any]]:
        """A few rooms, active and inactive ones alternately."""
        pairs = zip_longest(self.page("active").objects, self.page("inactive").objects)
        return [room for room in chain.from_iterable(pairs) if room and room.get("id")][:MAX_ROOMS]

    def of_rooms(self, what: str) -> Iterator[Reply]:
        """Yield a list of each of these rooms, such as their sessions."""
        for room in self.rooms:
            yield self.reader.get(f"conferences/{room['id']}/{what}")

    @cached_property
    def sessions(self) -> list[tuple[int, dict[str, Any], Reply]]:
        """The sessions of these rooms, with the room's id and the response."""
        replies = zip(self.rooms, self.of_rooms("sessions"), strict=True)
        return [(room["id"], each, reply) for room, reply in replies for each in reply.objects]

    @property
    def recordings(self) -> list[dict[str, Any]]:
        """All recordings; if the account has no such list, those of these rooms."""
        listed = self.reader.get("conferences/recordings")
        return listed.objects or [each for reply in self.of_rooms("recordings") for each in reply.objects]


def _past_last_page(survey: Survey) -> Finding:
    far = survey.page("inactive", FAR_PAGE)
    value = None
    if far.is_not_found:
        value = "404"
    elif survey.page("inactive").objects and far.is_list:
        value = "repeat" if far.objects else "empty"
    said = {"404": "is not found", "repeat": "has rooms", "empty": "is empty"}
    reason = f"page {FAR_PAGE} of the inactive rooms {said[value]}" if value else "the account has no inactive room"
    return Finding("past_last_page", value, reason)


def _pages(survey: Survey) -> Iterator[Finding]:
    past = _past_last_page(survey)
    yield past
    first, far = survey.page("active").objects, survey.page("active", FAR_PAGE)
    if not first or not (far.is_list or far.is_not_found):
        yield Finding("active_pages", None, "no room is active" if not first else f"HTTP {far.status} to a far page")
    elif _ids(first) != _ids(far.objects):
        yield Finding("active_pages", "honoured", f"page {FAR_PAGE} of the active rooms is another one than page 1")
    elif past.value in ("404", "empty"):
        yield Finding("active_pages", "ignored", f"page {FAR_PAGE} of the active rooms is page 1")
    else:
        reason = "page 1 of the active rooms may be repeated as the last one, or because pages are ignored"
        yield Finding("active_pages", None, reason)


def _rooms(survey: Survey) -> Iterator[Finding]:
    rooms = [*survey.page("active").objects, *survey.page("inactive").objects]
    yield _type_of("lobby_enabled", rooms, "lobby_enabled", {bool: "bool", str: "string"})
    names = " ".join(str(room.get("name")) for room in rooms)
    if re.search("&(amp|lt|gt|quot|#x?[0-9a-fA-F]+);", names):
        yield Finding("escape_names", "true", "the name of a room has an HTML entity")
    elif re.search("[&<>\"']", names):
        yield Finding("escape_names", "false", "the name of a room has a character that HTML would escape")
    else:
        yield Finding("escape_names", None, "no name of a room has a character that HTML would escape, such as &")


def _room(survey: Survey) -> Iterator[Finding]:
    room = survey.reader.get(f"conferences/{survey.rooms[0]['id']}").data if survey.rooms else None
    kinds = {"conference": "wrapped", "id": "flat"}
    value = next((kinds[key] for key in kinds if isinstance(room, dict) and key in room), None)
    yield Finding("room_answer", value, "the first room was requested" if value else "no room, or another shape")


def _missing_room(survey: Survey) -> Iterator[Finding]:
    reply = survey.reader.get(f"conferences/{NO_ROOM}")
    yield _type_of("error_code", [reply.data] if reply.is_error else [], "code", {int: "int", str: "string"})


def _archived(survey: Survey) -> Iterator[Finding]:
    pages = [survey.page(status).objects for status in ("active", "inactive")]
    recordings = survey.reader.get("conferences/recordings").objects
    rooms = {each.get("conference_id", each.get("room_id")) for each in recordings} - {None}
    unlisted = sorted({*map(str, rooms)} - {*map(str, _ids(chain(*pages)))})
    if max(map(len, pages)) >= PAGE_SIZE or not unlisted:
        yield Finding("archived", None, "no recording shows the id of a room that is not listed")
        return
    reply = survey.reader.get(f"conferences/{unlisted[0]}")
    value = "gone" if reply.is_not_found else "unlisted" if reply.status < 300 and not reply.is_error else None
    yield Finding("archived", value, "a room that only its recording shows was requested by its id")


def _sessions(survey: Survey) -> Iterator[Finding]:
    value = None
    for reply in survey.of_rooms("sessions"):
        value = value or ("404" if reply.is_not_found else "empty" if reply.is_list and not reply.objects else None)
    reason = "a room without sessions was found" if value else f"each of {len(survey.rooms)} rooms has sessions"
    yield Finding("no_sessions", value, reason)
    yield _running_end(survey)


def _running_end(survey: Survey) -> Finding:
    for _, session, reply in survey.sessions:
        if session.get("end_date") is None:
            value = "null" if "end_date" in session else "absent"
            return Finding("running_end", value, "a session runs")
        if minute_of(reply) == _utc_minute(session["end_date"]):
            reason = (
                "a session ends in the present minute: if its end has moved when you run the command again, the value "
                "is now"
            )
            return Finding("running_end", None, reason)
    return Finding("running_end", None, "no session is known to run")


def _attendees(survey: Survey) -> Iterator[Finding]:
    # the shortest lists that have somebody who came back at all, so that no long list is read
    visited = sorted(
        (session.get("total_visitors") or 0, room_id, session["id"])
        for room_id, session, _ in survey.sessions
        if session.get("total_visitors") and session.get("id")
    )
    paths = [f"conferences/{room_id}/sessions/{session_id}/attendees" for _, room_id, session_id in visited]
    entries = [survey.reader.get(path).objects for path in paths[:MAX_SESSIONS]]
    if not any(entries):
        yield Finding("polls", None, "no attendee was found")
    elif not any("polls" in entry for entry in chain(*entries)):
        yield Finding("polls", "absent", "no entry of an attendee has polls")
    else:
        yield _polls_of_people(entries)


def _polls_of_people(sessions: Iterable[list[dict[str, Any]]]) -> Finding:
    for entries in sessions:
        of_person: dict[Any, list[bool]] = defaultdict(list)
        for entry in entries:
            of_person[entry.get("uid")].append(bool(entry.get("polls")))
        for answered in of_person.values():
            if len(answered) > 1 and any(answered):
                value = "every" if all(answered) else "first"
                return Finding("polls", value, "somebody who came back answered a poll")
    return Finding("polls", None, "entries have polls, but nobody who came back answered one: first or every")


def _registrations(survey: Survey) -> Iterator[Finding]:
    with_form = [room for room in survey.rooms if room.get("registration_enabled") not in (0, "0", False)]
    for room in with_form:
        registrations = survey.reader.get(f"conferences/{room['id']}/registrations/all").objects
        for held in (each["registration_confirmed"] for each in registrations if "registration_confirmed" in each):
            if held in (None, "null"):
                yield Finding("unconfirmed", "null" if held is None else "string", "a registration is not confirmed")
                return
    yield Finding("unconfirmed", None, "no registration is unconfirmed")


def _all_recordings(survey: Survey) -> Iterator[Finding]:
    reply = survey.reader.get("conferences/recordings")
    value = "404" if reply.is_not_found else None
    if reply.objects:
        value = next((key for key in ("conference_id", "room_id") if key in reply.objects[0]), "bare")
    yield Finding("all_recordings", value, "the list was requested" if value else "the account has no recording")


def _recordings(survey: Survey) -> Iterator[Finding]:
    value = None
    for reply in survey.of_rooms("recordings"):
        if reply.is_error and reply.status < 300:
            value = value or "error200"
        elif not reply.objects:
            value = value or ("404" if reply.is_not_found else "empty" if reply.is_list else None)
    reason = "a room without recordings was found" if value else f"each of {len(survey.rooms)} rooms has recordings"
    yield Finding("no_recordings", value, reason)
    sized = [each for each in survey.recordings if each.get("recording_file_size") is not None]
    yield _type_of("sizes", sized, "recording_file_size", {int: "int", str: "string"})
    sizeless = len(sized) < len(survey.recordings)
    reason = "a recording has no size yet" if sizeless else "no recording is known to be in the making"
    yield Finding("unready_recordings", "sizeless" if sizeless else None, reason)


def _file_host(survey: Survey) -> Iterator[Finding]:
    links = [each["recording_url"] for each in survey.recordings if str(each.get("recording_url")).startswith("http")]
    reply = survey.reader.get(links[0], headers={"Range": "bytes=0-0"}, with_body=False) if links else None
    value = {206: "true", 200: "false"}.get(reply.status if reply else 0)
    yield Finding("ranges", value, "one byte of a recording was requested" if value else "no recording can be read")


def _downloads(survey: Survey) -> Iterator[Finding]:
    files = [each["id"] for each in survey.reader.get("file-library").objects if each.get("id")]
    path = f"file-library/{files[0]}/download" if files else ""
    status = survey.reader.get(path, with_body=False).status if path else 0
    value = "true" if 300 <= status < 400 else "false" if status == 200 else None
    yield Finding("media_redirect", value, "a file was requested" if value else "the file library has no file")


def _chats(survey: Survey) -> Iterator[Finding]:
    chats = [each["id"] for each in survey.reader.get("chats").objects if each.get("id")]
    names: list[str] = []
    if chats:
        body = survey.reader.get(f"chats/{chats[-1]}").body
        names = zipfile.ZipFile(io.BytesIO(body)).namelist() if zipfile.is_zipfile(io.BytesIO(body)) else []
    formats = {"chat.csv": "2016", "public.csv": "2023"}
    value = next((formats[name] for name in formats if name in names), None)
    yield Finding("chat_format", value, "a chat was downloaded" if value else "no chat, or another format")


def _ping(survey: Survey) -> Iterator[Finding]:
    reply = survey.reader.with_wrong_key().get("ping")
    refused = REFUSALS & {reply.status, str(reply.data["code"]) if reply.is_error else None}
    answered = isinstance(reply.data, dict) and "ping" in reply.data
    value = "true" if refused else "false" if answered else None
    yield Finding("ping_checks_key", value, f"HTTP {reply.status} to a wrong key")


def _type_of(switch: str, items: Iterable[dict[str, Any]], key: str, types: dict[type, str]) -> Finding:
    """Return the finding of a switch about the type of a key's values."""
    found = {type(item[key]) for item in items if item.get(key) is not None}
    value = types.get(next(iter(found))) if len(found) == 1 else None
    names = " and ".join(sorted(each.__name__ for each in found))
    return Finding(switch, value, f"the type of {key}: {names}" if found else f"no {key} was found")


def _ids(items: Iterable[dict[str, Any]]) -> set[Any]:
    return {item.get("id") for item in items}


def _utc_minute(moment: object) -> str:
    try:
        return f"{times.parse(str(moment)).astimezone(UTC):%Y-%m-%dT%H:%M}"
    except (ValueError, OverflowError):
        return "unreadable"


#: in the order in which they run. Requests that an earlier probe sent are not sent again.
PROBES = (
    Probe(
        f"conferences/active and conferences/inactive, pages 1 and {FAR_PAGE}",
        4,
        ("past_last_page", "active_pages"),
        _pages,
    ),
    Probe("nothing more", 0, ("lobby_enabled", "escape_names"), _rooms),
    Probe("conferences/ROOM of one room", 1, ("room_answer",), _room),
    Probe(f"conferences/{NO_ROOM}, which does not exist", 1, ("error_code",), _missing_room),
    Probe(
        f"conferences/ROOM/sessions of up to {MAX_ROOMS} rooms", MAX_ROOMS, ("no_sessions", "running_end"), _sessions
    ),
    Probe(f"conferences/ROOM/sessions/SESSION/attendees of up to {MAX_SESSIONS} sessions", 5, ("polls",), _attendees),
    Probe(
        f"conferences/ROOM/registrations/all of up to {MAX_ROOMS} rooms", MAX_ROOMS, ("unconfirmed",), _registrations
    ),
    Probe("conferences/recordings", 1, ("all_recordings",), _all_recordings),
    Probe(
        f"conferences/ROOM/recordings of up to {MAX_ROOMS} rooms",
        MAX_ROOMS,
        ("no_recordings", "sizes", "unready_recordings"),
        _recordings,
    ),
    Probe("one byte of a recording, by its link", 1, ("ranges",), _file_host),
    Probe("conferences/ROOM of one room that only a recording shows", 1, ("archived",), _archived),
    Probe("file-library, and the beginning of file-library/FILE/download", 2, ("media_redirect",), _downloads),
    Probe("chats, and chats/SESSION of one session", 2, ("chat_format",), _chats),
    Probe("ping, with a key that no account has", 1, ("ping_checks_key",), _ping),
)

_WRITES = "only a request that writes shows it"
_TIME = "only waiting shows it"
_SANDBOX = "it is about the sandbox itself"
#: the other switches of the sandbox, and why reading does not show them
NOT_READABLE = {
    "attendees_delay": _TIME,
    "auto_sessions": _SANDBOX,
    "created_status": _WRITES,
    "delete_answer": _WRITES,
    "empty_deactivate": _WRITES,
    "expired_link": _TIME,
    "guest_token": _WRITES,
    "latency": _SANDBOX,
    "max_registrations": _WRITES,
    "max_rooms": _WRITES,
    "rate_limit": "only too many requests show it",
    "rate_limit_per_minute": "only too many requests show it",
    "rate_limit_retry_after": "only too many requests show it",
    "recordings_delay": _TIME,
    "renamed_room": _WRITES,
    "sessions_delay": _TIME,
    "token_answer": "the request for a token may create one",
}
