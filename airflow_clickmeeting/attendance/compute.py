"""Compute who attended a session and for how long, from the session's entries and its room's registrations.

The functions are pure: they send no request. Rows with the same e-mail address, trimmed and case-folded, are one
person. Without an address, a registration counts as a person by its `id`, and an attendee by their `uid`. The two are
not matched, because ClickMeeting gives nothing that connects them, and two people can have the same nickname.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache, partial
from operator import attrgetter
from statistics import median
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.types import Attendee, Registration, Session
from airflow_clickmeeting.attendance.intervals import (
    MINUTE,
    NOTHING,
    Interval,
    clipped,
    count_present,
    gaps,
    interval_of,
    merged,
    moment_of,
    total,
)

__all__ = [
    "Attendance",
    "AttendanceTotals",
    "Participation",
    "Status",
    "Summary",
    "SummaryOfSessions",
    "attendance_of",
    "attendance_of_event",
    "person_of",
]

T = TypeVar("T")
Status = Literal["attended", "no_show", "walk_in"]

STAFF = {role: rank for rank, role in enumerate(("host", "moderator", "presenter", "guest_speaker"))}
_stay, _role = attrgetter("join", "leave"), attrgetter("role")
_feedback_order = attrgetter("leave", "rating", "comment")


class Participation(TypedDict):
    """One person at one session, or at an event of several sessions; the keys have this order.

    `session_id` is the id of the session, or of the first one of an event. `person` is the e-mail address,
    `registration:ID` or `visitor:UID`. A person who had a role of `STAFF` in any entry has `is_staff` set, and no
    `status`. `first_join` and `last_leave` are ISO 8601 with the UTC offset of the session's start. They are as
    recorded, so a host's `first_join` may be before the session. Entries that overlap or adjoin are one of the
    `visits`. `minutes` and `share` (0 to 1; 0 if the session has no length) count presence within the session, and
    overlapping entries once; a break between the sessions of an event is neither presence nor absence. The nickname is
    from the first entry that has one, else from the registration. The rating (stars) and the comment are from the last
    entry that has either.
    """

    session_id: int
    person: str
    email: str | None
    registration_id: int | None
    nickname: str | None
    role: str | None
    is_staff: bool
    registered: bool
    status: Status | None
    first_join: str | None
    last_leave: str | None
    visits: int
    minutes: float
    share: float
    rating: int | None
    rating_comment: str | None


class Summary(TypedDict):
    """The number of people in a session's audience, without staff.

    `registered` is `attended` + `no_show`, and `came` is `attended` + `walk_in`. `show_up_rate` is `attended` /
    `registered` (0 to 1), or None if nobody registered. `median_minutes` is over the people who came, or None if nobody
    came. `peak` is the highest number of people at the same time. If nobody came, all of them are 0 or None: a session
    without an audience, such as a test or one that broke off at once, makes nobody a `no_show`.
    """

    registered: int
    came: int
    attended: int
    no_show: int
    walk_in: int
    show_up_rate: float | None
    median_minutes: float | None
    peak: int


class SummaryOfSessions(Summary):
    """The audiences of several sessions together, and the number of `sessions`.

    A person who attended two sessions counts twice, in the median too. The peak is the highest peak of any session.
    """

    sessions: int


@dataclass(frozen=True)
class Attendance:
    """The attendance of a session, or of an event of several sessions.

    :param session_ids: the ids of the sessions; the event bears the first one.
    :param spans: the start and the end of each session, with the UTC offset of the first one; sessions that overlap or
        adjoin are one span.
    :param rows: a row per person, sorted by `person`.
    :param summary: the numbers of the audience.
    :param curve: each time at which the number of people in the audience changed, with the number from then on.
    :param not_counted: how many people had registered, but are not in `rows` because nobody came.
    :param skipped: messages about entries and registrations that could not be read, and so do not count; sorted.
    """

    session_ids: list[int]
    spans: list[Interval]
    rows: list[Participation]
    summary: Summary
    curve: list[tuple[datetime, int]]
    not_counted: int
    skipped: list[str]


class AttendanceTotals:
    """Adds up the attendance of sessions; the median needs eight bytes of memory for each person who came."""

    def __init__(self) -> None:
        self._sessions = 0
        self._status: Counter[str | None] = Counter()
        self._minutes = array("d")
        self._peak = 0

    def add(self, attendance: Attendance) -> None:
        """Add the numbers of one session."""
        audience = _audience(attendance.rows)
        self._sessions += 1
        self._status.update(row["status"] for row in audience)
        self._minutes.extend(row["minutes"] for row in audience if row["visits"])
        self._peak = max(self._peak, attendance.summary["peak"])

    @property
    def summary(self) -> SummaryOfSessions:
        """The numbers of all sessions added so far."""
        return {"sessions": self._sessions, **_summary(self._status, self._minutes, self._peak)}


class _Entry(NamedTuple):
    """One entry. Entries are sorted by all fields, so the order of ClickMeeting's list does not change the result."""

    join: datetime
    nickname: str
    leave: datetime
    role: str
    rating: int
    comment: str


