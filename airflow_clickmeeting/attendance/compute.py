"""Who was at a session and for how long: pure functions of its entries and its room's registrations.

A person is their e-mail address, trimmed and case-folded. Without one, a registration is a person by its `id`, and a
visitor by their `uid`: ClickMeeting tells of no way from the one to the other, and a nickname proves nothing.
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

T = TypeVar("T")
Stay = tuple[datetime, datetime]
Status = Literal["attended", "no_show", "walk_in"]

STAFF = {role: rank for rank, role in enumerate(("host", "moderator", "presenter", "guest_speaker"))}
NOTHING, MINUTE = timedelta(0), timedelta(minutes=1)
_told_last = attrgetter("leave", "rating", "comment")


class Participation(TypedDict):
    """One person at one session; the keys stand in this order.

    `person` is the address, `registration:ID` or `visitor:UID`. Whoever had a role of `STAFF` in any of their visits
    `is_staff`, and has no `status`. Moments are ISO 8601 with the UTC offset of the session's start, and as recorded: a
    host joins before the session starts. Entries that overlap or adjoin are one visit. `minutes` and `share` (0 to 1; 0
    in a session of no length) count presence within the session, once. The nickname is that of the first entry that has
    one, else of the registration; rating (stars) and comment are those of the last entry that has either.
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
    """A session's audience in numbers, without staff: `registered` is attended + no_show, `came` attended + walk_in.

    `show_up_rate` is the part of the registered that attended, None when nobody registered; `median_minutes` is of
    those who came, None when nobody did; `peak` is the most people at once.
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
    """The audiences of several sessions together.

    Counts are added up, so who was at two sessions counts twice; the median is of all stays, the peak the highest.
    """

    sessions: int


@dataclass(frozen=True)
class Attendance:
    """Who was at a session.

    :param rows: a row per person, sorted by `person`.
    :param summary: the audience in numbers.
    :param curve: how many of the audience were present from each moment on at which that changed.
    :param skipped: entries and registrations that could not be read and do not count, each with why.
    """

    rows: list[Participation]
    summary: Summary
    curve: list[tuple[datetime, int]]
    skipped: list[str]


class AttendanceTotals:
    """Adds up the attendances of sessions; keeps eight bytes for each person who came."""

    def __init__(self) -> None:
        self._sessions = 0
        self._status: Counter[str | None] = Counter()
        self._minutes = array("d")
        self._peak = 0

    def add(self, attendance: Attendance) -> None:
        """Count a session in."""
        audience = _audience(attendance.rows)
        self._sessions += 1
        self._status.update(row["status"] for row in audience)
        self._minutes.extend(row["minutes"] for row in audience if row["visits"])
        self._peak = max(self._peak, attendance.summary["peak"])

    @property
    def summary(self) -> SummaryOfSessions:
        """All of them in numbers."""
        return {"sessions": self._sessions, **_summary(self._status, self._minutes, self._peak)}


class _Visit(NamedTuple):
    """One entry; the fields stand in the order that sorts them, so that the order they came in never matters."""

    join: datetime
    nickname: str
    leave: datetime
    role: str
    rating: int
    comment: str


class _Registered(NamedTuple):
    """One registration; a person's least is, where there is one, not for another session."""

    elsewhere: bool
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
    """Work out who was at a session, in whatever order its entries and registrations come.

    An entry without an end counts until the session's end. What cannot be read is left out and told in `skipped`.
    A permanent room's registrations serve all its sessions: whoever came and has one is registered, but one that is
    bound to another session, or was made when this one was over, makes no `no_show` of this.

    :param attendees: a row per entry, as `list_session_attendees` gives them.
    :param registrations: the room's, as `list_registrations` gives them, confirmed or not.
    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param until: when a session that still runs is taken to end, such as now; one that has ended ignores it.
    :raises ValueError: for a session whose own times cannot be read, or that still runs when no `until` is given.
    """
    gap = times.seconds("rejoin_gap", rejoin_gap)
    meeting = _meeting(session, until)
    skipped: list[str] = []
    visits: dict[str, list[_Visit]] = defaultdict(list)
    for person, visit in _readable(partial(_visit, until=meeting.end), "attendee", "uid", attendees, skipped):
        visits[person].append(visit)
    registered: dict[str, _Registered] = {}
    for person, one in _readable(partial(_registered, meeting=meeting), "registration", "id", registrations, skipped):
        registered[person] = min(one, registered.get(person, one))

    rows: list[Participation] = []
    present: list[Stay] = []
    for person in sorted(visits.keys() | {person for person, one in registered.items() if not one.elsewhere}):
        own = sorted(visits.get(person, ()))
        stays = _stays(own, gap)
        inside = [_within(stay, meeting) for stay in stays]
        rows.append(_row(meeting, person, own, stays, inside, registered.get(person)))
        if not rows[-1]["is_staff"]:
            present += inside
    curve = [(moment.astimezone(meeting.zone), count) for moment, count in _curve(present)]
    audience = _audience(rows)
    summary = _summary(
        Counter(row["status"] for row in audience),
        [row["minutes"] for row in audience if row["visits"]],
        max((count for _, count in curve), default=0),
    )
    return Attendance(rows, summary, curve, sorted(skipped))


def _meeting(session: Session, until: times.When | None) -> _SessionSpan:
    now = None if until is None else times.instant("until", until).astimezone(UTC)
    try:
        start, end = _span(session, now)
    except ValueError as error:
        raise ValueError(f"session {session['id']}: {error}") from None
    return _SessionSpan(session["id"], start, end, times.parse(session["start_date"]).tzinfo)


