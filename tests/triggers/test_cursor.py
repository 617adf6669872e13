"""Which events were reported and which are new: pure functions."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import everyday

from airflow_clickmeeting.triggers.cursor import EVERYTHING, MAX_PLAIN, NOTHING, Cursor, Event

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


def test_one_that_follows_the_clock_forgets_what_is_before_and_reports_nothing_of_it(begun):
    reported = begun.after([event("old", NOON + HOUR), event("new", NOON + 3 * HOUR)], WEEK)
    later = reported.at_least(NOON + 2 * HOUR)
    assert (later.watermark, [*later.reported]) == (NOON + 2 * HOUR, ["new"])
    assert keys(later.new_events([event("old", NOON + HOUR), event("other", NOON + 2 * HOUR)])) == ["other"]


def test_and_moves_in_steps_of_ten_minutes_and_never_back(begun):
    cursor = begun.at_least(NOON)
    assert cursor.at_least(NOON + timedelta(minutes=9)) is cursor
    assert cursor.at_least(NOON - DAY) is cursor
    assert cursor.at_least(NOON + timedelta(minutes=10)).watermark == NOON + timedelta(minutes=10)


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


def again(cursor: Cursor) -> Cursor:
    """Return the cursor as Airflow's store gives it back."""
    return Cursor.from_json(json.loads(json.dumps(cursor.to_json())))


class TestManyEvents:
    """Of more than a thousand events, the keys are packed."""

    @pytest.fixture
    def events(self):
        """An event each minute for a day, of a room each."""
        return [event(f"{room_id}-{room_id + 7}", NOON + timedelta(minutes=room_id)) for room_id in range(1, 24 * 60)]

    def test_few_can_be_read_by_people(self, begun, events):
        data = begun.after(events[: MAX_PLAIN - 1], WEEK).to_json()
        assert data.keys() == {"watermark", "reported"}
        assert len(data["reported"]) == MAX_PLAIN

    def test_none_of_many_is_reported_again(self, begun, events):
        odd, undated = event("not two ids", NOON + HOUR), event("1-1", None)
        cursor = begun.after([*events, odd, undated], WEEK)
        assert cursor.to_json()["reported"] == {
            "first": int((NOON - HOUR).timestamp()),
            odd.key: int(odd.at.timestamp()),
            undated.key: None,
        }
        assert again(cursor).reported.keys() == cursor.reported.keys()
        assert again(cursor).new_events([*events, odd, undated, event("1-2")]) == [event("1-2")]

    def test_the_watermark_follows_the_newest_event_as_before(self, begun, events):
        cursor = begun.after(events, DAY)
        later = event("later", NOON + 2 * DAY)
        assert again(cursor).watermark == cursor.watermark
        assert again(cursor).after([], DAY).watermark == cursor.watermark
        assert again(cursor).after([later], DAY).watermark == cursor.after([later], DAY).watermark

    def test_their_moments_are_rounded_up_so_that_none_is_forgotten_too_early(self, begun, events):
        cursor = begun.after(events, DAY)
        for key, at in again(cursor).reported.items():
            assert cursor.reported[key] <= at <= cursor.reported[key] + HOUR

    @pytest.mark.parametrize(
        ("events_a_day", "days"), [(1000, 7), (20_000, 1), (1000, 30)], ids=["sessions", "registrations", "recordings"]
    )
    @pytest.mark.parametrize("ids", everyday(["in any order", "of one account", "among those of others"]))
    def test_the_cursor_of_ten_thousand_rooms_is_smaller_than_200_kib(self, events_a_day, days, ids):
        random.seed(1)
        number = events_a_day * days
        rooms = random.sample(range(10_000_000, 100_000_000), 10_000)
        items = sorted(
            random.sample(range(60_000_000, 60_000_000 + number * (2 if ids == "of one account" else 500)), number)
        )
        if ids == "in any order":
            random.shuffle(items)
        lookback = days * DAY
        events = [
            event(f"{random.choice(rooms)}-{item}", NOON - lookback * (each / number))
            for each, item in enumerate(items)
        ]
        cursor = Cursor.starting(events, NOON, lookback)
        assert len(cursor.reported) == number
        assert len(json.dumps(cursor.to_json())) < 200 * 1024
        assert again(cursor).new_events(events) == []

    def test_a_cursor_of_an_earlier_version_is_read(self):
        stored = {"watermark": "2027-01-25T12:00:00+00:00", "reported": {"1-2": int(NOON.timestamp()), "1-3": None}}
        assert Cursor.from_json(stored) == Cursor(NOON - WEEK, {"1-2": NOON, "1-3": None})


