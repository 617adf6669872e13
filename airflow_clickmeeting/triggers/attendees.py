"""Who is in a session, without names and addresses, and when to read the list again: pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict

from airflow_clickmeeting.api import parse, times
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.validate import email_key

# the list of a session that has ended is read until this long after its end, and once more after the delay
SETTLE = timedelta(minutes=5)
DELAY = timedelta(hours=1)
# a session that has ended longer ago is not read when the watcher starts
LOOKBACK = timedelta(days=1)


class Entry(TypedDict):
    """One entry of a person into a session."""

    uid: str
    role: str | None
    email: str | None
    start: datetime
    end: datetime | None


class Person(TypedDict):
    """A person in a session.

    `id` has the session's id and the `uid` of the first entry. `start_date` is when the person joined for the first
    time, and `end_date` when they left; None while they are there.
    """

    id: str
    session_id: int
    uid: str
    role: str | None
    start_date: str
    end_date: str | None


@dataclass
class SessionPeople:
    """The people in a session, as they were when its list was read last.

    :param end: the end of the session; None while it runs.
    :param people: the people, who are none if the list was not read yet.
    :param read_at: when the list was read last.
    :param tried_at: when the last attempt was made, also one that failed.
    """

    end: datetime | None = None
    people: list[Person] = field(default_factory=list)
    read_at: datetime | None = None
    tried_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether the list may have changed since it was read."""
        if self.end is None or self.read_at is None:
            return True
        return self.read_at < self.end + SETTLE or self.read_at < self.end + DELAY <= now


def entry(data: Any) -> Entry:
    """Return an item of the list of attendees.

    :raises ParseError: if it has no `uid`, or a time that cannot be read.
    """
    found: dict[str, Any] = dict(parse.attendee(data))
    if not (uid := str(found.get("uid") or found.get("id") or "")):
        raise ParseError("expected an attendee with a uid")
    end = found.get("end_date")
    return {
        "uid": uid,
        "role": found.get("role"),
        "email": found.get("email") or None,
        "start": times.parse(found.get("start_date") or ""),
        "end": None if end in (None, "") else times.parse(str(end)),
    }


def people_in(session_id: int, entries: Iterable[Entry]) -> list[Person]:
    """Return the people of a session; entries with one e-mail address or one `uid` are of one person."""
    entries = [*entries]
    keys = {each["uid"]: email_key(each["email"]) for each in entries if each["email"]}
    by_person: dict[str, list[Entry]] = defaultdict(list)
    for each in entries:
        by_person[keys.get(each["uid"], each["uid"])].append(each)
    return [_person(session_id, own) for own in by_person.values()]


def _person(session_id: int, entries: list[Entry]) -> Person:
    first = min(entries, key=lambda each: (each["start"], len(each["uid"]), each["uid"]))
    ends = [each["end"] for each in entries if each["end"] is not None]
    return {
        "id": f"{session_id}-{first['uid']}",
        "session_id": session_id,
        "uid": first["uid"],
        "role": first["role"],
        "start_date": first["start"].isoformat(),
        "end_date": max(ends).isoformat() if len(ends) == len(entries) else None,
    }