def _readable(
    read: Callable[[Any], T], what: str, key: str, rows: Iterable[Mapping[str, Any]], skipped: list[str]
) -> Iterator[T]:
    """Read rows; those that cannot be read go into `skipped`, with why."""
    for row in rows:
        try:
            yield read(row)
        except ValueError as error:
            skipped.append(f"{what} with {key} {row.get(key)!r}: {error}")


def _visit(row: Attendee, until: datetime) -> tuple[str, _Visit]:
    join, leave = _span(row, until)
    rating = _text(row, "rating")
    stars = int(rating) if rating.isdecimal() else 0
    visit = _Visit(join, _text(row, "nickname"), leave, _text(row, "role"), stars, _text(row, "rating_comment"))
    return _person(row, "visitor", "uid"), visit


def _registered(row: Registration, meeting: _SessionSpan) -> tuple[str, _Registered]:
    bound_to = row.get("session_id")
    elsewhere = bound_to != meeting.id if bound_to else _made_after(meeting.end, row)
    return _person(row, "registration", "id"), _Registered(
        elsewhere, row.get("id") or 0, _text(row, "visitor_nickname")
    )


def _made_after(end: datetime, row: Registration) -> bool:
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


def _span(row: Mapping[str, Any], until: datetime | None) -> Stay:
    """Return from when to when a session or an entry lasted."""
    start = _moment(row, "start_date")
    if row.get("end_date"):
        if (end := _moment(row, "end_date")) < start:
            raise ValueError(f"end_date {row['end_date']!r} is before start_date {row['start_date']!r}")
        return start, end
    if until is None:
        raise ValueError("it has no end_date yet; give until, the moment up to which it counts")
    return start, max(start, until)


def _moment(row: Mapping[str, Any], key: str) -> datetime:
    try:
        return _utc(row[key])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(f"{key} {row.get(key)!r} is no ISO 8601 time") from None


# times are rounded to minutes, so that few differ
@lru_cache(maxsize=10_000)
def _utc(text: str) -> datetime:
    return times.parse(text).astimezone(UTC)


@lru_cache(maxsize=10_000)
def _written(moment: datetime, zone: tzinfo | None) -> str:
    return moment.astimezone(zone).isoformat()


def _stays(visits: Iterable[_Visit], gap: timedelta) -> list[Stay]:
    """Join a person's sorted visits where they overlap, adjoin or lie no more than a gap apart."""
    stays: list[Stay] = []
    for visit in visits:
        if stays and visit.join - stays[-1][1] <= gap:
            stays[-1] = stays[-1][0], max(stays[-1][1], visit.leave)
        else:
            stays.append((visit.join, visit.leave))
    return stays


def _within(stay: Stay, meeting: _SessionSpan) -> Stay:
    start, end = stay
    return min(max(start, meeting.start), meeting.end), min(max(end, meeting.start), meeting.end)


def _row(
    meeting: _SessionSpan,
    person: str,
    visits: list[_Visit],
    stays: list[Stay],
    inside: list[Stay],
    registration: _Registered | None,
) -> Participation:
    role = min((visit.role for visit in visits), key=_rank, default="")
    is_staff = role in STAFF
    rated = [visit for visit in visits if visit.rating or visit.comment]
    last = max(rated, key=_told_last, default=None)
    nickname = next((visit.nickname for visit in visits if visit.nickname), registration and registration.nickname)
    length = meeting.end - meeting.start
    present = sum((end - start for start, end in inside), NOTHING)
    return {
        "session_id": meeting.id,
        "person": person,
        "email": person if "@" in person else None,
        "registration_id": (registration and registration.id) or None,
        "nickname": nickname or None,
        "role": role or None,
        "is_staff": is_staff,
        "registered": registration is not None,
        "status": None if is_staff else _status(came=bool(visits), registered=registration is not None),
        "first_join": _written(stays[0][0], meeting.zone) if stays else None,
        "last_leave": _written(stays[-1][1], meeting.zone) if stays else None,
        "visits": len(stays),
        "minutes": present / MINUTE,
        "share": present / length if length else 0.0,
        "rating": (last and last.rating) or None,
        "rating_comment": (last and last.comment) or None,
    }


def _rank(role: str) -> tuple[int, bool, str]:
    return STAFF.get(role, len(STAFF)), not role, role


def _status(*, came: bool, registered: bool) -> Status:
    if not came:
        return "no_show"
    return "attended" if registered else "walk_in"


def _curve(stays: Iterable[Stay]) -> Iterator[tuple[datetime, int]]:
    """Yield each moment at which the number of those present changes: who leaves then is gone, who joins is there."""
    changes: Counter[datetime] = Counter()
    for start, end in stays:
        changes[start] += 1
        changes[end] -= 1
    count = 0
    for moment in sorted(changes):
        if changes[moment]:
            count += changes[moment]
            yield moment, count


def _audience(rows: Iterable[Participation]) -> list[Participation]:
    return [row for row in rows if not row["is_staff"]]


def _summary(number: Counter[str | None], minutes: Sequence[float], peak: int) -> Summary:
    registered = number["attended"] + number["no_show"]
    return {
        "registered": registered,
        "came": len(minutes),
        "attended": number["attended"],
        "no_show": number["no_show"],
        "walk_in": number["walk_in"],
        "show_up_rate": number["attended"] / registered if registered else None,
        "median_minutes": median(minutes) if minutes else None,
        "peak": peak,
    }
