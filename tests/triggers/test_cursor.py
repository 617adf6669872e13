"""Which events were reported and which are new: pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.triggers.cursor import Cursor, Event

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def event(key: str, at: datetime | None = NOON) -> Event:
    return Event(1, key, at, {})


def keys(events: list[Event]) -> list[str]:
    return [each.key for each in events]


@pytest.fixture
def begun() -> Cursor:
    """Watching begins at noon, an hour after the first session."""
    return Cursor.starting([event("first", NOON - HOUR)], NOON, WEEK)


def test_events_before_the_start_of_the_watcher_are_not_new(begun):
    assert begun.new_events([event("first", NOON - HOUR)]) == []


def test_later_events_are_new_the_oldest_first(begun):
    events = [event("c", NOON + HOUR), event("b", NOON), event("a", NOON + HOUR)]
    assert keys(begun.new_events(events)) == ["b", "a", "c"]


def test_reported_events_are_not_new(begun):
    new_events = event("second")
    assert begun.after([new_events], WEEK).new_events([new_events]) == []


def test_events_that_were_not_reported_stay_new(begun):
    reported, waits = event("reported", NOON + HOUR), event("waits", NOON)
    assert begun.after([reported], WEEK).new_events([reported, waits]) == [waits]


@pytest.mark.parametrize(
    ("lateness", "reported"),
    [(HOUR, True), (WEEK, True), (WEEK + timedelta(seconds=1), False)],
    ids=["an hour", "a week", "more than a week"],
)
def test_an_event_that_is_listed_late_is_new_within_the_lookback(begun, lateness, reported):
    newest = event("newest", NOON + DAY)
    late = event("late", newest.at - lateness)
    assert begun.after([newest], WEEK).new_events([late]) == [late] * reported


def test_it_depends_on_events_and_on_no_clock(begun):
    """After a pause of a month, everything of that month is new."""
    missed = [event(str(day), NOON + day * DAY) for day in range(1, 30)]
    assert begun.new_events(missed) == missed


def test_it_forgets_what_lies_before_the_lookback(begun):
    later = begun.after([event("second"), event("third", NOON + WEEK)], WEEK)
    assert later.reported == {"second": NOON, "third": NOON + WEEK}
    assert later.new_events([event("first", NOON - HOUR)]) == []


def test_it_does_not_go_back_when_the_newest_event_is_deleted(begun):
    later = begun.after([event("newest", NOON + DAY)], WEEK)
    assert later.after([event("older", NOON)], WEEK).watermark == later.watermark


def test_nothing_at_all_has_happened_yet():
    empty = Cursor.starting([], NOON + timedelta(microseconds=1), WEEK)
    assert empty == Cursor(NOON - WEEK, {})
    assert empty.after([], WEEK) == empty


def test_an_event_without_a_date_is_reported_once_and_first(begun):
    undated, dated = event("undated", None), event("dated")
    assert begun.new_events([dated, undated]) == [undated, dated]
    assert begun.after([undated], WEEK).new_events([undated]) == []


def test_an_event_without_a_date_that_was_there_before_is_not_new():
    undated = event("undated", None)
    assert Cursor.starting([undated], NOON, WEEK).new_events([undated]) == []


def test_it_is_made_again_of_its_json(begun):
    in_warsaw = NOON.astimezone(timezone(HOUR))
    cursor = begun.after([event("dated", in_warsaw), event("undated", None)], WEEK)
    data = json.loads(json.dumps(cursor.to_json()))
    assert data["reported"] == {"first": int(NOON.timestamp()) - 3600, "dated": int(NOON.timestamp()), "undated": None}
    assert Cursor.from_json(data) == cursor


@dataclass(frozen=True)
class Shown:
    """An event, and when ClickMeeting begins to list it."""

    event: Event
    since: datetime


@st.composite
def histories(draw: st.DrawFn) -> tuple[timedelta, list[Shown], list[datetime], set[int]]:
    """Draw a lookback, what happens and is shown late within it, the polls, and those after which Airflow restarts."""
    lookback = draw(st.sampled_from([DAY, WEEK]))
    seconds = st.integers(0, 30 * 24 * 3600)
    late = st.integers(0, int(lookback.total_seconds()))
    dates = draw(st.lists(st.tuples(seconds, late), max_size=25))
    shown = [
        Shown(event(str(number), at), at + timedelta(seconds=lateness))
        for number, (offset, lateness) in enumerate(dates)
        for at in [NOON + timedelta(seconds=offset)]
    ]
    polls = sorted(NOON + timedelta(seconds=each) for each in draw(st.lists(seconds, min_size=1, max_size=12)))
    restarts = draw(st.sets(st.integers(0, len(polls) - 1)))
    return lookback, shown, polls, restarts


@given(histories(), st.randoms(use_true_random=False))
def test_each_event_is_reported_exactly_once(history, random):
    lookback, everything, polls, restarts = history
    cursor, reported = None, []
    for number, now in enumerate(polls):
        shown = [each for each in everything if each.since <= now]
        # a room that fails is left out, and what it holds comes again with the next poll
        listed = [each.event for each in shown if not number or each.since > polls[number - 1] or random.random() < 0.8]
        random.shuffle(listed)
        if cursor is None:
            cursor = Cursor.starting(listed, now, lookback)
        new_events = cursor.new_events(listed)
        reported += new_events
        cursor = cursor.after(new_events, lookback)
        if number in restarts:
            cursor = Cursor.from_json(json.loads(json.dumps(cursor.to_json())))

        # it holds nothing that happened before the lookback
        dates = {each.event.key: each.event.at for each in shown}
        earliest = max(dates.values(), default=now) - lookback
        assert cursor.to_json()["reported"].keys() <= {key for key, at in dates.items() if at >= earliest}

    began, ended = polls[0], polls[-1]
    assert sorted(keys(reported)) == sorted(each.event.key for each in everything if began < each.since <= ended)
