"""Compute the attendees of a session: those of a script, or generated ones that are the same at each request."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from airflow_clickmeeting.sandbox.clock import MINUTE, floor
from airflow_clickmeeting.sandbox.model import HOST_COMES_EARLY, ChatLine, Person, Room, Session, Visit
from airflow_clickmeeting.sandbox.world import World


def visits(room: Room, session: Session) -> Iterator[Visit]:
    """Yield every entry into a session. Generated entries are produced one by one, so a large crowd needs no memory."""
    if session.host:
        return _scheduled_visits(room, session, session.host)
    return itertools.chain(session.visits, _crowd_visits(session))


def _scheduled_visits(room: Room, session: Session, host: Person) -> Iterator[Visit]:
    yield Visit(host, session.start, session.end)
    opening = min(session.start + HOST_COMES_EARLY, session.end)
    for person in room.guests.values():
        if person.since <= session.end:
            yield from _guest_visits(room, person, max(opening, floor(person.since)), session.end)
    anonymous = Person(session.first_uid, "Guest", None, device=None, user_ip="198.51.100.7", country_iso3=None)
    yield Visit(anonymous, min(opening + 2 * MINUTE, session.end), session.end)


def _guest_visits(room: Room, person: Person, opening: datetime, end: datetime) -> Iterator[Visit]:
    """Yield the entries of one guest. Of four guests, three attend; some of them join late, leave early or rejoin."""
    rng = random.Random(f"{room.id}/{person.email}")  # noqa: S311
    if rng.random() >= 0.75:
        return
    length = end - opening
    join = opening + length * (rng.random() * 0.3 if rng.random() < 0.3 else rng.random() * 0.02)
    leave = end - length * (rng.random() * 0.4 if rng.random() < 0.3 else 0)
    if rng.random() < 0.25:
        middle = join + (leave - join) / 2
        yield Visit(person, floor(join), floor(middle))
        yield Visit(person, floor(min(middle + 5 * MINUTE, leave)), floor(leave), first=False)
    else:
        yield Visit(person, floor(join), floor(leave))


def _crowd_visits(session: Session) -> Iterator[Visit]:
    """Yield the entries of a generated crowd. Every tenth person leaves for a minute and rejoins."""
    last = max((session.end - session.start) // MINUTE, 1)
    quarter = last // 4 + 1
    minutes = [min(session.start + minute * MINUTE, session.end) for minute in range(last + 1)]
    for number in range(session.crowd):
        person = Person(
            session.first_uid + number,
            f"Visitor {number + 1}",
            f"visitor{number + 1}@example.com",
            user_ip=f"198.18.{number // 250 % 250}.{number % 250 + 1}",
        )
        join, leave = number * 7 % quarter, last - number * 11 % quarter
        if number % 10 == 9:
            middle = (join + leave) // 2
            yield Visit(person, minutes[join], minutes[middle])
            yield Visit(person, minutes[min(middle + 1, leave)], minutes[leave], first=False)
        else:
            yield Visit(person, minutes[join], minutes[leave])


def chat(room: Room, session: Session) -> Sequence[ChatLine]:
    """Return the chat of the script. For a scheduled session without one, return a greeting from each attendee."""
    if session.chat or not session.automatic:
        return session.chat
    lines = [
        ChatLine(visit.join + MINUTE, visit.person.email, visit.person.nickname, "Hello, everybody")
        for visit in visits(room, session)
        if visit.first and visit.join < session.end
    ]
    return sorted(lines, key=lambda line: line.at)


def totals(room: Room, session: Session, now: datetime) -> tuple[int, int]:
    """Return the number of entries until now, and the highest number of people in the room at the same time."""
    if session.totals and now >= session.end:
        return session.totals
    changes: Counter[datetime] = Counter()
    entries = 0
    for visit in visits(room, session):
        if visit.join <= now:
            entries += 1
            changes[visit.join] += 1
            changes[visit.leave] -= 1
    peak = max(itertools.accumulate(changes[moment] for moment in sorted(changes)), default=0)
    if session.crowd and now >= session.end:
        session.totals = entries, peak
    return entries, peak


def first_entries(room: Room, session: Session, now: datetime) -> dict[str, datetime]:
    """Return each e-mail address with the time of its first entry until now. A generated crowd does not count."""
    entries: dict[str, datetime] = {}
    listed = visits(room, session) if session.automatic else session.visits
    for visit in listed:
        if visit.person.email and visit.join <= now:
            entries.setdefault(visit.person.email.lower(), visit.join)
    return entries


def get_or_add_guest(world: World, room: Room, email: str, nickname: str) -> Person:
    """Return the person with this e-mail address, or add a person, who can attend sessions from now on."""
    known = room.guests.get(email.lower())
    if not known:
        known = Person(world.account.new_id("person"), nickname, email, since=world.clock.now)
        room.guests[email.lower()] = known
    return known