class TestRoomsThatWereNotPolledYet:
    """While a feed has more rooms than one poll can read, an event may show late."""

    def test_the_watermark_stays_where_it_is_while_a_room_was_never_polled(self, begun):
        newest = event("newest", NOON + 30 * DAY)
        later = begun.after([newest], WEEK, NOTHING)
        assert later.watermark == begun.watermark
        missed = event("missed", NOON)
        assert later.new_events([missed, newest]) == [missed]
        assert later.after([], WEEK).watermark == newest.at - WEEK

    def test_it_stays_a_lookback_behind_the_last_poll_of_the_others(self, begun):
        later = begun.after([event("newest", NOON + 30 * DAY)], WEEK, NOON + DAY)
        assert later.watermark == NOON + DAY - WEEK
        assert begun.after([event("newest", NOON + HOUR)], WEEK, NOON + DAY).watermark == NOON + HOUR - WEEK

    def test_what_happened_before_the_start_is_not_reported_whenever_it_shows(self):
        cursor = Cursor.starting([event("shown", NOON - HOUR)], NOON, WEEK, unread=True)
        events = [
            event("before", NOON - HOUR),
            event("undated", None),
            event("at the start"),
            event("since", NOON + HOUR),
        ]
        for unread in (True, True, False):
            cursor = again(cursor).catch_up(events, WEEK, unread=unread)
            assert keys(cursor.new_events(events)) == ["at the start", "since"]
        late = event("late", NOON - HOUR)
        assert cursor.started_at is None
        assert cursor.catch_up([late], WEEK).new_events([late]) == [late]


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


@given(histories(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_each_event_is_reported_exactly_once_although_a_poll_reads_some_of_the_rooms_only(history, parts, random):
    lookback, everything, polls, restarts = history
    cursor, reported, began = None, [], polls[0]
    tried_at, listed = dict.fromkeys(range(parts)), {}
    room_of = {each.event.key: random.randrange(parts) for each in everything}
    # in the end, all rooms are read
    for number, now in enumerate([*polls, *[polls[-1]] * parts]):
        if number in restarts:
            tried_at, listed = dict.fromkeys(range(parts)), {}
        room = min(tried_at, key=lambda each: tried_at[each] or NOTHING)
        tried_at[room] = now
        listed[room] = [each.event for each in everything if each.since <= now and room_of[each.event.key] == room]
        others = [at or NOTHING for each, at in tried_at.items() if each != room]
        seen_until = min(others, default=EVERYTHING)
        shown = [each for events in listed.values() for each in events]
        if cursor is None:
            cursor = Cursor.starting(shown, now, lookback, seen_until, unread=seen_until == NOTHING)
        else:
            cursor = cursor.catch_up(shown, lookback, unread=seen_until == NOTHING)
        new_events = cursor.new_events(shown)
        reported += new_events
        cursor = again(cursor.after(new_events, lookback, seen_until))
    assert len(keys(reported)) == len(set(keys(reported)))
    after_start = {each.event.key for each in everything if began <= each.event.at and began < each.since <= polls[-1]}
    before = {each.event.key for each in everything if each.event.at < began and each.since <= began}
    assert after_start <= set(keys(reported))
    assert before.isdisjoint(keys(reported))
