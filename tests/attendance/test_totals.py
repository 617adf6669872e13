"""Several sessions together."""

from __future__ import annotations

from airflow_clickmeeting.attendance.compute import AttendanceTotals

ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"


def test_nothing_was_added():
    assert AttendanceTotals().summary == {
        "sessions": 0,
        "registered": 0,
        "came": 0,
        "attended": 0,
        "no_show": 0,
        "walk_in": 0,
        "show_up_rate": None,
        "median_minutes": None,
        "peak": 0,
    }


def test_counts_are_added_up_the_median_is_of_all_stays_and_the_peak_the_highest(attend, visit, registration):
    totals = AttendanceTotals()
    host = visit("host@example.com", 0, 60, role="host")
    totals.add(attend(host, visit(ADA, 0, 60), visit(BOB, 0, 10), registrations=[registration(ADA)]))
    totals.add(attend(host, visit(ADA, 0, 30), registrations=[registration(ADA), registration(CAROL)]))
    assert totals.summary == {
        "sessions": 2,
        "registered": 3,
        "came": 3,
        "attended": 2,
        "no_show": 1,
        "walk_in": 1,
        "show_up_rate": 2 / 3,
        "median_minutes": 30,
        "peak": 2,
    }
