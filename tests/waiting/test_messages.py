"""The sentences about waiting, which hold what strangers wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import AuthenticationError, ForbiddenError, NotFoundError
from airflow_clickmeeting.waiting.messages import (
    RoomPlan,
    clean,
    format_counts,
    format_end,
    format_length,
    format_next,
    format_result,
    format_time_there,
)

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TALK: Any = {
    "id": 7,
    "name": "Talk",
    "starts_at": "2027-02-01T15:00:00+01:00",
    "ends_at": "2027-02-01T16:30:00+01:00",
    "timezone": "Europe/Warsaw",
}
WAITED = {"seconds": 11520, "polls": 148, "failed": 2, "state": "no session yet"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (5, "5 s"),
        (58.3, "58 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3540, "59 min"),
        (11520, "3 h 12 min"),
        (2 * 86400, "2 d 0 h"),
        (7 * 86400 - 3600, "6 d 23 h"),
    ],
)
def test_a_length_has_two_units_at_most(seconds, text):
    assert format_length(seconds) == text


class TestTheRoom:
    def test_it_is_named_with_its_times_in_its_zone(self):
        assert RoomPlan.of(TALK).describe(NOON) == (
            "Room 'Talk' is planned for 2027-02-01 15:00 to 16:30 Europe/Warsaw; the start is in 2 hours"
        )
        assert RoomPlan.of(TALK).describe(NOON + 3 * HOUR).endswith("; the start was 1 hour ago")

    def test_the_end_has_a_date_if_it_is_on_another_day(self):
        overnight = {**TALK, "ends_at": "2027-02-02T01:00:00+01:00"}
        assert "2027-02-01 15:00 to 2027-02-02 01:00 Europe/Warsaw;" in RoomPlan.of(overnight).describe(NOON)

    def test_the_zone_is_the_rooms_whatever_offset_clickmeeting_writes(self):
        utc = {**TALK, "starts_at": "2027-02-01T14:00:00+00:00", "ends_at": "2027-02-01T15:30:00+00:00"}
        assert RoomPlan.of(utc) == RoomPlan.of(TALK)
        assert RoomPlan.of(utc).describe(NOON) == RoomPlan.of(TALK).describe(NOON)

    @pytest.mark.parametrize("timezone", ["Mars/Olympus", "", None, "../../etc/passwd", 3600])
    def test_a_zone_that_does_not_exist_leaves_the_offset(self, timezone):
        assert "15:00 to 16:30 UTC+01:00;" in RoomPlan.of({**TALK, "timezone": timezone}).describe(NOON)

    @pytest.mark.parametrize("gone", [{"starts_at", "ends_at"}, {"starts_at"}])
    def test_a_permanent_room_has_no_times(self, gone):
        room: Any = {key: value for key, value in TALK.items() if key not in gone}
        assert RoomPlan.of(room).describe(NOON) == "Room 'Talk' has no planned times"

    def test_an_end_that_cannot_be_read_is_left_out(self):
        assert "for 2027-02-01 15:00 Europe/Warsaw;" in RoomPlan.of({**TALK, "ends_at": ["x"]}).describe(NOON)

    def test_without_a_name_it_has_its_number(self):
        assert RoomPlan.of({**TALK, "name": ""}).describe(NOON).startswith("Room '7' is planned")

    @pytest.mark.parametrize(
        ("name", "named"),
        [
            ("a\nERROR - b", r"a\nERROR - b"),
            ("\x1b[31mred\u202e\u2028", r"\x1b[31mred\u202e\u2028"),
            ("[Webinar] Café", "[Webinar] Café"),
            ("%s %d {}", "%s %d {}"),
            ("Ask ada@example.com", "Ask ***"),
            ("key us" + "0123456789abcdef" * 2, "key ***"),
            ("x" * 5000, "x" * 80 + "..."),
            ("<script>", "<script>"),
        ],
    )
    def test_its_name_can_do_no_harm(self, name, named):
        assert RoomPlan.of({**TALK, "name": name}).name == named


class TestTheTime:
    def test_it_is_in_the_rooms_zone(self):
        there = format_time_there(NOON, NOON + timedelta(seconds=59), RoomPlan.of(TALK))
        assert there == "at ClickMeeting it is 2027-02-01 13:00 Europe/Warsaw"

    @pytest.mark.parametrize("plan", [None, RoomPlan()])
    def test_it_is_utc_where_no_room_is_known(self, plan):
        assert format_time_there(NOON, NOON, plan) == "at ClickMeeting it is 2027-02-01 12:00 UTC"

    @pytest.mark.parametrize("difference", [timedelta(minutes=-2), timedelta(hours=5)])
    def test_a_clock_that_differs_is_said(self, difference):
        local = NOON + difference
        assert format_time_there(NOON, local, None).endswith(f"; this machine's clock says {local:%Y-%m-%d %H:%M} UTC")


def test_a_pause_of_zero_is_the_end():
    assert [format_next(pause) for pause in (58, 0)] == ["next poll within 58 s", "the time is up"]


def test_counts():
    assert format_counts(WAITED) == "waited 3 h 12 min, 148 polls, 2 failed"
    assert format_counts({"seconds": 3, "polls": 1, "failed": 0}) == "waited 3 s, 1 poll"
    assert format_counts({}) == "the number of polls is unknown", "from a trigger of an earlier version"


def test_a_result_is_shortened():
    assert format_result(WAITED, "x", {"session_id": 3}) == (
        "The wait is over: x; waited 3 h 12 min, 148 polls, 2 failed. Result: {'session_id': 3}"
    )
    assert len(format_result(WAITED, "x", {"names": ["y" * 90] * 900})) < 700


class TestTheEnd:
    def test_it_says_what_was_found_last(self):
        found = "the last poll that worked found: no session yet"
        assert format_end(WAITED, "x") == f"Stopped waiting for x: waited 3 h 12 min, 148 polls, 2 failed; {found}"

    def test_what_was_there_before_has_been_deleted(self):
        gone = format_end(WAITED, "x", NotFoundError(ApiError("not_found", "x")))
        assert "Earlier polls found it, so somebody has deleted it on ClickMeeting" in gone
        assert gone.endswith("mark this task as success or as failed instead of clearing it")

    def test_a_key_that_worked_before_has_been_changed(self):
        changed = format_end(WAITED, "x", AuthenticationError(ApiError("authentication", "x", 401)))
        assert changed.endswith(
            "Earlier polls worked, so somebody has changed the key on ClickMeeting or in the connection"
        )

    @pytest.mark.parametrize(
        ("waited", "error"),
        [
            ({"seconds": 1, "polls": 1, "failed": 1}, NotFoundError(ApiError("not_found", "x"))),
            ({}, NotFoundError(ApiError("not_found", "x"))),
            (WAITED, ForbiddenError(ApiError("authentication", "x", 403))),
            (WAITED, None),
        ],
    )
    def test_what_was_never_there_has_not(self, waited, error):
        assert "Earlier polls" not in format_end(waited, "x", error)


@pytest.mark.parametrize("text", ["x" * 10_000_000, "ada@example.com " * 100_000])
def test_a_long_text_costs_nothing(text):
    assert len(clean(text)) <= 503
