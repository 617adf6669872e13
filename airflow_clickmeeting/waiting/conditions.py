"""Conditions that sensors and triggers wait for: each is a call to make, and a pure check of its response."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, NamedTuple

from airflow_clickmeeting.api import calls, times, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError, ParseError
from airflow_clickmeeting.api.facts import (
    minute_of,
    over_for,
    over_since,
    recorded,
    recorded_at,
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
from airflow_clickmeeting.exceptions import error_for
from airflow_clickmeeting.waiting.messages import RoomPlan, clean, format_length, format_moment

__all__ = [
    "Condition",
    "ConferenceStatus",
    "FileConverted",
    "RecordingReady",
    "Registrations",
    "Result",
    "SessionEnded",
    "SessionReport",
    "SessionStarted",
    "StartsSoon",
]

Result = dict[str, Any] | None


@dataclass(frozen=True)
class Condition(ABC):
    """Something on ClickMeeting that a sensor waits for.

    A subclass is a frozen dataclass of plain values, at the top level of a module that the triggerer can import, since
    it travels there as JSON. Its values and its result go to logs and XCom, so neither may hold a secret.
    """

    @property
    @abstractmethod
    def call(self) -> Call[Any]:
        """The request to send at each poll; it must only read."""

    @abstractmethod
    def check(self, response: Any, now: datetime) -> Result:
        """Return the result as plain JSON if the condition is met, else None.

        :param response: the response to `call`.
        :param now: the present time by ClickMeeting's clock.
        """

    @property
    def description(self) -> str:
        """What is awaited, for logs and errors: the words after "waiting for"."""
        return str(self)

    def describe(self, response: Any, now: datetime) -> str:
        """Return in a few words what a response shows that does not meet the condition; a new text makes a log line.

        :param response: the response to `call`.
        :param now: the present time by ClickMeeting's clock.
        """
        return "not yet"

    @property
    def room_call(self) -> Call[Room] | None:
        """The request for the room that log lines name, by default that of the field `room_id`; None for no room."""
        try:
            return calls.get_conference(getattr(self, "room_id", ""))
        except ValueError:  # a condition of one's own may have no such field, or mean something else by it
            return None

    @property
    def needs_confirmation(self) -> bool:
        """Whether the condition is met only when two polls in a row return the same result."""
        return False

    def confirm_with(self, result: dict[str, Any]) -> Call[Any] | None:
        """Return a further call whose response must be the same at two polls in a row, too.

        It is called only if `needs_confirmation` is set.

        :param result: what `check` returned.
        """
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the condition as plain JSON for the triggerer.

        :raises ValueError: if the triggerer could not import the class.
        """
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        # Airflow loads DAG files as modules of such a name, which no other process can import
        if path.startswith(("__main__.", "unusual_prefix_")) or "<locals>" in path:
            raise ValueError(
                f"The triggerer cannot import {type(self).__name__}. Define the class at the top level of a module"
                " outside the DAG file."
            )
        return {"class": path, "values": asdict(self)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Condition:
        """Return the condition that `to_json` wrote."""
        module, _, name = data["class"].rpartition(".")
        condition: Condition = getattr(import_module(module), name)(**data["values"])
        return condition


class Poll(NamedTuple):
    """The outcome of a poll.

    :param result: the condition's result; None to continue waiting.
    :param fingerprint: what the next poll must return, too, if the condition needs a confirmation.
    :param state: what the poll found, in a few words.
    :param now: the time by ClickMeeting's clock.
    :param room: the room, if the response shows it.
    """

    result: Result
    fingerprint: str | None
    state: str
    now: datetime
    room: Room | None


PollSteps = Generator[Call[Any], tuple[Any, datetime], Poll]


def poll_steps(condition: Condition, fingerprint: str | None) -> PollSteps:
    """Yield the calls of one poll, take each response with ClickMeeting's time, and return the poll's outcome.

    The caller sends the requests, so the same steps serve the worker and the triggerer.

    :param fingerprint: the fingerprint that the poll before returned; None at the first poll.
    """
    call = condition.call
    response, now = yield call
    try:
        result = condition.check(response, now)
    except ParseError as error:
        # what cannot be understood may pass, like a response that is not JSON
        raise error_for(ApiError("unexpected", str(error)), call.title, "", call.path) from None
    if result is None:
        room = response if call == condition.room_call else None
        return Poll(None, None, _described(condition, response, now), now, room)
    if not condition.needs_confirmation:
        return Poll(result, None, "the condition is met", now, None)
    confirmation = condition.confirm_with(result)
    further = (yield fingerprint_call(confirmation))[0] if confirmation else ""
    new = fingerprint_rows([result, further])
    state = "the condition is met, and the next poll must return the same"
    return Poll(result if new == fingerprint else None, new, state, now, None)


def _described(condition: Condition, response: Any, now: datetime) -> str:
    try:
        return clean(condition.describe(response, now))
    except Exception as error:  # noqa: BLE001 - a line of the log must not end the waiting
        return f"not yet ({type(error).__name__} in {type(condition).__name__}.describe)"


def fingerprint_rows(rows: Iterable[Any]) -> str:
    """Return a checksum of rows that ignores their order, and the links and secrets that change at each request."""
    lines = sorted(json.dumps(without_secrets(row), sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class FingerprintReader:
    """Replaces the `read` of a call, and returns the fingerprint of its rows; readers of equal calls are equal."""

    read: Callable[[Any], Iterable[Any]]

    def __call__(self, data: Any) -> str:
        """Return the fingerprint of the rows in a decoded response."""
        return fingerprint_rows(self.read(data))


def fingerprint_call(call: Call[Any]) -> Call[str]:
    """Return a call that gives the fingerprint of a list instead of the list, which may be long."""
    return replace(call, read=FingerprintReader(call.read))


def _by(key: str) -> Callable[[Session], datetime]:
    return lambda session: times.parse(str(session.get(key)))


def _latest(sessions: list[Session]) -> str:
    """Return which session started last; its end is left out, since that of a running one may change at each poll."""
    started = [each for each in sessions if each.get("start_date")]
    if not started:
        return ""
    latest = max(started, key=_by("start_date"))
    return f"session {latest['id']}, which started at {format_moment(times.parse(str(latest['start_date'])))}"


def _describe_none(sessions: list[Session]) -> str:
    """Return that no session counts, and which one is the latest nevertheless."""
    latest = _latest(sessions)
    return f"no session since then; the latest is {latest}" if latest else "no session yet"


@dataclass(frozen=True)
class _SinceInRoom(Condition):
    """Base of conditions about what happens in a room from a moment on.

    :param room_id: the room.
    :param since: the moment, ISO 8601 with an offset.
    """

    room_id: Id
    since: str

    def __post_init__(self) -> None:
        validate.identifier("room_id", self.room_id)
        times.instant("since", self.since)


@dataclass(frozen=True)
class SessionStarted(_SinceInRoom):
    """A session of the room has started, and was not over at `since`; the first one if there are several."""

    @property
    def call(self) -> Call[list[Session]]:
        """The list of the room's sessions."""
        return calls.list_sessions(self.room_id)

    @property
    def description(self) -> str:
        """The room, and since when a session counts."""
        return f"a session of room {self.room_id} to start (since {self.since})"

    def check(self, response: list[Session], now: datetime) -> Result:
        """Return the session's `session_facts`."""
        started = [session for session in response if session.get("start_date") and over_since(session, self.since)]
        return session_facts(self.room_id, min(started, key=_by("start_date"))) if started else None

    def describe(self, response: list[Session], now: datetime) -> str:
        """Return which session is the latest; it was over too early to count."""
        return _describe_none(response)


@dataclass(frozen=True)
class SessionEnded(_SinceInRoom):
    """A session of the room has ended, and its reports are complete; the first one if there are several.

    :param settle: the session must have ended this many seconds ago, and then the attendee list must be the same at
        two polls in a row. With zero, the end counts at once.
    :param session_id: the only session that counts; `since` is ignored then.
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
        """Whether the attendee list must be the same twice: ClickMeeting completes it after the session."""
        return self.settle > 0

    @property
    def call(self) -> Call[list[Session]]:
        """The list of the room's sessions."""
        return calls.list_sessions(self.room_id)

    @property
    def description(self) -> str:
        """The session if it is known, else the room and since when a session counts."""
        if self.session_id is not None:
            return f"session {self.session_id} of room {self.room_id} to end"
        return f"a session of room {self.room_id} to end (since {self.since})"

    def check(self, response: list[Session], now: datetime) -> Result:
        """Return the session's `session_facts`."""
        ended = [each for each in response if over_for(each, self.settle, now) and self._matches(each)]
        return session_facts(self.room_id, min(ended, key=_by("end_date"))) if ended else None

    def describe(self, response: list[Session], now: datetime) -> str:
        """Return which session is the latest that counts, and whether it is over."""
        counting = [each for each in response if self._matches(each)]
        if not (latest := _latest(counting)):
            return f"session {self.session_id} is not listed" if self.session_id else _describe_none(response)
        if not any(over_for(each, 0, now) for each in counting):
            return f"{latest}, is running"
        return f"{latest}, is over, or is said to be; its end counts after {format_length(self.settle)}"

    def _matches(self, session: Session) -> bool:
        if self.session_id is None:
            return over_since(session, self.since)
        return session["id"] == int(self.session_id)

    def confirm_with(self, result: dict[str, Any]) -> Call[list[Attendee]]:
        """Return the call that lists the session's attendees."""
        return calls.list_session_attendees(self.room_id, result["session_id"])


@dataclass(frozen=True)
class RecordingReady(_SinceInRoom):
    """The room has recordings that were not over at `since`, and ClickMeeting has processed all of them.

    :param until: recordings that began then or later do not count; with None, all later ones do.
    """

    until: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.until is not None:
            times.instant("until", self.until)

    @property
    def needs_confirmation(self) -> bool:
        """True: the size of a recording may grow while ClickMeeting processes it."""
        return True

    @property
    def call(self) -> Call[list[Recording]]:
        """The list of the room's recordings."""
        return calls.list_recordings(self.room_id)

    @property
    def description(self) -> str:
        """The room, and which recordings count."""
        period = f"since {self.since}" if self.until is None else f"from {self.since} to {self.until}"
        return f"the recordings of room {self.room_id} to be processed ({period})"

    def check(self, response: list[Recording], now: datetime) -> Result:
        """Return `room_id` and `recordings`, the `recording_facts` of each."""
        found = self._found(response)
        if not found or not all(map(recorded, found)):
            return None
        return {"room_id": int(self.room_id), "recordings": [recording_facts(each) for each in found]}

    def describe(self, response: list[Recording], now: datetime) -> str:
        """Return how many recordings count, and how many of them are processed."""
        found = self._found(response)
        return f"{len(found)} recordings, {sum(map(recorded, found))} of them processed"

    def _found(self, response: list[Recording]) -> list[Recording]:
        earliest = minute_of(self.since)
        found = [each for each in response if not (end := recorded_until(each)) or end >= earliest]
        if self.until is None:
            return found
        latest = times.instant("until", self.until)
        return [each for each in found if not (start := recorded_at(each)) or start < latest]


@dataclass(frozen=True)
class ConferenceStatus(Condition):
    """The room has a status. A room becomes `inactive` up to half an hour after its scheduled end.

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
        """The room's settings."""
        return calls.get_conference(self.room_id)

    @property
    def description(self) -> str:
        """The room and the status."""
        return f"room {self.room_id} to be {self.status.strip().lower()}"

    def check(self, response: Room, now: datetime) -> Result:
        """Return `room_id`, `status` and `updated_at`."""
        if response.get("status") != self.status.strip().lower():
            return None
        return {"room_id": int(self.room_id), "status": response["status"], "updated_at": response.get("updated_at")}

    def describe(self, response: Room, now: datetime) -> str:
        """Return the room's status."""
        return f"the room's status is {validate.shown(response.get('status'))}"


@dataclass(frozen=True)
class StartsSoon(Condition):
    """The planned start of the room is not further ahead than a length of time; or it has passed.

    Each poll reads the start anew, so a room that moves is waited for until its new start is near. A permanent room has
    no planned start, and a room that is inactive before its start was cancelled: both are waited for, too.

    :param room_id: the room.
    :param before: the length of time as ISO 8601 text, such as `P1D`. A day has 24 hours, also when the clocks change.
    """

    room_id: Id
    before: str = "PT1H"

    def __post_init__(self) -> None:
        validate.identifier("room_id", self.room_id)
        times.length("before", self.before)

    @property
    def call(self) -> Call[Room]:
        """The room's settings."""
        return calls.get_conference(self.room_id)

    @property
    def description(self) -> str:
        """The room, and the length of time."""
        return f"room {self.room_id} to start within {format_length(self._length.total_seconds())}"

    @property
    def _length(self) -> timedelta:
        return times.length("before", self.before)

    def check(self, response: Room, now: datetime) -> Result:
        """Return `room_id`, `starts_at`, `ends_at`, `timezone` and `before`."""
        if response.get("permanent_room") is True or not (written := response.get("starts_at")):
            return None
        start = times.parse(written)
        is_cancelled = response.get("status") == "inactive" and now < start
        if is_cancelled or now < start - self._length:
            return None
        facts = {key: response.get(key) for key in ("starts_at", "ends_at", "timezone")}
        return {"room_id": int(self.room_id), **facts, "before": self.before}

    def describe(self, response: Room, now: datetime) -> str:
        """Return the planned start, or why there is none."""
        if response.get("status") == "inactive":
            return "the room is inactive"
        if (start := RoomPlan.of(response).starts_at) is None:
            return "the room has no planned start"
        return f"the start is planned for {format_moment(start)}"


@dataclass(frozen=True)
class Registrations(Condition):
    """At least a given number of people have registered for the room.

    :param room_id: the room.
    :param at_least: the number of people.
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
        """The list of the room's registrations."""
        return calls.list_registrations(self.room_id, self.status)

    @property
    def description(self) -> str:
        """The room, and the number of people."""
        return f"{self.at_least} or more registrations for room {self.room_id} (status {self.status})"

    def check(self, response: list[Registration], now: datetime) -> Result:
        """Return `room_id` and the number of `registrations`."""
        enough = len(response) >= int(self.at_least)
        return {"room_id": int(self.room_id), "registrations": len(response)} if enough else None

    def describe(self, response: list[Registration], now: datetime) -> str:
        """Return the number of registrations."""
        return f"{len(response)} of {self.at_least} registrations"


@dataclass(frozen=True)
class SessionReport(Condition):
    """A session's PDF report is finished; the first poll makes ClickMeeting generate it.

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
        """The state of the report; ClickMeeting generates it at the first request, with the same GET."""
        return calls.generate_session_report(self.room_id, self.session_id, lang=self.lang)

    @property
    def description(self) -> str:
        """The session and the language."""
        return f"the PDF report of session {self.session_id} of room {self.room_id} (language {self.lang})"

    def check(self, response: Report, now: datetime) -> Result:
        """Return `room_id`, `session_id` and `lang`, but not the URL, which is a secret."""
        if response.get("status") != "FINISHED" or not response.get("url"):
            return None
        return {"room_id": int(self.room_id), "session_id": int(self.session_id), "lang": self.lang}

    def describe(self, response: Report, now: datetime) -> str:
        """Return the report's status, but not its URL, which is a secret."""
        return f"the report's status is {validate.shown(response.get('status'))}"


@dataclass(frozen=True)
class FileConverted(Condition):
    """ClickMeeting has converted an uploaded file, so that it can be shown in a room.

    :param file_id: the file.
    """

    file_id: Id

    def __post_init__(self) -> None:
        validate.identifier("file_id", self.file_id)

    @property
    def call(self) -> Call[File]:
        """The file's state."""
        return calls.get_file(self.file_id)

    @property
    def description(self) -> str:
        """The file."""
        return f"file {self.file_id} to be converted"

    def check(self, response: File, now: datetime) -> Result:
        """Return `file_id`, `name` and `document_type`."""
        if response.get("status") != "converted":
            return None
        return {
            "file_id": int(self.file_id),
            "name": response.get("name"),
            "document_type": response.get("document_type"),
        }

    def describe(self, response: File, now: datetime) -> str:
        """Return the file's status."""
        return f"the file's status is {validate.shown(response.get('status'))}"