class _RegistrationFacts(NamedTuple):
    """One registration. The smallest one of a person counts, so one that is valid for this session wins."""

    for_other_session: bool
    id: int
    nickname: str


@dataclass(frozen=True)
class _Event:
    """The ids of its sessions, the zone of the first one, and the times in which at least one of them took place."""

    ids: list[int]
    zone: tzinfo | None
    spans: list[Interval]

    @property
    def end(self) -> datetime:
        return self.spans[-1][1]

    @cached_property
    def length(self) -> timedelta:
        return total(self.spans)

    @cached_property
    def breaks(self) -> list[Interval]:
        return gaps(self.spans)

    def absence(self, leave: datetime, join: datetime) -> timedelta:
        """Return how long somebody was absent who left and joined again; a break is no absence."""
        during = (clipped(each, (leave, join)) for each in self.breaks)
        return join - leave - total(during)


def attendance_of(
    session: Session,
    attendees: Iterable[Attendee],
    registrations: Iterable[Registration] = (),
    *,
    rejoin_gap: timedelta | float | str = NOTHING,
    until: times.When | None = None,
) -> Attendance:
    """Compute the attendance of a session; the order of its entries and registrations does not matter.

    An entry without an end counts until the session's end. Entries and registrations that cannot be read do not count;
    `skipped` has a message about each.

    The registrations of a permanent room are valid for all its sessions, so a person who came and has any registration
    is registered. A person who did not come is a `no_show`, unless their registration is for another session or was
    made after this session. If nobody came, except for staff, nobody is a `no_show`.

    :param session: the session, as `get_session` returns it.
    :param attendees: a row per entry, as `list_session_attendees` returns them.
    :param registrations: the room's registrations, confirmed or not, as `list_registrations` returns them.
    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param until: the end to assume for a session that still runs, such as now; ignored if the session has ended.
    :raises ValueError: if the session's own times cannot be read, or if it still runs and `until` is missing.
    """
    return attendance_of_event([(session, attendees)], registrations, rejoin_gap=rejoin_gap, until=until)


def attendance_of_event(
    sessions: Iterable[tuple[Session, Iterable[Attendee]]],
    registrations: Iterable[Registration] = (),
    *,
    rejoin_gap: timedelta | float | str = NOTHING,
    until: times.When | None = None,
) -> Attendance:
    """Compute the attendance of sessions that count as one, such as those of `events.join_sessions`.

    The arguments and the result are those of `attendance_of`. Somebody who was at any of the sessions came to the
    event. Minutes are those within the sessions, each counted once, and somebody who was there from the start of the
    first session to the end of the last one has a share of 1 and one visit, whatever breaks are between them.

    :param sessions: at least one session, each with its entries, in the order of their starts.
    """
    gap = times.seconds("rejoin_gap", rejoin_gap)
    now = None if until is None else times.instant("until", until).astimezone(UTC)
    sessions = list(sessions)
    spans = [_span(session, now) for session, _ in sessions]
    zone = times.parse(sessions[0][0]["start_date"]).tzinfo
    event = _Event([session["id"] for session, _ in sessions], zone, merged(sorted(spans)))
    skipped: list[str] = []
    entries: dict[str, list[_Entry]] = defaultdict(list)
    for (_, attendees), (_, end) in zip(sessions, spans, strict=True):
        read_entry = partial(_read_entry, until=end)
        for person, entry in _read_rows(read_entry, "attendee", "uid", attendees, skipped):
            entries[person].append(entry)
    registered: dict[str, _RegistrationFacts] = {}
    read_registration = partial(_read_registration, event=event)
    for person, facts in _read_rows(read_registration, "registration", "id", registrations, skipped):
        registered[person] = min(facts, registered.get(person, facts))
    expected = {person for person, facts in registered.items() if not facts.for_other_session}

    def came_back(leave: datetime, join: datetime) -> bool:
        return event.absence(leave, join) <= gap

    rows: list[Participation] = []
    present: list[Interval] = []
    people = sorted(entries.keys() | expected)
    for person in people:
        own = sorted(entries.get(person, ()))
        visits = merged(map(_stay, own), came_back)
        inside = [clipped(visit, span) for visit in visits for span in event.spans]
        rows.append(_row(event, person, own, visits, inside, registered.get(person)))
        if not rows[-1]["is_staff"]:
            present += inside
    audience = _audience(rows)
    if not any(row["visits"] for row in audience):
        rows, audience = [row for row in rows if row["visits"]], []
    curve = [(moment.astimezone(zone), count) for moment, count in count_present(present)]
    summary = _summary(
        Counter(row["status"] for row in audience),
        [row["minutes"] for row in audience if row["visits"]],
        max((count for _, count in curve), default=0),
    )
    spans = [(start.astimezone(zone), end.astimezone(zone)) for start, end in event.spans]
    return Attendance(event.ids, spans, rows, summary, curve, len(people) - len(rows), sorted(skipped))


