"""What can be waited for: which call to make, and a pure test of its answer. Sensors and triggers share both."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib import import_module
from typing import Any

from airflow_clickmeeting.api import calls, times, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.facts import (
    minute_of,
    over_for,
    over_since,
    recorded,
    recorded_until,
    recording_facts,
    session_facts,
)
from airflow_clickmeeting.api.types import (
    Attendee,
    File,
    Recording,
    Registration,
    Report,
    Room,
    Session,
    without_secrets,
)
from airflow_clickmeeting.api.validate import Id


@dataclass(frozen=True)
class Condition(ABC):
    """Something on ClickMeeting that is not so yet.

    A subclass is a frozen dataclass of plain values, at the top of a module that the triggerer can import, since it
    travels there as JSON. What it tells goes to logs and XCom, so it must hold no secret.
    """

    @property
    @abstractmethod
    def call(self) -> Call[Any]:
        """What to ask; it must only read, for it is asked again and again."""

    @abstractmethod
    def check(self, answer: Any, now: datetime) -> dict[str, Any] | None:
        """Return what to tell when it is so, as plain JSON, else None.

        :param answer: what the call gave.
        :param now: by ClickMeeting's clock.
        """

    @property
    def needs_confirmation(self) -> bool:
        """Whether it counts only once two looks in a row read the same."""
        return False

    def confirm_with(self, seen: dict[str, Any]) -> Call[Any] | None:
        """Return a call whose answer, too, must read the same twice where `needs_confirmation` is set."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        # Airflow loads DAG files as modules of such a name, which no other process can import
        if path.startswith(("__main__.", "unusual_prefix_")) or "<locals>" in path:
            raise ValueError(f"{type(self).__name__} must stand at the top of a module that the triggerer can import.")
        return {"class": path, "values": asdict(self)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Condition:
        """Make it of its JSON again."""
        module, _, name = data["class"].rpartition(".")
        condition: Condition = getattr(import_module(module), name)(**data["values"])
        return condition


Seen = dict[str, Any] | None
Look = Generator[Call[Any], tuple[Any, datetime], tuple[Seen, str | None]]


def look(condition: Condition, fingerprint: str | None) -> Look:
    """Look once: yield each call to make, take its answer with ClickMeeting's time, and return what was seen.

    :param fingerprint: what the look before this one returned as its second value; None at the first look.
    :return: what to tell, or None for not yet; and the fingerprint for the next look.
    """
    answer, now = yield condition.call
    seen = condition.check(answer, now)
    if seen is None or not condition.needs_confirmation:
        return seen, None
    confirm_with = condition.confirm_with(seen)
    read = (yield fingerprint_of(confirm_with))[0] if confirm_with else ""
    new = fingerprint_of_rows([seen, read])
    return (seen if new == fingerprint else None), new


def fingerprint_of_rows(rows: Iterable[Any]) -> str:
    """Return the same short text for the same rows, in whatever order, with whatever links that change meanwhile."""
    lines = sorted(json.dumps(without_secrets(row), sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """Reads the fingerprint of what another reader reads; calls with equal ones are equal."""

    read: Callable[[Any], Iterable[Any]]

    def __call__(self, data: Any) -> str:
        """Return the fingerprint of what the call would have read."""
        return fingerprint_of_rows(self.read(data))


def fingerprint_of(call: Call[Any]) -> Call[str]:
    """Return the call that reads the fingerprint of its list, which itself may be long."""
    return replace(call, read=Fingerprint(call.read))


def _by(key: str) -> Callable[[Session], datetime]:
    return lambda session: times.parse(str(session.get(key)))


@dataclass(frozen=True)
class _SinceInRoom(Condition):
    """Something that happens in a room at or after a moment.

    :param room_id: the room.
    :param since: ISO 8601 with an offset.
    """

    room_id: Id
    since: str

    def __post_init__(self) -> None:
        validate.identifier("room_id", self.room_id)
        times.instant("since", self.since)


@dataclass(frozen=True)
class SessionStarted(_SinceInRoom):
    """A session of the room has started, and was not over by `since`; of several it is the first."""

    @property
    def call(self) -> Call[list[Session]]:
        """List the room's sessions."""
        return calls.list_sessions(self.room_id)

    def check(self, answer: list[Session], now: datetime) -> Seen:
        """Return the session's facts."""
        started = [session for session in answer if session.get("start_date") and over_since(session, self.since)]
        return session_facts(self.room_id, min(started, key=_by("start_date"))) if started else None


@dataclass(frozen=True)
class SessionEnded(_SinceInRoom):
    """A session of the room has ended, and the reports on it are there; of several it is the first.

    :param settle: seconds that the end must lie back; the attendee list must also read the same twice, unless this is
        zero.
    :param session_id: the only session that counts; then `since` does not matter.
    """

    settle: float = 300
    session_id: Id | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.session_id is not None:
            validate.identifier("session_id", self.session_id)
        if not self.settle >= 0:
            validate.bad_argument("settle", self.settle, "a number of seconds, zero or more")

    @property
    def needs_confirmation(self) -> bool:
        """Whether the attendee list is waited for."""
        return self.settle > 0

    @property
    def call(self) -> Call[list[Session]]:
        """List the room's sessions."""
        return calls.list_sessions(self.room_id)

    def check(self, answer: list[Session], now: datetime) -> Seen:
        """Return the session's facts."""
        ended = [each for each in answer if over_for(each, self.settle, now) and self._counts(each)]
        return session_facts(self.room_id, min(ended, key=_by("end_date"))) if ended else None

    def _counts(self, session: Session) -> bool:
        if self.session_id is None:
            return over_since(session, self.since)
        return session["id"] == int(self.session_id)

    def confirm_with(self, seen: dict[str, Any]) -> Call[list[Attendee]]:
        """List who was there."""
        return calls.list_session_attendees(self.room_id, seen["session_id"])


@dataclass(frozen=True)
class RecordingReady(_SinceInRoom):
    """The room has recordings that were not over by `since`, and all of them have been processed."""

    @property
    def needs_confirmation(self) -> bool:
        """Whether the sizes must read the same twice."""
        return True

    @property
    def call(self) -> Call[list[Recording]]:
        """List the room's recordings."""
        return calls.list_recordings(self.room_id)

    def check(self, answer: list[Recording], now: datetime) -> Seen:
        """Return the recordings: `recording_id`, `name`, `started_at`, `duration` and `size` of each."""
        earliest = minute_of(self.since)
        found = [each for each in answer if not (end := recorded_until(each)) or end >= earliest]
        if not found or not all(map(recorded, found)):
            return None
        return {"room_id": int(self.room_id), "recordings": [recording_facts(each) for each in found]}


@dataclass(frozen=True)
class ConferenceStatus(Condition):
    """The room has a status. `inactive` follows the end of its time by up to half an hour (1.14).

    :param room_id: the room.
    :param status: `active` or `inactive`.
    """

    room_id: Id
    status: str = "inactive"

    def __post_init__(self) -> None:
        validate.identifier("room_id", self.room_id)
        validate.one_of("status", self.status, ("active", "inactive"))

    @property
    def call(self) -> Call[Room]:
        """Read the room."""
        return calls.get_conference(self.room_id)

    def check(self, answer: Room, now: datetime) -> Seen:
        """Return `room_id`, `status` and `updated_at`."""
        if answer.get("status") != self.status.strip().lower():
            return None
        return {"room_id": int(self.room_id), "status": answer["status"], "updated_at": answer.get("updated_at")}


@dataclass(frozen=True)
class Registrations(Condition):
    """So many people have registered for the room.

    :param room_id: the room.
    :param at_least: how many.
    :param status: which registrations count: `all` or `active`.
    """

    room_id: Id
    at_least: Id = 1
    status: str = "all"

    def __post_init__(self) -> None:
        validate.whole_number("at_least", self.at_least)
        calls.list_registrations(self.room_id, self.status)

    @property
    def call(self) -> Call[list[Registration]]:
        """List the registrations."""
        return calls.list_registrations(self.room_id, self.status)

    def check(self, answer: list[Registration], now: datetime) -> Seen:
        """Return `room_id` and the number of `registrations`."""
        enough = len(answer) >= int(self.at_least)
        return {"room_id": int(self.room_id), "registrations": len(answer)} if enough else None


@dataclass(frozen=True)
class SessionReport(Condition):
    """A session's PDF report is finished; the first look asks for it (5.4).

    :param room_id: the room.
    :param session_id: the session.
    :param lang: the report's language.
    """

    room_id: Id
    session_id: Id
    lang: str = "en"

    def __post_init__(self) -> None:
        calls.generate_session_report(self.room_id, self.session_id, lang=self.lang)

    @property
    def call(self) -> Call[Report]:
        """Ask how far it is."""
        return calls.generate_session_report(self.room_id, self.session_id, lang=self.lang)

    def check(self, answer: Report, now: datetime) -> Seen:
        """Return `room_id`, `session_id` and `lang`; the address is a secret, so it is not among them."""
        if answer.get("status") != "FINISHED" or not answer.get("url"):
            return None
        return {"room_id": int(self.room_id), "session_id": int(self.session_id), "lang": self.lang}


@dataclass(frozen=True)
class FileConverted(Condition):
    """An uploaded file has been converted, so that it can be shown (9.4).

    :param file_id: the file.
    """

    file_id: Id

    def __post_init__(self) -> None:
        validate.identifier("file_id", self.file_id)

    @property
    def call(self) -> Call[File]:
        """Read the file's state."""
        return calls.get_file(self.file_id)

    def check(self, answer: File, now: datetime) -> Seen:
        """Return `file_id`, `name` and `document_type`."""
        if answer.get("status") != "converted":
            return None
        return {
            "file_id": int(self.file_id),
            "name": answer.get("name"),
            "document_type": answer.get("document_type"),
        }
