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
from functools import lru_cache, partial
from operator import attrgetter
from statistics import median
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.types import Attendee, Registration, Session

__all__ = [
    "NOTHING",
    "Attendance",
    "AttendanceTotals",
    "Participation",
    "Status",
    "Summary",
    "SummaryOfSessions",
    "attendance_of",
]

T = TypeVar("T")
Interval = tuple[datetime, datetime]
Status = Literal["attended", "no_show", "walk_in"]

STAFF = {role: rank for rank, role in enumerate(("host", "moderator", "presenter", "guest_speaker"))}
NOTHING, MINUTE = timedelta(0), timedelta(minutes=1)
_feedback_order = attrgetter("leave", "rating", "comment")


class Participation(TypedDict):
    """One person at one session; the keys have this order.

    `person` is the e-mail address, `registration:ID` or `visitor:UID`. A person who had a role of `STAFF` in any entry
    has `is_staff` set, and no `status`. `first_join` and `last_leave` are ISO 8601 with the UTC offset of the session's
    start. They are as recorded, so a host's `first_join` may be before the session. Entries that overlap or adjoin are
    one of the `visits`. `minutes` and `share` (0 to 1; 0 if the session has no length) count presence within the
    session, and overlapping entries once. The nickname is from the first entry that has one, else from the
    registration. The rating (stars) and the comment are from the last entry that has either.
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
    came. `peak` is the highest number of people at the same time.
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
    """The attendance of one session.

    :param rows: a row per person, sorted by `person`.
    :param summary: the numbers of the audience.
    :param curve: each time at which the number of people in the audience changed, with the number from then on.
    :param skipped: messages about entries and registrations that could not be read, and so do not count; sorted.
    """

    rows: list[Participation]
    summary: Summary
    curve: list[tuple[datetime, int]]
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
class _SessionSpan:
    id: int
    start: datetime
    end: datetime
    zone: tzinfo | None


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
    made after this session.

    :param session: the session, as `get_session` returns it.
    :param attendees: a row per entry, as `list_session_attendees` returns them.
    :param registrations: the room's registrations, confirmed or not, as `list_registrations` returns them.
    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param until: the end to assume for a session that still runs, such as now; ignored if the session has ended.
    :raises ValueError: if the session's own times cannot be read, or if it still runs and `until` is missing.
    """
    gap = times.seconds("rejoin_gap", rejoin_gap)
    span = _session_span(session, until)
    skipped: list[str] = []
    entries: dict[str, list[_Entry]] = defaultdict(list)
    read_entry = partial(_read_entry, until=span.end)
    for person, entry in _read_rows(read_entry, "attendee", "uid", attendees, skipped):
        entries[person].append(entry)
    registered: dict[str, _RegistrationFacts] = {}
    read_registration = partial(_read_registration, span=span)
    for person, facts in _read_rows(read_registration, "registration", "id", registrations, skipped):
        registered[person] = min(facts, registered.get(person, facts))
    expected = {person for person, facts in registered.items() if not facts.for_other_session}

    rows: list[Participation] = []
    present: list[Interval] = []
    for person in sorted(entries.keys() | expected):
        own = sorted(entries.get(person, ()))
        visits = _merge_entries(own, gap)
        inside = [_clip(visit, span) for visit in visits]
        rows.append(_row(span, person, own, visits, inside, registered.get(person)))
        if not rows[-1]["is_staff"]:
            present += inside
    curve = [(moment.astimezone(span.zone), count) for moment, count in _count_present(present)]
    audience = _audience(rows)
    summary = _summary(
        Counter(row["status"] for row in audience),
        [row["minutes"] for row in audience if row["visits"]],
        max((count for _, count in curve), default=0),
    )
    return Attendance(rows, summary, curve, sorted(skipped))


def _session_span(session: Session, until: times.When | None) -> _SessionSpan:
    assumed_end = None if until is None else times.instant("until", until).astimezone(UTC)
    try:
        start, end = _interval(session, assumed_end)
    except ValueError as error:
        raise ValueError(f"session {session['id']}: {error}") from None
    return _SessionSpan(session["id"], start, end, times.parse(session["start_date"]).tzinfo)


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
    join, leave = _interval(row, until)
    rating = _text(row, "rating")
    stars = int(rating) if rating.isdecimal() else 0
    entry = _Entry(join, _text(row, "nickname"), leave, _text(row, "role"), stars, _text(row, "rating_comment"))
    return _person(row, "visitor", "uid"), entry


