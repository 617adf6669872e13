"""When somebody was there, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

ADA, BOB = "ada@example.com", "bob@example.com"
FIVE_MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("stays", "visits", "minutes"),
    [
        ([(0, 20), (25, 60)], 2, 55),
        ([(0, 20), (20, 60)], 1, 60),
        ([(0, 40), (20, 60)], 1, 60),
        ([(0, 60), (20, 40)], 1, 60),
        ([(0, 60), (0, 60)], 1, 60),
        ([(10, 10)], 1, 0),
    ],
    ids=["two visits", "adjoining", "overlapping", "one within the other", "twice the same", "left within the minute"],
)
def test_presence_is_counted_once(attend, visit, stays, visits, minutes):
    (row,) = attend(*(visit(ADA, *stay) for stay in stays)).rows
    assert (row["visits"], row["minutes"], row["share"]) == (visits, minutes, minutes / 60)


@pytest.mark.parametrize("gap", [FIVE_MINUTES, 300, "300"], ids=["timedelta", "seconds", "rendered"])
@pytest.mark.parametrize(("back", "visits", "minutes"), [(25, 1, 60), (26, 2, 54)], ids=["in time", "too late"])
def test_who_comes_back_in_time_never_left(attend, visit, gap, back, visits, minutes):
    (row,) = attend(visit(ADA, 0, 20), visit(ADA, back, 60), rejoin_gap=gap).rows
    assert (row["visits"], row["minutes"]) == (visits, minutes)


def test_minutes_count_within_the_session_though_people_come_early_and_leave_late(attend, visit, at):
    (row,) = attend(visit(ADA, -10, 70)).rows
    assert (row["first_join"], row["last_leave"]) == (at(-10), at(70))
    assert (row["minutes"], row["share"]) == (60, 1)


@pytest.mark.parametrize("stay", [(-10, -5), (65, 70)], ids=["before", "after"])
def test_who_was_there_at_another_time_only_came_for_nothing(attend, visit, stay):
    found = attend(visit(ADA, *stay))
    assert (found.rows[0]["status"], found.rows[0]["visits"], found.rows[0]["minutes"]) == ("walk_in", 1, 0)
    assert (found.summary["came"], found.summary["peak"], found.curve) == (1, 0, [])


def test_times_are_told_in_the_offset_of_the_session(attend, visit):
    entry = visit(ADA, 0) | {"start_date": "2027-03-01T14:00:00+00:00", "end_date": "2027-03-01 15:00:00"}
    (row,) = attend(entry).rows
    assert (row["first_join"], row["last_leave"]) == ("2027-03-01T15:00:00+01:00", "2027-03-01T16:00:00+01:00")


@pytest.mark.parametrize("missing", [None, ""])
def test_an_entry_without_an_end_counts_until_the_sessions_end(attend, visit, at, missing):
    (row,) = attend(visit(ADA, 45) | {"end_date": missing}).rows
    assert (row["last_leave"], row["minutes"]) == (at(60), 15)


def test_a_session_that_still_runs_counts_until_a_moment(attend, visit, at):
    found = attend(visit(ADA, 0), visit(BOB, 10, 35), session={"end_date": None}, until=at(30))
    assert [row["minutes"] for row in found.rows] == [30, 20]
    assert [row["last_leave"] for row in found.rows] == [at(30), at(35)]


def test_who_joined_after_that_moment_came_but_was_not_there_yet(attend, visit, at):
    (row,) = attend(visit(ADA, 31), session={"end_date": None}, until=at(30)).rows
    assert (row["first_join"], row["last_leave"], row["minutes"]) == (at(31), at(31), 0)


def test_a_session_that_has_ended_ignores_that_moment(attend, visit, at):
    assert attend(visit(ADA, 0), until=at(30)) == attend(visit(ADA, 0))


def test_in_a_session_of_no_length_nobody_has_a_share(attend, visit, at):
    (row,) = attend(visit(ADA, 0, 0), session={"end_date": at(0)}).rows
    assert (row["minutes"], row["share"]) == (0, 0)


def test_the_curve_tells_when_the_audience_changed(attend, visit, at):
    found = attend(
        visit("host@example.com", 0, 60, role="host"),
        visit(ADA, -5, 20),
        visit(ADA, 10, 30),
        visit(BOB, 10, 40),
        visit("carol@example.com", 40, 60),
    )
    assert found.curve == [
        (datetime.fromisoformat(at(minute)), count) for minute, count in [(0, 1), (10, 2), (30, 1), (60, 0)]
    ]
    assert found.curve[0][0].utcoffset() == timedelta(hours=1)
    assert found.summary["peak"] == 2
