"""Find what an account holds of one person, by e-mail address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room, Session, without_secrets
from airflow_clickmeeting.api.validate import email_key
from airflow_clickmeeting.datasets.collect import DatasetReader, Progress
from airflow_clickmeeting.datasets.fetch import P
from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.exceptions import UnexpectedAnswerError

ACCESS_BY_TOKEN = 3
SEARCHED = ("rooms", "registrations", "rooms with tokens", "tokens", "sessions", "attendances", "chats")

#: what the file says about its limits
NOT_SEARCHED = (
    "The address book and sent invitations: the API does not list them.",
    "The messages in chats, the content of recordings, files and PDF reports: only the index of chats was read.",
    "Entries of visitors who gave no e-mail address or another one: nothing connects them with the person.",
    "Rooms that have been inactive for more than six months: the API does not list them. Name them by room_id.",
    "Registrations of rooms whose registration is off, tokens of rooms without access by token: the API returns none.",
    "Accounts other than that of the connection, such as sub-accounts with a key of their own.",
    "Files and tables that DAGs wrote with data of ClickMeeting.",
)


@dataclass
class PersonalData:
    """What an account holds of a person: items of ClickMeeting's responses, each with the ids of its room and session.

    `searched` says how many rooms, sessions and items were read to find it, and `lists` how many responses.
    """

    registrations: list[dict[str, Any]] = field(default_factory=list)
    attendances: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    chats: list[dict[str, Any]] = field(default_factory=list)
    searched: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(SEARCHED, 0)))
    lists: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many items were found of each kind."""
        kinds = ("registrations", "attendances", "tokens", "chats")
        return {kind: len(getattr(self, kind)) for kind in kinds}


def find_person(reader: DatasetReader, email: str, *, include_secrets: bool) -> PersonalData:
    """Search the rooms of a reader for a person, and return what has their e-mail address.

    It sends, besides the requests for the rooms, a request for the registrations and one for the sessions of each room,
    one for the tokens of each room with access by token, one for the attendees of each session, and one for the index
    of chats if the person attended a session. What cannot be read goes to the reader's failures.

    :param reader: a reader of the dataset `conferences`.
    :param email: the e-mail address; upper and lower case do not matter.
    :param include_secrets: whether to keep what lets somebody in: personal links and tokens.
    """
    search = _Search(reader, email_key(email), include_secrets)
    rooms = [place for _, found in reader.find_places() for place in found]
    search.found.searched["rooms"] = len(rooms)
    search.found.registrations = search.items_of_rooms("registrations", rooms, calls.list_registrations)
    with_tokens = [place for place in rooms if cast("Room", place.room).get("access_type") in (ACCESS_BY_TOKEN, None)]
    search.found.searched["rooms with tokens"] = len(with_tokens)
    search.found.tokens = search.items_of_rooms("tokens", with_tokens, calls.list_tokens)
    search.read_attendances(rooms)
    search.read_chats()
    return search.found


class _Search:
    def __init__(self, reader: DatasetReader, key: str, include_secrets: bool) -> None:
        self.found = PersonalData()
        self._reader = reader
        self._key = key
        self._include_secrets = include_secrets

    def items_of_rooms(self, kind: str, rooms: list[RoomOrSession], list_items: Any) -> list[dict[str, Any]]:
        """Return the person's items of a list that each room has."""
        return self._matching(kind, [(room, list_items(room.room_id)) for room in rooms])

    def read_attendances(self, rooms: list[RoomOrSession]) -> None:
        """Read the attendees of all sessions, also of running ones."""
        listed = self._read("sessions", [(room, calls.list_sessions(room.room_id)) for room in rooms])
        sessions = [room._replace(session_id=item["id"], session=cast("Session", item)) for room, item in listed]
        requests = [
            (place, calls.list_session_attendees(place.room_id, cast("int", place.session_id))) for place in sessions
        ]
        self.found.attendances = self._matching("attendances", requests)

    def read_chats(self) -> None:
        """Read the index of chats, and keep those of the sessions that the person attended."""
        attended = {item["session_id"] for item in self.found.attendances}
        if attended:
            chats = self._read("chats", [(None, calls.list_chats())])
            self.found.chats = [self._shown(None, item) for _, item in chats if item["id"] in attended]

    def _read(self, kind: str, requests: list[tuple[P, Call[Any]]]) -> Iterator[tuple[P, Mapping[str, Any]]]:
        """Yield the items of all responses with their place; what cannot be read becomes a failure."""
        progress = Progress(self._reader.log.info, f"responses with {kind}", len(requests))
        for place, items in self._reader.fetcher.fetch(requests):
            progress.step()
            self.found.lists += items is not None
            try:
                for item in cast("Iterable[Mapping[str, Any]]", items or ()):
                    self.found.searched[kind] += 1
                    yield place, item
            except UnexpectedAnswerError as error:
                self._reader.failures.add(error, **(place.ids if place else {}))

    def _matching(self, kind: str, requests: list[tuple[RoomOrSession, Call[Any]]]) -> list[dict[str, Any]]:
        """Return the person's items; one whose address is no text becomes a failure, since it could be theirs."""
        found = []
        for place, item in self._read(kind, requests):
            addresses = [item.get("email"), item.get("sent_to_email")]
            if not all(isinstance(each, str | None) for each in addresses):
                self._reader.failures.add(f"{kind}: the e-mail address of an item is not a text", **place.ids)
            fields = item.get("fields")
            values = [*addresses, *(fields.values() if isinstance(fields, Mapping) else ())]
            if any(isinstance(value, str) and email_key(value) == self._key for value in values):
                found.append(self._shown(place, item))
        return found

    def _shown(self, place: RoomOrSession | None, item: Mapping[str, Any]) -> dict[str, Any]:
        where: dict[str, Any] = {}
        if place:
            where = {"room_id": place.room_id, "room_name": (place.room or {}).get("name")}
            if place.session_id:
                where["session_id"] = place.session_id
        if self._include_secrets:
            return where | dict(item) | where
        return where | {key: value for key, value in without_secrets(dict(item)).items() if key != "token"} | where
