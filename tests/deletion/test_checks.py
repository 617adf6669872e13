"""Safety checks, without any request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.deletion.checks import RoomSnapshot, last_end, meeting_blockers, recording_blockers, refusal

NOW = datetime(2027, 2, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=30)
PERMANENT = {"id": 7, "name": "Office", "permanent_room": True, "created_at": "2026-05-01T10:00:00+02:00"}


def scheduled(end, **more):
    return {"id": 7, "name": "Talk", "permanent_room": False, "ends_at": end.isoformat(), **more}


def session(number, end):
    return {"id": number, "start_date": "2026-01-01T10:00:00+01:00", "end_date": end and end.isoformat()}


def blockers(room, *sessions, grace=GRACE):
    return meeting_blockers(RoomSnapshot(room, sessions, []), grace, NOW)


class TestMeetings:
    def test_a_room_that_was_over_before_the_grace_may_go(self):
        past = NOW - GRACE
        assert blockers(scheduled(past), session(1, past), session(2, past - GRACE)) == []

    def test_a_permanent_room_is_scheduled_for_nothing(self):
        assert blockers(PERMANENT) == blockers(PERMANENT | {"ends_at": "2020-01-01T00:00:00Z"}) == []

    @pytest.mark.parametrize(
        ("room", "reason"),
        [
            ({"id": 7}, "None is not a date with a time of day"),
            ({}, "None is not a date with a time of day"),
            ({"id": 7, "permanent_room": False, "ends_at": ""}, "'' is not a date with a time of day"),
            ({"id": 7, "permanent_room": None}, "None is not a date with a time of day"),
            ({"id": 7, "starts_at": "2027-02-02T12:00:00+00:00"}, "None is not a date with a time of day"),
            ({"id": 7, "ends_at": "soon"}, "'soon' is not a date with a time of day"),
            (
                {"id": 7, "starts_at": "2026-02-02T12:00:00+00:00", "ends_at": "2026-01-01T12:00:00+00:00"},
                "it ends at 2026-01-01T12:00:00+00:00, before it starts at 2026-02-02T12:00:00+00:00",
            ),
        ],
    )
    def test_a_room_whose_times_make_no_sense(self, room, reason):
        assert blockers(room) == [f"its times make no sense: {reason}"]

    def test_a_permanent_room_with_an_end_in_the_future(self):
        assert blockers(PERMANENT | {"ends_at": "2028-01-01T00:00:00+00:00"}) == [
            "it is scheduled until 2028-01-01T00:00:00+00:00, in 11 months"
        ]

    @pytest.mark.parametrize(
        "end", ["1970-01-01 00:00:00", "0000-00-00 00:00:00", "2026-01-01", 1767225600, "2025-01-01T10:00:00+01:00", []]
    )
    def test_a_session_whose_end_makes_no_sense(self, end):
        room = RoomSnapshot(PERMANENT, [session(1, None) | {"end_date": end}], [])
        (reason,) = meeting_blockers(room, timedelta(0), NOW)
        assert reason.startswith("the times of session 1 make no sense: ")
        with pytest.raises(ValueError, match=r"is not a date|an ISO 8601 time|is before|before it starts"):
            last_end(room)

    def test_a_session_without_a_start(self):
        assert blockers(PERMANENT, {"id": 1, "end_date": NOW.isoformat()}) == [
            "the times of session 1 make no sense: None is not a date with a time of day"
        ]

    def test_what_is_to_come(self):
        room = scheduled(NOW + timedelta(seconds=1))
        assert blockers(room, grace=timedelta(0)) == [
            "it is scheduled until 2027-02-01T12:00:01+00:00, in a few seconds"
        ]

    @pytest.mark.parametrize("end", [None, NOW, NOW - timedelta(minutes=4)], ids=["none", "now", "just now"])
    def test_what_runs_or_may_run_whatever_the_grace(self, end):
        assert blockers(PERMANENT, session(1, end), grace=timedelta(0)) == ["session 1 is running, or ended just now"]

    def test_what_runs_where_the_end_is_absent(self):
        assert blockers(PERMANENT, {"id": 1, "start_date": NOW.isoformat()}) == [
            "session 1 is running, or ended just now"
        ]

    def test_the_latest_of_the_sessions_within_the_grace(self):
        sessions = [session(number, NOW - timedelta(days=days)) for number, days in ((1, 31), (2, 4), (3, 29))]
        assert blockers(PERMANENT, *sessions) == [
            "session 2 ended at 2027-01-28T12:00:00+00:00, within the grace of 30 days"
        ]

    def test_what_a_room_was_scheduled_for_counts_even_if_nobody_came(self):
        room = scheduled(NOW - timedelta(hours=30))
        assert blockers(room, grace=timedelta(hours=36)) == [
            "its scheduled time ended at 2027-01-31T06:00:00+00:00, within the grace of 1 day, 12:00:00"
        ]

    @pytest.mark.parametrize(("age", "blocks"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
    def test_the_grace_ends_to_the_moment(self, age, blocks):
        just_within = NOW - GRACE + timedelta(microseconds=1)
        assert bool(blockers(PERMANENT, session(1, just_within - age))) is blocks

    def test_each_kind_of_reason_is_told(self):
        room = scheduled(NOW + timedelta(days=1))
        told = blockers(room, session(1, None), session(2, NOW - timedelta(days=1)))
        assert [reason.split()[0:2] for reason in told] == [["it", "is"], ["session", "1"], ["session", "2"]]


class TestRecordings:
    def test_what_an_archive_covers_may_go(self):
        assert recording_blockers([{"id": 1, "recording_file_size": 5}], lambda recording: recording["id"] == 1) == []

    def test_what_none_covers_and_what_is_still_processed(self):
        recordings = [{"id": number, "recording_file_size": number % 2 * 5 or None} for number in range(1, 5)]
        assert recording_blockers(recordings, lambda _: False) == [
            "no archive manifest covers recordings 1, 3",
            "ClickMeeting still processes recordings 2, 4",
        ]

    def test_of_many_the_first_are_named(self):
        many = [{"id": number, "recording_file_size": 5} for number in range(1, 9)]
        assert recording_blockers(many, lambda _: False) == [
            "no archive manifest covers recordings 1, 2, 3, 4, 5, and 3 more"
        ]
        assert recording_blockers(many[:1], lambda _: False) == ["no archive manifest covers recording 1"]


class TestLastEnd:
    @pytest.mark.parametrize(
        ("room", "sessions", "end"),
        [
            (PERMANENT, [session(1, NOW - GRACE), session(2, NOW)], NOW),
            (PERMANENT, [session(1, NOW - GRACE), session(2, None)], None),
            (PERMANENT, [], datetime(2026, 5, 1, 8, tzinfo=UTC)),
            (scheduled(NOW - GRACE), [], NOW - GRACE),
            (scheduled(NOW - GRACE), [session(1, NOW)], NOW),
            (scheduled(NOW), [session(1, NOW - GRACE)], NOW),
        ],
    )
    def test_it_is_the_latest_that_is_known(self, room, sessions, end):
        assert last_end(RoomSnapshot(room, sessions, [])) == end


def test_a_refusal_names_the_room_each_reason_and_what_to_do():
    told = refusal("delete_conference", {"id": 7, "name": "Talk"}, ["first", "second"])
    assert told.startswith("delete_conference: room 7 ('Talk'): first; second. Nothing was deleted. ")
    assert "ClickMeetingArchiveRecordingsOperator" in told
    assert "force=True" in told
