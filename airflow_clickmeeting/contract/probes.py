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

#: the value of a switch, or None; and the evidence, or what is missing
Found = tuple[str | None, str]
Run = Callable[["Survey"], Found]


class Finding(NamedTuple):
    """What was found out about a switch of the sandbox: its value, or None; and the evidence, or what is missing."""

    switch: str
    value: str | None
    reason: str


@dataclass(frozen=True)
class Probe:
    """Requests that settle one doubt.

    :param switch: the switch of the sandbox that it may find out.
    :param run: sends the requests, and returns the value of the switch, or None; and the evidence, or what is missing.
    :param asks: the paths of its requests, in words; empty if the probes before it have sent all of them.
    :param most: how many requests it sends at most, besides those that the probes before it have sent.
    """

    switch: str
    run: Run
    asks: str
    most: int


#: in the order in which they run. Requests that an earlier probe sent are not sent again.
PROBES: list[Probe] = []


def probe(switch: str, asks: str = "", most: int = 0) -> Callable[[Run], Run]:
    """Add a function to `PROBES`; the parameters are those of `Probe`."""

    def add(run: Run) -> Run:
        PROBES.append(Probe(switch, run, asks, most))
        return run

    return add


class Survey:
    """What several probes need, requested once.

    :param reader: reads from the account.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def page(self, status: str, number: int = 1) -> Reply:
        """Return a page of the list of rooms."""
        return self.reader.get(f"conferences/{status}?page={number}")

    @property
    def listed(self) -> list[dict[str, Any]]:
        """The rooms of the first pages."""
        return [*self.page("active").objects, *self.page("inactive").objects]

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


@probe("past_last_page", f"conferences/active and conferences/inactive, pages 1 and {FAR_PAGE}", 4)
def _past_last_page(survey: Survey) -> Found:
    far = survey.page("inactive", FAR_PAGE)
    if far.is_not_found:
        return "404", f"page {FAR_PAGE} of the inactive rooms is not found"
    if not survey.page("inactive").objects or not far.is_list:
        return None, "the account has no inactive room"
    if far.objects:
        return "repeat", f"page {FAR_PAGE} of the inactive rooms has rooms"
    return "empty", f"page {FAR_PAGE} of the inactive rooms is empty"


@probe("active_pages")
def _active_pages(survey: Survey) -> Found:
    first, far = survey.page("active").objects, survey.page("active", FAR_PAGE)
    if not first:
        return None, "no room is active"
    if not (far.is_list or far.is_not_found):
        return None, f"HTTP {far.status} to a far page"
    if _ids(first) != _ids(far.objects):
        return "honoured", f"page {FAR_PAGE} of the active rooms is another one than page 1"
    if _past_last_page(survey)[0] in ("404", "empty"):
        return "ignored", f"page {FAR_PAGE} of the active rooms is page 1"
    return None, "page 1 of the active rooms may be repeated as the last one, or because pages are ignored"


@probe("lobby_enabled")
def _lobby_enabled(survey: Survey) -> Found:
    return _type_of(survey.listed, "lobby_enabled", {bool: "bool", str: "string"})


@probe("escape_names")
def _escape_names(survey: Survey) -> Found:
    names = " ".join(str(room.get("name")) for room in survey.listed)
    if re.search("&(amp|lt|gt|quot|#x?[0-9a-fA-F]+);", names):
        return "true", "the name of a room has an HTML entity"
    if re.search("[&<>\"']", names):
        return "false", "the name of a room has a character that HTML would escape"
    return None, "no name of a room has a character that HTML would escape, such as &"


@probe("room_answer", "conferences/ROOM of one room", 1)
def _room_answer(survey: Survey) -> Found:
    room = survey.reader.get(f"conferences/{survey.rooms[0]['id']}").data if survey.rooms else None
    kinds = {"conference": "wrapped", "id": "flat"}
    value = next((kinds[key] for key in kinds if isinstance(room, dict) and key in room), None)
    return value, "the first room was requested" if value else "no room, or another shape"


@probe("error_code", f"conferences/{NO_ROOM}, which does not exist", 1)
def _error_code(survey: Survey) -> Found:
    reply = survey.reader.get(f"conferences/{NO_ROOM}")
    return _type_of([reply.data] if reply.is_error else [], "code", {int: "int", str: "string"})


@probe("no_sessions", f"conferences/ROOM/sessions of up to {MAX_ROOMS} rooms", MAX_ROOMS)
def _no_sessions(survey: Survey) -> Found:
    value = None
    for reply in survey.of_rooms("sessions"):
        value = value or ("404" if reply.is_not_found else "empty" if reply.is_list and not reply.objects else None)
    return value, "a room without sessions was found" if value else f"each of {len(survey.rooms)} rooms has sessions"


@probe("running_end")
def _running_end(survey: Survey) -> Found:
    for _, session, reply in survey.sessions:
        if session.get("end_date") is None:
            return "null" if "end_date" in session else "absent", "a session runs"
        if minute_of(reply) == _utc_minute(session["end_date"]):
            return None, (
                "a session ends in the present minute: if its end has moved when you run the command again, the value "
                "is now"
            )
    return None, "no session is known to run"


@probe("polls", f"conferences/ROOM/sessions/SESSION/attendees of up to {MAX_SESSIONS} sessions", MAX_SESSIONS)
def _polls(survey: Survey) -> Found:
    # the shortest lists that have somebody who came back at all, so that no long list is read
    visited = sorted(
        (session.get("total_visitors") or 0, room_id, session["id"])
        for room_id, session, _ in survey.sessions
        if session.get("total_visitors") and session.get("id")
    )
    paths = [f"conferences/{room_id}/sessions/{session_id}/attendees" for _, room_id, session_id in visited]
    sessions = [survey.reader.get(path).objects for path in paths[:MAX_SESSIONS]]
    if not any(sessions):
        return None, "no attendee was found"
    if not any("polls" in entry for entry in chain(*sessions)):
        return "absent", "no entry of an attendee has polls"
    for entries in sessions:
        of_person: dict[Any, list[bool]] = defaultdict(list)
        for entry in entries:
            of_person[entry.get("uid")].append(bool(entry.get("polls")))
        for answered in of_person.values():
            if len(answered) > 1 and any(answered):
                return "every" if all(answered) else "first", "somebody who came back answered a poll"
    return None, "entries have polls, but nobody who came back answered one: first or every"


@probe("unconfirmed", f"conferences/ROOM/registrations/all of up to {MAX_ROOMS} rooms", MAX_ROOMS)
def _unconfirmed(survey: Survey) -> Found:
    with_form = [room for room in survey.rooms if room.get("registration_enabled") not in (0, "0", False)]
    for room in with_form:
        for registration in survey.reader.get(f"conferences/{room['id']}/registrations/all").objects:
            confirmed = registration.get("registration_confirmed", "absent")
            if confirmed in (None, "null"):
                return "null" if confirmed is None else "string", "a registration is not confirmed"
    return None, "no registration is unconfirmed"


@probe("all_recordings", "conferences/recordings", 1)
def _all_recordings(survey: Survey) -> Found:
    reply = survey.reader.get("conferences/recordings")
    value = "404" if reply.is_not_found else None
    if reply.objects:
        value = next((key for key in ("conference_id", "room_id") if key in reply.objects[0]), "bare")
    return value, "the list was requested" if value else "the account has no recording"


@probe("no_recordings", f"conferences/ROOM/recordings of up to {MAX_ROOMS} rooms", MAX_ROOMS)
def _no_recordings(survey: Survey) -> Found:
    value = None
    for reply in survey.of_rooms("recordings"):
        if reply.is_error and reply.status < 300:
            value = value or "error200"
        elif not reply.objects:
            value = value or ("404" if reply.is_not_found else "empty" if reply.is_list else None)
    return value, (
        "a room without recordings was found" if value else f"each of {len(survey.rooms)} rooms has recordings"
    )


@probe("sizes")
def _sizes(survey: Survey) -> Found:
    return _type_of(survey.recordings, "recording_file_size", {int: "int", str: "string"})


@probe("unready_recordings")
def _unready_recordings(survey: Survey) -> Found:
    if any(each.get("recording_file_size") is None for each in survey.recordings):
        return "sizeless", "a recording has no size yet"
    return None, "no recording is known to be in the making"


@probe("ranges", "one byte of a recording, by its link", 1)
def _ranges(survey: Survey) -> Found:
    links = [each["recording_url"] for each in survey.recordings if str(each.get("recording_url")).startswith("http")]
    reply = survey.reader.get(links[0], headers={"Range": "bytes=0-0"}, with_body=False) if links else None
    value = {206: "true", 200: "false"}.get(reply.status if reply else 0)
    return value, "one byte of a recording was requested" if value else "no recording can be read"


@probe("archived", "conferences/ROOM of one room that only a recording shows", 1)
def _archived(survey: Survey) -> Found:
    longest = max(len(survey.page(status).objects) for status in ("active", "inactive"))
    recordings = survey.reader.get("conferences/recordings").objects
    rooms = {each.get("conference_id", each.get("room_id")) for each in recordings} - {None}
    unlisted = sorted({*map(str, rooms)} - {*map(str, _ids(survey.listed))})
    if longest >= PAGE_SIZE or not unlisted:
        return None, "no recording shows the id of a room that is not listed"
    reply = survey.reader.get(f"conferences/{unlisted[0]}")
    value = "gone" if reply.is_not_found else "unlisted" if reply.status < 300 and not reply.is_error else None
    return value, "a room that only its recording shows was requested by its id"


@probe("media_redirect", "file-library, and the beginning of file-library/FILE/download", 2)
def _media_redirect(survey: Survey) -> Found:
    files = [each["id"] for each in survey.reader.get("file-library").objects if each.get("id")]
    status = survey.reader.get(f"file-library/{files[0]}/download", with_body=False).status if files else 0
    value = "true" if 300 <= status < 400 else "false" if status == 200 else None
    return value, "a file was requested" if value else "the file library has no file"


@probe("chat_format", "chats, and chats/SESSION of one session", 2)
def _chat_format(survey: Survey) -> Found:
    chats = [each["id"] for each in survey.reader.get("chats").objects if each.get("id")]
    body = io.BytesIO(survey.reader.get(f"chats/{chats[-1]}").body if chats else b"")
    names = zipfile.ZipFile(body).namelist() if zipfile.is_zipfile(body) else []
    formats = {"chat.csv": "2016", "public.csv": "2023"}
    value = next((formats[name] for name in formats if name in names), None)
    return value, "a chat was downloaded" if value else "no chat, or another format"


@probe("ping_checks_key", "ping, with a key that no account has", 1)
def _ping_checks_key(survey: Survey) -> Found:
    reply = survey.reader.with_wrong_key().get("ping")
    refused = REFUSALS & {reply.status, str(reply.data["code"]) if reply.is_error else None}
    answered = isinstance(reply.data, dict) and "ping" in reply.data
    value = "true" if refused else "false" if answered else None
    return value, f"HTTP {reply.status} to a wrong key"


def _type_of(items: Iterable[dict[str, Any]], key: str, types: dict[type, str]) -> Found:
    """Return what was found out about the type of a key's values."""
    found = {type(item[key]) for item in items if item.get(key) is not None}
    value = types.get(next(iter(found))) if len(found) == 1 else None
    names = " and ".join(sorted(each.__name__ for each in found))
    return value, f"the type of {key}: {names}" if found else f"no {key} was found"


def _ids(items: Iterable[dict[str, Any]]) -> set[Any]:
    return {item.get("id") for item in items}


def _utc_minute(moment: object) -> str:
    try:
        return f"{times.parse(str(moment)).astimezone(UTC):%Y-%m-%dT%H:%M}"
    except (ValueError, OverflowError):
        return "unreadable"


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