def _span(session: Session, now: datetime | None) -> Interval:
    try:
        return interval_of(session, now)
    except ValueError as error:
        raise type(error)(f"session {session['id']}: {error}") from None


def _read_rows(
    read: Callable[[Any], T], what: str, key: str, rows: Iterable[Mapping[str, Any]], skipped: list[str]
) -> Iterator[T]:
    """Yield each row as `read` returns it; if `read` fails, add a message with the row's id to `skipped`."""
    for row in rows:
        try:
            yield read(row)
        except ValueError as error:
            skipped.append(f"{what} with {key} {row.get(key)!r}: {error}")


def _read_entry(row: Attendee, until: datetime) -> tuple[str, _Entry]:
    join, leave = interval_of(row, until)
    rating = _text(row, "rating")
    stars = int(rating) if rating.isdecimal() else 0
    entry = _Entry(join, _text(row, "nickname"), leave, _text(row, "role"), stars, _text(row, "rating_comment"))
    return person_of(row, "visitor", "uid"), entry


def _read_registration(row: Registration, event: _Event) -> tuple[str, _RegistrationFacts]:
    bound_to = row.get("session_id")
    for_other_session = bound_to not in event.ids if bound_to else _registered_after(event.end, row)
    facts = _RegistrationFacts(for_other_session, row.get("id") or 0, _text(row, "visitor_nickname"))
    return person_of(row, "registration", "id"), facts


def _registered_after(end: datetime, row: Registration) -> bool:
    # A registration without a readable date is not known to be later, so it counts.
    try:
        return moment_of(row, "registration_date") > end
    except ValueError:
        return False


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "")


def person_of(row: Mapping[str, Any], kind: str, key: str) -> str:
    """Return who an entry or a registration belongs to, as in `Participation`.

    :param row: the entry or the registration.
    :param kind: what a person without an e-mail address is called: `visitor` or `registration`.
    :param key: the key of their id.
    :raises ValueError: if the row has neither an e-mail address nor an id.
    """
    email = _text(row, "email").strip().casefold()
    if "@" in email:
        return email
    if not row.get(key):
        raise ValueError(f"it has no email and no {key}")
    return f"{kind}:{row[key]}"


@lru_cache(maxsize=10_000)
def _format_time(moment: datetime, zone: tzinfo | None) -> str:
    return moment.astimezone(zone).isoformat()


def _row(
    event: _Event,
    person: str,
    entries: list[_Entry],
    visits: list[Interval],
    inside: list[Interval],
    registration: _RegistrationFacts | None,
) -> Participation:
    role = min(map(_role, entries), key=_role_rank, default="")
    is_staff = role in STAFF
    rated = [entry for entry in entries if entry.rating or entry.comment]
    last = max(rated, key=_feedback_order, default=None)
    nickname = next((entry.nickname for entry in entries if entry.nickname), registration and registration.nickname)
    present = total(inside)
    return {
        "session_id": event.ids[0],
        "person": person,
        "email": person if "@" in person else None,
        "registration_id": (registration and registration.id) or None,
        "nickname": nickname or None,
        "role": role or None,
        "is_staff": is_staff,
        "registered": registration is not None,
        "status": None if is_staff else _status(came=bool(entries), registered=registration is not None),
        "first_join": _format_time(visits[0][0], event.zone) if visits else None,
        "last_leave": _format_time(visits[-1][1], event.zone) if visits else None,
        "visits": len(visits),
        "minutes": present / MINUTE,
        "share": present / event.length if event.length else 0.0,
        "rating": (last and last.rating) or None,
        "rating_comment": (last and last.comment) or None,
    }


def _role_rank(role: str) -> tuple[int, bool, str]:
    return STAFF.get(role, len(STAFF)), not role, role


def _status(*, came: bool, registered: bool) -> Status:
    if not came:
        return "no_show"
    return "attended" if registered else "walk_in"


def _audience(rows: Iterable[Participation]) -> list[Participation]:
    return [row for row in rows if not row["is_staff"]]


def _summary(people: Counter[str | None], minutes: Sequence[float], peak: int) -> Summary:
    registered = people["attended"] + people["no_show"]
    return {
        "registered": registered,
        "came": len(minutes),
        "attended": people["attended"],
        "no_show": people["no_show"],
        "walk_in": people["walk_in"],
        "show_up_rate": people["attended"] / registered if registered else None,
        "median_minutes": median(minutes) if minutes else None,
        "peak": peak,
    }