def _read_registration(row: Registration, span: _SessionSpan) -> tuple[str, _RegistrationFacts]:
    bound_to = row.get("session_id")
    for_other_session = bound_to != span.id if bound_to else _registered_after(span.end, row)
    facts = _RegistrationFacts(for_other_session, row.get("id") or 0, _text(row, "visitor_nickname"))
    return _person(row, "registration", "id"), facts


def _registered_after(end: datetime, row: Registration) -> bool:
    # A registration without a readable date is not known to be later, so it counts.
    try:
        return _moment(row, "registration_date") > end
    except ValueError:
        return False


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "")


def _person(row: Mapping[str, Any], kind: str, key: str) -> str:
    email = _text(row, "email").strip().casefold()
    if "@" in email:
        return email
    if not row.get(key):
        raise ValueError(f"it has no email and no {key}")
    return f"{kind}:{row[key]}"


def _interval(row: Mapping[str, Any], until: datetime | None) -> Interval:
    """Return the start and the end of a session or an entry; `until` is the end if the row has none."""
    start = _moment(row, "start_date")
    if row.get("end_date"):
        if (end := _moment(row, "end_date")) < start:
            raise ValueError(f"end_date {row['end_date']!r} is before start_date {row['start_date']!r}")
        return start, end
    if until is None:
        raise ValueError("it has no end_date yet; set until, the end to assume for a running session")
    return start, max(start, until)


def _moment(row: Mapping[str, Any], key: str) -> datetime:
    try:
        return _utc(row[key])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(f"{key} {row.get(key)!r} is not an ISO 8601 time") from None


# ClickMeeting rounds times to minutes, so a session has few different ones, and most are found in the caches.
@lru_cache(maxsize=10_000)
def _utc(text: str) -> datetime:
    return times.parse(text).astimezone(UTC)


@lru_cache(maxsize=10_000)
def _format_time(moment: datetime, zone: tzinfo | None) -> str:
    return moment.astimezone(zone).isoformat()


def _merge_entries(entries: Iterable[_Entry], gap: timedelta) -> list[Interval]:
    """Return a person's visits: sorted entries that overlap, adjoin, or are at most `gap` apart are one visit."""
    visits: list[Interval] = []
    for entry in entries:
        if visits and entry.join - visits[-1][1] <= gap:
            visits[-1] = visits[-1][0], max(visits[-1][1], entry.leave)
        else:
            visits.append((entry.join, entry.leave))
    return visits


def _clip(visit: Interval, span: _SessionSpan) -> Interval:
    """Return the part of a visit that is within the session; it is empty for a visit before or after the session."""
    start, end = visit
    return min(max(start, span.start), span.end), min(max(end, span.start), span.end)


def _row(
    span: _SessionSpan,
    person: str,
    entries: list[_Entry],
    visits: list[Interval],
    inside: list[Interval],
    registration: _RegistrationFacts | None,
) -> Participation:
    role = min((entry.role for entry in entries), key=_role_rank, default="")
    is_staff = role in STAFF
    rated = [entry for entry in entries if entry.rating or entry.comment]
    last = max(rated, key=_feedback_order, default=None)
    nickname = next((entry.nickname for entry in entries if entry.nickname), registration and registration.nickname)
    length = span.end - span.start
    present = sum((end - start for start, end in inside), NOTHING)
    return {
        "session_id": span.id,
        "person": person,
        "email": person if "@" in person else None,
        "registration_id": (registration and registration.id) or None,
        "nickname": nickname or None,
        "role": role or None,
        "is_staff": is_staff,
        "registered": registration is not None,
        "status": None if is_staff else _status(came=bool(entries), registered=registration is not None),
        "first_join": _format_time(visits[0][0], span.zone) if visits else None,
        "last_leave": _format_time(visits[-1][1], span.zone) if visits else None,
        "visits": len(visits),
        "minutes": present / MINUTE,
        "share": present / length if length else 0.0,
        "rating": (last and last.rating) or None,
        "rating_comment": (last and last.comment) or None,
    }


def _role_rank(role: str) -> tuple[int, bool, str]:
    return STAFF.get(role, len(STAFF)), not role, role


def _status(*, came: bool, registered: bool) -> Status:
    if not came:
        return "no_show"
    return "attended" if registered else "walk_in"


def _count_present(visits: Iterable[Interval]) -> Iterator[tuple[datetime, int]]:
    """Yield each time at which the number of people changes, with the new number.

    At its exact time, a join counts already and a leave does not count any more.
    """
    changes: Counter[datetime] = Counter()
    for start, end in visits:
        changes[start] += 1
        changes[end] -= 1
    count = 0
    for moment in sorted(changes):
        if changes[moment]:
            count += changes[moment]
            yield moment, count


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
