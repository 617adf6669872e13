"""Sessions that are one event: which ones, and what becomes of presence, registrations and breaks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.attendance.compute import AttendanceTotals, attendance_of, attendance_of_event
from airflow_clickmeeting.attendance.events import join_sessions

ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"
QUARTER = timedelta(minutes=15)
HALVES = {7: (0, 30), 8: (35, 60)}


@pytest.fixture(scope="module")
def session(at):
    """A session from one minute to another, or one that still runs."""

    def session(number: int, start: float, end: float | None) -> dict:
        return {"id": number, "start_date": at(start), "end_date": None if end is None else at(end)}

    return session


@pytest.fixture(scope="module")
def events(session):
    """The ids of the sessions of each event, of sessions by id."""

    def events(spans, within=QUARTER, **options):
        found = join_sessions([session(number, *span) for number, span in spans.items()], within, **options)
        return [[each["id"] for each in event] for event in found]

    return events


@pytest.fixture(scope="module")
def held(session):
    """The attendance of an event of sessions, each with its span and its entries."""

    def held(parts, registrations=(), **options):
        sessions = [(session(number, *span), visits) for number, (span, visits) in parts.items()]
        return attendance_of_event(sessions, registrations, **options)

    return held


class TestWhichSessions:
    @pytest.mark.parametrize(
        ("spans", "found"),
        [
            ({}, []),
            ({7: (0, 30)}, [[7]]),
            ({7: (0, 30), 8: (45, 60)}, [[7, 8]]),
            ({7: (0, 30), 8: (46, 60)}, [[7], [8]]),
            ({7: (0, 30), 8: (40, 60), 9: (75, 90), 10: (106, 120)}, [[7, 8, 9], [10]]),
            ({7: (0, 30), 8: (20, 60)}, [[7, 8]]),
            ({7: (0, 60), 8: (20, 30), 9: (70, 80)}, [[7, 8, 9]]),
            ({7: (0, 0), 8: (0, 30)}, [[7, 8]]),
            ({9: (0, 30), 8: (35, 60)}, [[9, 8]]),
        ],
        ids=[
            "none",
            "one",
            "the longest break",
            "a longer one",
            "three in a row",
            "overlapping",
            "one within another",
            "at the same time",
            "not in the order of their ids",
        ],
    )
    def test_those_that_are_no_further_apart(self, events, spans, found):
        assert events(spans) == found
        assert events(dict(reversed(spans.items()))) == found

    @pytest.mark.parametrize(
        ("spans", "found"),
        [
            ({7: (0, 30), 8: (35, None)}, [[7, 8]]),
            ({7: (0, None), 8: (35, 60), 9: (61, 70)}, [[7], [8, 9]]),
            ({7: (0, 30), 8: (31, None), 9: (32, 60)}, [[7, 8], [9]]),
        ],
        ids=["the last one runs", "an older one", "one in between"],
    )
    def test_an_event_ends_with_a_session_that_runs(self, events, spans, found):
        assert events(spans) == found

    @pytest.mark.parametrize("end", ["", "absent"])
    def test_however_clickmeeting_says_that_it_runs(self, session, end):
        running = session(8, 35, None) | {"end_date": ""}
        if end == "absent":
            del running["end_date"]
        assert join_sessions([session(7, 0, 30), running], QUARTER) == [[session(7, 0, 30), running]]

    @pytest.mark.parametrize("within", [QUARTER, "PT15M", "pt15m"])
    def test_a_length_is_a_timedelta_or_a_text(self, events, within):
        assert events({7: (0, 30), 8: (45, 60)}, within) == [[7, 8]]

    def test_zero_joins_what_overlaps_or_adjoins(self, events):
        assert events({7: (0, 30), 8: (30, 60), 9: (61, 70)}, timedelta(0)) == [[7, 8], [9]]

    @pytest.mark.parametrize(
        ("within", "message"),
        [
            (900, r"which has no unit. Write timedelta\(minutes=900\) or 'PT900M'"),
            ("15", r"which has no unit. Write timedelta\(minutes=15\) or 'PT15M'"),
            (timedelta(minutes=-1), "zero or more; got"),
            ("a while", "a timedelta or ISO 8601 text such as 'PT30M'"),
            (timedelta(days=1, seconds=1), "a length of time of at most a day"),
        ],
    )
    def test_another_length_is_refused_with_what_to_write(self, events, within, message):
        with pytest.raises(ValueError, match=f"^join_sessions_within must be .*{message}"):
            events({}, within)

    @pytest.mark.parametrize(
        "odd", [{"start_date": None}, {"end_date": "soon"}, {"end_date": "2027-03-01T14:00:00+01:00"}, {"end_date": 0}]
    )
    def test_one_whose_times_cannot_be_read_is_an_error_or_left_out(self, session, odd):
        sessions = [session(7, 0, 30), session(8, 35, 60) | odd, session(9, 40, 60)]
        with pytest.raises(ParseError, match=r"^session 8: .*(ISO 8601 time|before start_date)"):
            join_sessions(sessions, QUARTER)
        skipped = []
        found = join_sessions(sessions, QUARTER, lambda session, error: skipped.append((session["id"], str(error))))
        assert [[each["id"] for each in event] for event in found] == [[7, 9]]
        assert [number for number, _ in skipped] == [8]


class TestPresence:
    def test_a_dropped_host_leaves_the_show_up_rate_as_it_was(self, held, visit, registration, session):
        """Of three that registered two came, and one of them came back: 67 %, and not 50 % in all."""
        registrations = [registration(email, id=number) for number, email in enumerate((ADA, BOB, CAROL), start=1)]
        first, second = [visit(ADA, 0, 30), visit(BOB, 0, 30)], [visit(ADA, 36, 60)]
        found = held({7: ((0, 30), first), 8: ((35, 60), second)}, registrations)
        assert {row["person"]: row["status"] for row in found.rows} == {
            ADA: "attended",
            BOB: "attended",
            CAROL: "no_show",
        }
        assert (found.summary["registered"], found.summary["came"]) == (3, 2)
        assert found.summary["show_up_rate"] == pytest.approx(2 / 3)

        alone = AttendanceTotals()
        for (number, span), visits in zip(HALVES.items(), (first, second), strict=True):
            alone.add(attendance_of(session(number, *span), visits, registrations))
        assert alone.summary["show_up_rate"] == 0.5

    def test_the_event_bears_the_id_of_its_first_session_and_names_all(self, held, visit):
        found = held({9: ((0, 30), [visit(ADA, 0, 30)]), 8: ((35, 60), [])})
        assert (found.session_ids, found.rows[0]["session_id"]) == ([9, 8], 9)

    def test_who_was_there_all_the_time_has_all_minutes_without_the_break(self, held, visit, at):
        found = held({7: ((0, 30), [visit(ADA, -5, 30)]), 8: ((35, 60), [visit(ADA, 35, 62)])})
        (row,) = found.rows
        assert (row["visits"], row["minutes"], row["share"]) == (1, 55, 1)
        assert (row["first_join"], row["last_leave"]) == (at(-5), at(62))

    def test_who_was_there_for_one_half_only(self, held, visit):
        (row,) = held({7: ((0, 30), []), 8: ((35, 60), [visit(ADA, 35, 60)])}).rows
        assert (row["visits"], row["minutes"], row["share"]) == (1, 25, 25 / 55)

    @pytest.mark.parametrize(
        ("back", "gap", "visits", "minutes"),
        [(35, 0, 1, 50), (38, 0, 2, 47), (38, 180, 1, 50), (38, 179, 2, 47), (33, 0, 1, 50)],
        ids=["at once", "three minutes late", "and forgiven", "and not", "before the session"],
    )
    def test_only_the_time_of_sessions_counts_as_absence(self, held, visit, back, gap, visits, minutes):
        halves = {7: ((0, 30), [visit(ADA, 5, 30)]), 8: ((35, 60), [visit(ADA, back, 60)])}
        (row,) = held(halves, rejoin_gap=gap).rows
        assert (row["visits"], row["minutes"]) == (visits, minutes)

    def test_an_entry_without_an_end_counts_until_the_end_of_its_own_session(self, held, visit, at):
        (row,) = held({7: ((0, 30), [visit(ADA, 10)]), 8: ((35, 60), [])}).rows
        assert (row["minutes"], row["last_leave"]) == (20, at(30))

    def test_times_that_overlap_count_once(self, held, visit):
        found = held({7: ((0, 40), [visit(ADA, 0, 40)]), 8: ((30, 60), [visit(ADA, 30, 60)])})
        assert (found.rows[0]["minutes"], found.rows[0]["share"], found.summary["peak"]) == (60, 1, 1)
        assert [len(found.spans), found.curve[-1][1]] == [1, 0]

    def test_the_curve_falls_to_zero_in_the_break(self, held, visit, at):
        found = held({7: ((0, 30), [visit(ADA, 0, 31), visit(BOB, 0, 30)]), 8: ((35, 60), [visit(ADA, 34, 60)])})
        expected = [(0, 2), (30, 0), (35, 1), (60, 0)]
        assert found.curve == [(datetime.fromisoformat(at(minute)), count) for minute, count in expected]

    def test_a_running_session_counts_until_a_moment(self, held, visit, at):
        found = held({7: ((0, 30), [visit(ADA, 0, 30)]), 8: ((35, None), [visit(ADA, 35)])}, until=at(45))
        assert (found.rows[0]["minutes"], found.rows[0]["share"]) == (40, 1)
        with pytest.raises(ValueError, match="session 8: it has no end_date yet; set until"):
            held({7: ((0, 30), []), 8: ((35, None), [])})

    def test_a_person_who_was_staff_in_one_session_is_staff(self, held, visit):
        found = held({7: ((0, 30), [visit(ADA, 0, 30)]), 8: ((35, 60), [visit(ADA, 35, 60, role="presenter")])})
        assert (found.rows[0]["role"], found.rows[0]["is_staff"], found.summary["came"]) == ("presenter", True, 0)


class TestRegistrations:
    @pytest.mark.parametrize("bound_to", [None, 7, 8])
    def test_one_for_any_session_of_the_event_counts(self, held, visit, registration, bound_to):
        found = held({7: ((0, 30), [visit(ADA, 0, 30)]), 8: ((35, 60), [])}, [registration(BOB, session_id=bound_to)])
        assert found.summary["no_show"] == 1

    @pytest.mark.parametrize(("more", "no_shows"), [({"session_id": 9}, 0), ({"minute": 50}, 1), ({"minute": 61}, 0)])
    def test_one_for_another_session_or_after_the_event_does_not(self, held, visit, registration, at, more, no_shows):
        more = {"registration_date": at(more["minute"])} if "minute" in more else more
        found = held({7: ((0, 30), [visit(ADA, 0, 30)]), 8: ((35, 60), [])}, [registration(BOB, **more)])
        assert found.summary["no_show"] == no_shows

    def test_a_session_of_nobody_takes_no_part_in_who_missed_the_event(self, held, visit, registration):
        host = visit("host@example.com", 0, 10, role="host")
        found = held({7: ((0, 10), [host]), 8: ((12, 60), [visit(ADA, 12, 60)])}, [registration(ADA)])
        assert found.summary["show_up_rate"] == 1

    def test_an_event_of_nobody_makes_nobody_a_no_show(self, held, registration):
        found = held({7: ((0, 30), []), 8: ((35, 60), [])}, [registration(BOB)])
        assert (found.rows, found.summary["registered"], found.not_counted) == ([], 0, 1)


def test_sessions_of_nobody_lower_no_show_up_rate(attend, visit, registration):
    """A test in the morning at which only the host was does not double those who missed the webinar."""
    totals = AttendanceTotals()
    registrations = [registration(ADA), registration(BOB, id=2)]
    totals.add(attend(visit("host@example.com", 0, 5, role="host"), registrations=registrations))
    totals.add(attend(visit(ADA, 0, 60), registrations=registrations))
    assert (totals.summary["sessions"], totals.summary["registered"], totals.summary["show_up_rate"]) == (2, 2, 0.5)
