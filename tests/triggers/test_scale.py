"""How many requests watchers of ten thousand rooms send, and how late they are: computed, with rooms as pure values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from thorough import everyday

from airflow_clickmeeting.api.calls import PAGE_SIZE
from airflow_clickmeeting.api.pagination import RoomPages
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.triggers.cursor import NOTHING
from airflow_clickmeeting.triggers.feeds import MIN_ROOMS, AttendeeFeed, RegistrationFeed, SessionFeed
from airflow_clickmeeting.triggers.room_activity import KnownRoom, most_urgent, update_rooms
from airflow_clickmeeting.triggers.watcher import MAX_CONFIRMATIONS

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# how many rooms of each kind; those that are over ended within the last six months
MIXES = {
    "few active": {"over": 9000, "later": 700, "permanent": 200, "today": 100, "running": 5},
    "many active": {"over": 6000, "later": 3400, "permanent": 500, "soon": 100},
    "only permanent": {"permanent": 10_000},
    "all start at once": {"over": 9000, "soon": 1000},
}
LIMITS = {"sessions": 150, "attendees": 150, "registrations": 200}
FEEDS = {"sessions": SessionFeed, "attendees": AttendeeFeed, "registrations": RegistrationFeed}
# what a watcher sends besides the requests for rooms: to confirm the ends of sessions, or for attendee lists
MORE = {"sessions": MAX_CONFIRMATIONS, "attendees": AttendeeFeed.max_lists, "registrations": 0}


def rooms_of(mix: str) -> Iterator[tuple[str, Room]]:
    """Yield each room with its kind."""
    number = 0
    for kind, count in MIXES[mix].items():
        for each in range(count):
            number += 1
            share = each / count
            start = {
                "over": NOON - DAY - share * 170 * DAY,
                "later": NOON + DAY + share * 59 * DAY,
                "today": NOON + share * DAY,
                "soon": NOON + HOUR / 2,
                "running": NOON - HOUR / 3,
            }.get(kind)
            room: Room = {"id": number, "status": "inactive" if kind == "over" else "active"}
            if start:
                room |= {"starts_at": start.isoformat(), "ends_at": (start + HOUR).isoformat()}
                room["updated_at"] = min(start, NOON).isoformat()
            yield kind, room


class Account:
    """An account of ten thousand rooms, and a feed that polls it each minute.

    :param waits: how long rooms of each kind waited for each of their polls after the first.
    """

    def __init__(self, mix: str, feed: str) -> None:
        self.kinds, self.listed = {}, {"active": [], "inactive": []}
        for kind, room in rooms_of(mix):
            self.kinds[room["id"]] = kind
            self.listed[room["status"]].append(room)
        self.feed = FEEDS[feed]
        items = "sessions" if feed == "attendees" else feed
        self.may_have_changed: Callable[[KnownRoom, datetime], bool] = getattr(KnownRoom, f"may_have_new_{items}")
        self.known: dict[int, KnownRoom] = {}
        self.waits: dict[str, list[timedelta]] = defaultdict(list)
        self.requests: list[int] = []
        self.complete_after: int | None = None

    def walk(self, status: str, **options: Any) -> int:
        """Return how many requests the list of rooms takes."""
        pages, requests = RoomPages(status, **options), 0
        while call := pages.call:
            first = (call.query["page"] - 1) * PAGE_SIZE
            pages.take(self.listed[status][first : first + PAGE_SIZE])
            requests += 1
        return requests

    def poll(self, now: datetime) -> None:
        """Poll the rooms that a feed polls."""
        first = not self.known
        requests = self.walk("active", check=first) + (self.walk("inactive") if first else 0)
        update_rooms(self.known, [*self.listed["active"], *(self.listed["inactive"] if first else [])], now)
        due = [known for known in self.known.values() if self.may_have_changed(known, now)]
        limit = max(self.feed.max_requests - requests, MIN_ROOMS)
        polled, seen_until = most_urgent(due, limit, now, self.feed.max_pause)
        self.requests.append(requests + len(polled))
        if self.complete_after is None and seen_until != NOTHING:
            self.complete_after = len(self.requests)
        for known in polled:
            if known.tried_at:
                self.waits[self.kinds[known.room["id"]]].append(now - known.tried_at)
            known.tried_at = known.last_polled_at = now
            known.running = self.kinds[known.room["id"]] == "running"

    def run(self, minutes: int) -> None:
        for minute in range(minutes):
            self.poll(NOON + minute * MINUTE)


@pytest.mark.parametrize("mix", everyday(MIXES))
@pytest.mark.parametrize("feed", LIMITS)
def test_no_poll_sends_more_requests_than_its_limit(mix, feed):
    account = Account(mix, feed)
    account.run(20)
    assert max(account.requests) + MORE[feed] <= LIMITS[feed]


def test_the_starts_of_ten_thousand_active_rooms_take_a_request_for_each_250():
    account = Account("only permanent", "sessions")
    assert (account.walk("active", check=True), account.walk("active", check=False)) == (81, 41)


def test_all_rooms_are_read_within_minutes_of_the_start():
    account = Account("few active", "sessions")
    account.run(15)
    # 1,005 active rooms, those that were over within a week, and by then most of the 200 permanent ones a second time
    assert account.complete_after <= 13


@pytest.mark.parametrize(
    ("feed", "longest"),
    [
        ("sessions", {"running": 2 * MINUTE, "permanent": 10 * MINUTE, "later": 70 * MINUTE}),
        ("registrations", {"running": 2 * MINUTE, "permanent": 10 * MINUTE, "later": 10 * MINUTE}),
    ],
)
def test_rooms_where_something_happens_are_read_more_often(feed, longest):
    account = Account("few active", feed)
    account.run(20)
    account.waits.clear()
    for minute in range(20, 100):
        account.poll(NOON + minute * MINUTE)
    assert {kind: max(account.waits[kind]) <= limit for kind, limit in longest.items()} == dict.fromkeys(longest, True)


@pytest.mark.parametrize("rooms", [10, 100])
def test_of_few_rooms_each_is_read_by_each_poll(rooms, monkeypatch):
    monkeypatch.setitem(MIXES, "small", {"permanent": rooms, "over": rooms})
    account = Account("small", "sessions")
    account.run(5)
    assert account.complete_after == 1
    assert account.waits == {"permanent": [MINUTE] * rooms * 4}
