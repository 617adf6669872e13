"""What holds for any entries, registrations and sessions, whoever came whenever."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.attendance.compute import Participation, Summary, attendance_of, attendance_of_event
from airflow_clickmeeting.attendance.events import join_sessions

LENGTH = 60
MINUTES = st.integers(-20, LENGTH + 20)
GAPS = st.integers(0, 30).map(lambda minutes: timedelta(minutes=minutes))
PEOPLE = [f"{name}@example.com" for name in ("ada", "bob", "carol")]
DETAILS = st.fixed_dictionaries(
    {
        "uid": st.sampled_from(["1", "2"]),
        "role": st.sampled_from(["listener", "listener", "listener", "presenter", "host", None]),
        "nickname": st.sampled_from([None, "Ada", "Person"]),
        "rating": st.sampled_from([None, "1", "5"]),
        "rating_comment": st.sampled_from([None, "Thanks"]),
    }
)
# who, and from when to when in minutes after the start
VISITS = st.lists(
    st.tuples(st.sampled_from([*PEOPLE, None]), st.tuples(MINUTES, MINUTES).map(sorted), DETAILS), max_size=12
)
REGISTRATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 9),
            "email": st.sampled_from([*PEOPLE, "dan@example.com", None]),
            "session_id": st.sampled_from([None, 7, 8]),
            "registration_date": st.sampled_from([None, "2027-02-01T12:00:00+01:00", "2027-04-01T12:00:00+02:00"]),
        }
    ),
    max_size=6,
)


# sessions of a room, from when to when, as they come
SPANS = st.lists(
    st.tuples(MINUTES, st.integers(0, 40)).map(lambda span: (span[0], sum(span))), min_size=1, max_size=8, unique=True
)


@pytest.fixture(scope="session")
def sessions(at):
    """Make sessions of what a strategy drew."""
    return lambda spans: [
        {"id": number, "start_date": at(start), "end_date": at(end)} for number, (start, end) in enumerate(spans, 7)
    ]


@pytest.fixture(scope="session")
def entries(visit):
    """Make rows of what a strategy drew."""
    return lambda visits: [visit(email, *stay, **details) for email, stay, details in visits]


def audience(found) -> list[Participation]:
    return [row for row in found.rows if not row["is_staff"]]


@given(VISITS, GAPS)
def test_nobody_is_there_longer_than_the_session(attend, entries, visits, gap):
    for row in attend(*entries(visits), rejoin_gap=gap).rows:
        assert 0 <= row["minutes"] <= LENGTH
        assert row["share"] == row["minutes"] / LENGTH


@given(VISITS)
def test_minutes_and_peak_are_those_of_a_clerk_who_looks_every_minute(attend, entries, visits):
    found = attend(*entries(visits))
    looks: dict[str, set[int]] = {row["person"]: set() for row in found.rows}
    for email, (join, leave), details in visits:
        looks[email or f"visitor:{details['uid']}"] |= set(range(max(join, 0), min(leave, LENGTH)))
    assert {row["person"]: row["minutes"] for row in found.rows} == {who: len(seen) for who, seen in looks.items()}
    in_audience = [looks[row["person"]] for row in audience(found)]
    assert found.summary["peak"] == max(sum(minute in seen for seen in in_audience) for minute in range(LENGTH))


@given(VISITS, REGISTRATIONS, GAPS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(attend, entries, visits, registrations, gap, dice):
    rows = entries(visits)
    found = attend(*rows, registrations=registrations, rejoin_gap=gap)
    dice.shuffle(rows)
    dice.shuffle(registrations)
    assert attend(*rows, registrations=registrations, rejoin_gap=gap) == found
    assert [row["person"] for row in found.rows] == sorted(row["person"] for row in found.rows)


@given(VISITS.filter(bool), REGISTRATIONS, GAPS, st.data())
def test_splitting_a_visit_in_two_changes_nothing(attend, entries, visits, registrations, gap, data):
    (email, (join, leave), details), *others = visits
    middle = data.draw(st.integers(join, leave))
    halves = [(email, (join, middle), details), (email, (middle, leave), details)]
    more = {"registrations": registrations, "rejoin_gap": gap}
    assert attend(*entries(halves + others), **more) == attend(*entries(visits), **more)


@given(VISITS, GAPS, GAPS)
def test_a_larger_gap_never_lowers_minutes_nor_adds_visits(attend, entries, visits, gap, more):
    small, large = (attend(*entries(visits), rejoin_gap=each).rows for each in (gap, gap + more))
    for before, after in zip(small, large, strict=True):
        assert before["minutes"] <= after["minutes"]
        assert before["visits"] >= after["visits"]


@given(VISITS, REGISTRATIONS)
def test_the_summary_adds_up(attend, entries, visits, registrations):
    found = attend(*entries(visits), registrations=registrations)
    total, people = found.summary, audience(found)
    assert total["registered"] == total["attended"] + total["no_show"] == sum(row["registered"] for row in people)
    assert total["came"] == total["attended"] + total["walk_in"] == sum(row["visits"] > 0 for row in people)
    assert total["attended"] + total["no_show"] + total["walk_in"] == len(people)
    assert total["peak"] <= total["came"]
    assert total["came"] or not total["registered"], "nobody missed a session to which nobody came"
    assert found.not_counted == 0 or not total["came"]


@given(VISITS, GAPS)
def test_the_area_under_the_curve_is_everybodys_minutes(attend, entries, visits, gap):
    found = attend(*entries(visits), rejoin_gap=gap)
    area = sum(count * (later - moment) / timedelta(minutes=1) for (moment, count), (later, _) in pairwise(found.curve))
    assert area == sum(row["minutes"] for row in audience(found))
    assert [count for _, count in found.curve][-1:] in ([], [0])
    assert all(before != after for (_, before), (_, after) in pairwise(found.curve))
    assert [moment for moment, _ in found.curve] == sorted(moment for moment, _ in found.curve)


@given(VISITS, REGISTRATIONS)
def test_rows_and_summary_are_plain_json_with_the_same_keys_in_the_same_order(attend, entries, visits, registrations):
    found = attend(*entries(visits), registrations=registrations)
    assert all(list(row) == list(Participation.__annotations__) for row in found.rows)
    assert list(found.summary) == list(Summary.__annotations__)
    assert json.loads(json.dumps([found.rows, found.summary])) == [found.rows, found.summary]


def ids(events) -> list[list[int]]:
    return [[session["id"] for session in event] for event in events]


def as_one(event) -> dict:
    """The event as if it had been one session, with the id of the first one."""
    return event[0] | {"end_date": max(session["end_date"] for session in event)}


@given(SPANS, GAPS)
def test_each_session_is_in_one_event_and_events_are_further_apart(sessions, spans, within):
    events = join_sessions(sessions(spans), within)
    assert sorted(number for event in ids(events) for number in event) == [*range(7, 7 + len(spans))]
    for earlier, later in pairwise(map(as_one, events)):
        apart = datetime.fromisoformat(later["start_date"]) - datetime.fromisoformat(earlier["end_date"])
        assert apart > within


@given(SPANS, GAPS, st.randoms(use_true_random=False))
def test_the_order_of_sessions_does_not_matter_for_events(sessions, spans, within, dice):
    held = sessions(spans)
    events = join_sessions(held, within)
    dice.shuffle(held)
    assert join_sessions(held, within) == events


@given(SPANS, GAPS, GAPS)
def test_joining_is_associative(sessions, spans, within, more):
    """To join sessions, and then what came of it with a larger gap, is to join them with the larger gap at once."""
    events = join_sessions(sessions(spans), within)
    parts = {event[0]["id"]: event for event in events}
    joined = join_sessions(map(as_one, events), within + more)
    at_once = [[session for part in event for session in parts[part["id"]]] for event in joined]
    assert at_once == join_sessions(sessions(spans), within + more)


@given(st.lists(st.tuples(SPANS.map(lambda spans: spans[0]), VISITS), min_size=1, max_size=4), REGISTRATIONS, GAPS)
def test_nobody_is_there_longer_than_the_sessions_last_nor_they_than_the_clock(
    sessions, entries, parts, registrations, gap
):
    parts = sorted(parts, key=lambda part: part[0])
    held = sessions([span for span, _ in parts])
    visits = [entries(drawn) for _, drawn in parts]
    found = attendance_of_event(zip(held, visits, strict=True), registrations, rejoin_gap=gap)
    length = sum((end - start for start, end in found.spans), timedelta(0)) / timedelta(minutes=1)
    minutes = {minute for (start, end), _ in parts for minute in range(start, end)}
    assert length == len(minutes) <= max(end for (_, end), _ in parts) - parts[0][0][0]
    for row in found.rows:
        assert 0 <= row["minutes"] <= length
        assert row["share"] == (row["minutes"] / length if length else 0)
    area = sum(count * (later - moment) / timedelta(minutes=1) for (moment, count), (later, _) in pairwise(found.curve))
    assert area == sum(row["minutes"] for row in audience(found))
    alone = [attendance_of(session, rows, rejoin_gap=gap).rows for session, rows in zip(held, visits, strict=True)]
    came = {row["person"] for rows in alone for row in rows}
    assert {row["person"] for row in found.rows if row["visits"]} == came


@given(VISITS, REGISTRATIONS, GAPS, st.integers(0, LENGTH), st.integers(1, 30))
def test_a_session_that_broke_off_and_went_on_counts_as_if_it_had_not(
    attend, entries, sessions, visits, registrations, gap, middle, pause
):
    def later(stay):
        return [max(minute, middle) + pause for minute in stay]

    before = [(email, [join, min(leave, middle)], details) for email, (join, leave), details in visits if join < middle]
    after = [(email, later(stay), details) for email, stay, details in visits if stay[1] > middle or stay[0] >= middle]
    first, second = sessions([(0, middle), (middle + pause, LENGTH + pause)])
    second["id"] = 70
    whole = attend(*entries(visits), registrations=registrations, rejoin_gap=gap)
    halves = [(first, entries(before)), (second, entries(after))]
    found = attendance_of_event(halves, registrations, rejoin_gap=gap)
    assert found.summary == whole.summary
    same = Participation.__annotations__.keys() - {"first_join", "last_leave"}
    for row, expected in zip(found.rows, whole.rows, strict=True):
        assert {key: row[key] for key in same} == {key: expected[key] for key in same}
