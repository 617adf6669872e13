"""What was told of a feed, and what is news: pure functions."""

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


def happening(key: str, at: datetime | None = NOON) -> Event:
    return Event(1, key, at, {})


def keys(happenings: list[Event]) -> list[str]:
    return [each.key for each in happenings]


@pytest.fixture
def begun() -> Cursor:
    """Watching begins at noon, an hour after the first session."""
    return Cursor.starting([happening("first", NOON - HOUR)], NOON, WEEK)


def test_what_had_happened_before_the_watching_began_is_no_news(begun):
    assert begun.new_events([happening("first", NOON - HOUR)]) == []


def test_what_happens_from_then_on_is_news_the_oldest_first(begun):
    events_in = [happening("c", NOON + HOUR), happening("b", NOON), happening("a", NOON + HOUR)]
    assert keys(begun.new_events(events_in)) == ["b", "a", "c"]


def test_what_was_told_is_no_news(begun):
    new_events = happening("second")
    assert begun.after([new_events], WEEK).new_events([new_events]) == []


def test_what_was_not_told_yet_stays_news(begun):
    reported, waits = happening("reported", NOON + HOUR), happening("waits", NOON)
    assert begun.after([reported], WEEK).new_events([reported, waits]) == [waits]


@pytest.mark.parametrize(
    ("lateness", "reported"),
    [(HOUR, True), (WEEK, True), (WEEK + timedelta(seconds=1), False)],
    ids=["an hour", "a week", "more than a week"],
)
def test_what_is_shown_late_is_news_within_the_lookback(begun, lateness, reported):
    newest = happening("newest", NOON + DAY)
    late = happening("late", newest.at - lateness)
    assert begun.after([newest], WEEK).new_events([late]) == [late] * reported


def test_it_follows_what_happens_and_no_clock(begun):
    """After a pause of a month, everything of that month is news."""
    missed = [happening(str(day), NOON + day * DAY) for day in range(1, 30)]
    assert begun.new_events(missed) == missed


def test_it_forgets_what_lies_before_the_lookback(begun):
    later = begun.after([happening("second"), happening("third", NOON + WEEK)], WEEK)
    assert later.reported == {"second": NOON, "third": NOON + WEEK}
    assert later.new_events([happening("first", NOON - HOUR)]) == []


def test_it_does_not_go_back_when_the_newest_happening_is_deleted(begun):
    later = begun.after([happening("newest", NOON + DAY)], WEEK)
    assert later.after([happening("older", NOON)], WEEK).watermark == later.watermark


def test_nothing_at_all_has_happened_yet():
    empty = Cursor.starting([], NOON + timedelta(microseconds=1), WEEK)
    assert empty == Cursor(NOON - WEEK, {})
    assert empty.after([], WEEK) == empty


def test_what_has_no_date_is_told_once_and_first(begun):
    undated, dated = happening("undated", None), happening("dated")
    assert begun.new_events([dated, undated]) == [undated, dated]
    assert begun.after([undated], WEEK).new_events([undated]) == []


def test_what_has_no_date_and_was_there_before_is_no_news():
    undated = happening("undated", None)
    assert Cursor.starting([undated], NOON, WEEK).new_events([undated]) == []


def test_it_is_made_again_of_its_json(begun):
    in_warsaw = NOON.astimezone(timezone(HOUR))
    cursor = begun.after([happening("dated", in_warsaw), happening("undated", None)], WEEK)
    data = json.loads(json.dumps(cursor.to_json()))
    assert data["reported"] == {"first": int(NOON.timestamp()) - 3600, "dated": int(NOON.timestamp()), "undated": None}
    assert Cursor.from_json(data) == cursor


@dataclass(frozen=True)
class Shown:
    """A happening, and when ClickMeeting begins to list it."""

    happening: Event
    since: datetime


@st.composite
def histories(draw: st.DrawFn) -> tuple[timedelta, list[Shown], list[datetime], set[int]]:
    """Draw a lookback, what happens and is shown late within it, the looks, and those after which Airflow restarts."""
    lookback = draw(st.sampled_from([DAY, WEEK]))
    seconds = st.integers(0, 30 * 24 * 3600)
    late = st.integers(0, int(lookback.total_seconds()))
    dates = draw(st.lists(st.tuples(seconds, late), max_size=25))
    shown = [
        Shown(happening(str(number), at), at + timedelta(seconds=lateness))
        for number, (offset, lateness) in enumerate(dates)
        for at in [NOON + timedelta(seconds=offset)]
    ]
    looks = sorted(NOON + timedelta(seconds=each) for each in draw(st.lists(seconds, min_size=1, max_size=12)))
    restarts = draw(st.sets(st.integers(0, len(looks) - 1)))
    return lookback, shown, looks, restarts


@given(histories(), st.randoms(use_true_random=False))
def test_each_happening_is_told_exactly_once(history, random):
    lookback, everything, looks, restarts = history
    cursor, reported = None, []
    for number, now in enumerate(looks):
        shown = [each for each in everything if each.since <= now]
        # a room that fails is left out, and what it holds comes again with the next look
        listed = [
            each.happening for each in shown if not number or each.since > looks[number - 1] or random.random() < 0.8
        ]
        random.shuffle(listed)
        if cursor is None:
            cursor = Cursor.starting(listed, now, lookback)
        new_events = cursor.new_events(listed)
        reported += new_events
        cursor = cursor.after(new_events, lookback)
        if number in restarts:
            cursor = Cursor.from_json(json.loads(json.dumps(cursor.to_json())))

        # it holds nothing that happened before the lookback
        dates = {each.happening.key: each.happening.at for each in shown}
        earliest = max(dates.values(), default=now) - lookback
        assert cursor.to_json()["reported"].keys() <= {key for key, at in dates.items() if at >= earliest}

    began, ended = looks[0], looks[-1]
    assert sorted(keys(reported)) == sorted(each.happening.key for each in everything if began < each.since <= ended)
