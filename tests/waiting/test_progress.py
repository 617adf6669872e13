"""What a waiting sensor logs and when, on a clock of the test's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import AuthenticationError, ConnectionFailedError, ServerError
from airflow_clickmeeting.waiting.conditions import FileConverted, Poll, SessionStarted
from airflow_clickmeeting.waiting.messages import RoomPlan
from airflow_clickmeeting.waiting.polling import PollPolicy
from airflow_clickmeeting.waiting.progress import Progress, next_heartbeat

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
START = NOON.timestamp()
MINUTE, HOUR, DAY = 60, 3600, 86400
TALK: Any = {
    "name": "Talk",
    "starts_at": "2027-02-01T15:00:00+01:00",
    "ends_at": "2027-02-01T16:30:00+01:00",
    "timezone": "Europe/Warsaw",
}
STARTED = SessionStarted(room_id=7, since=NOON.isoformat())
AWAITED = "a session of room 7 to start (since 2027-02-01T12:00:00+00:00)"

pytestmark = pytest.mark.usefixtures("no_jitter")


class Lines:
    """Collects what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def log(self, level: int, message: Any, /, *values: Any) -> None:
        self.lines.append((level, message % values))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.lines]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def progress(lines) -> Callable[..., Progress]:
    """Make the progress of a sensor that began at noon, and polls every minute for a week."""

    def progress(condition: Any = STARTED, *, interval: float = MINUTE, most: int | None = 10, **more: Any) -> Progress:
        policy = PollPolicy(interval, START, START + 7 * DAY, max_consecutive_failures=most)
        return Progress(lines, condition, policy, **more)

    return progress


def unmet(state: str = "no session yet", gone: float = 0, room: Any = None) -> Poll:
    return Poll(None, None, state, NOON + timedelta(seconds=gone), room)


def lost(message: str = "no connection to api.example.com") -> ConnectionFailedError:
    return ConnectionFailedError(ApiError("connection", message), "list_sessions", "x", "conferences/7/sessions")


def test_the_first_line_says_everything(progress, lines):
    talking = progress()
    talking.plan = RoomPlan.of(TALK)
    assert talking.after_poll(unmet(), START) == 60
    ((level, text),) = lines.lines
    assert level == logging.INFO
    assert text == (
        f"Waiting for {AWAITED}. "
        "Room 'Talk' is planned for 2027-02-01 15:00 to 16:30 Europe/Warsaw; the start is in 2 hours. "
        "Now: no session yet; at ClickMeeting it is 2027-02-01 13:00 Europe/Warsaw. "
        "Next poll within 60 s; the timeout is at 2027-02-08 12:00 UTC"
    )


def test_it_names_no_room_where_nothing_is_known(progress, lines):
    talking = progress()
    talking.plan = RoomPlan()
    talking.after_poll(unmet(), START)
    assert "Room" not in lines.texts[0]


def test_a_week_has_a_line_after_1_5_15_and_60_minutes_and_then_each_hour(progress, lines):
    talking, at = progress(interval=10), []
    for gone in range(0, 7 * DAY, 10):
        before = len(lines.lines)
        talking.after_poll(unmet(gone=gone), START + gone)
        at += [gone] * (len(lines.lines) > before)
    assert at == [0, 60, 300, 900, *range(HOUR, 7 * DAY, HOUR)]
    assert len(at) == 4 + 7 * 24 - 1
    assert lines.texts[-1].startswith(f"Waiting for {AWAITED}, waited 6 d 23 h, 60,121 polls. Now:")


def test_a_long_interval_has_a_line_at_each_poll_at_most(progress, lines):
    talking = progress(interval=2 * HOUR)
    for number in range(5):
        talking.after_poll(unmet(), START + number * 2 * HOUR)
    assert len(lines.lines) == 5


@pytest.mark.parametrize(
    ("elapsed", "next_one"),
    [(0, 60), (59, 60), (60, 300), (300, 900), (900, 3600), (3600, 7200), (7199, 7200), (7200, 10800)],
)
def test_the_heartbeat_depends_on_the_time_since_the_beginning_only(elapsed, next_one):
    assert next_heartbeat(elapsed) == next_one


def test_a_line_shortly_before_a_heartbeat_is_as_good_as_one(progress, lines):
    talking = progress()
    for gone in (0, 56, 66, 299, 300):
        talking.after_poll(unmet(gone=gone), START + gone)
    assert len(lines.lines) == 3
    assert "waited 5 min, 5 polls" in lines.texts[-1]


def test_a_trigger_that_is_made_again_says_at_its_first_poll_how_long_the_sensor_waits(progress, lines):
    talking = progress(polls=3, failed=1)
    talking.after_poll(unmet(gone=2 * HOUR), START + 2 * HOUR)
    talking.after_poll(unmet(gone=2 * HOUR), START + 2 * HOUR + MINUTE)
    assert len(lines.lines) == 1
    assert "waited 2 h 0 min, 4 polls, 1 failed. " in lines.texts[0]


class TestChanges:
    def test_a_change_has_a_line(self, progress, lines):
        talking = progress()
        talking.after_poll(unmet(), START)
        talking.after_poll(unmet("2 of 20 registrations"), START + 2 * MINUTE)
        talking.after_poll(unmet("3 of 20 registrations"), START + 3 * MINUTE)
        assert lines.texts[2] == f"Now: 3 of 20 registrations. Waiting for {AWAITED}; next poll within 60 s"

    def test_it_is_no_more_than_one_in_a_minute_and_the_last_one_is_not_lost(self, progress, lines):
        talking = progress(interval=5)
        for number in range(0, HOUR, 5):
            talking.after_poll(unmet(f"{number} registrations"), START + number)
        assert 55 <= len(lines.lines) <= 60
        talking.after_poll(unmet("3595 registrations"), START + HOUR - 1)
        talking.after_poll(unmet("3595 registrations"), START + HOUR + 120)
        assert "Now: 3595 registrations" in lines.texts[-1]

    def test_a_room_that_is_planned_anew_is_named_anew(self, progress, lines):
        talking = progress()
        talking.after_poll(unmet(room=TALK), START)
        talking.after_poll(unmet(room=TALK), START + 2 * MINUTE)
        talking.after_poll(unmet(room={**TALK, "starts_at": "2027-02-02T15:00:00+01:00"}), START + 4 * MINUTE)
        assert len(lines.lines) == 3
        assert "Room 'Talk' is planned for 2027-02-02 15:00 to" in lines.texts[2]

    def test_the_room_is_asked_for_once_if_no_response_shows_it(self, progress):
        talking = progress()
        assert talking.unknown_room(unmet()) == calls.get_conference(7)
        assert talking.unknown_room(unmet(room=TALK)) is None
        assert talking.unknown_room(unmet()._replace(result={})) is None
        talking.plan = RoomPlan()
        assert talking.unknown_room(unmet()) is None
        assert progress(FileConverted(file_id=1)).unknown_room(unmet()) is None


class TestFailures:
    def test_each_says_which_of_how_many_it_is_and_what_comes_next(self, progress, lines):
        talking = progress()
        assert talking.tolerates(lost())
        talking.after_failure(lost(), START)
        assert talking.tolerates(lost())
        assert talking.after_failure(lost(), START + 5) == 60
        level, text = lines.lines[1]
        assert level == logging.WARNING
        assert text == (
            "Polling failed, failure 2 of 10: list_sessions: no connection to api.example.com (conferences/7/sessions, "
            f"connection 'x'). Waiting for {AWAITED}; next poll within 60 s"
        )

    def test_too_many_are_not_tolerated(self, progress):
        talking = progress(most=1)
        assert [talking.tolerates(lost()) for _ in range(2)] == [True, False]
        assert not progress().tolerates(AuthenticationError(ApiError("authentication", "No.")))

    def test_the_end_of_an_outage_has_a_line(self, progress, lines):
        talking = progress()
        talking.after_poll(unmet(), START)
        for number in range(3):
            talking.tolerates(lost())
            talking.after_failure(lost(), START + number)
        talking.after_poll(unmet(), START + 10)
        assert lines.texts[-1].startswith("Polling works again after 3 failures. Waiting for a session of room 7 to")
        assert talking.failures == 0
        assert (talking.polls, talking.failed) == (5, 3)

    def test_a_week_of_an_outage_has_few_lines(self, progress, lines):
        talking = progress(most=None)
        for gone in range(0, 7 * DAY, 300):
            talking.tolerates(lost())
            talking.after_failure(lost(), START + gone)
        assert len(lines.lines) <= 10 + 7 * 24
        assert "failure 10 in a row: " in lines.texts[9]

    def test_another_failure_has_a_line_however_many_there_were(self, progress, lines):
        talking = progress(most=1000)
        for number in range(20):
            talking.tolerates(lost())
            talking.after_failure(lost(), START + number)
        assert len(lines.lines) == 10
        down = ServerError(ApiError("server", "SERVICE_UNAVAILABLE", 503))
        talking.tolerates(down)
        talking.after_failure(down, START + 21)
        assert "failure 21 of 1000: SERVICE_UNAVAILABLE" in lines.texts[-1]

    def test_an_error_of_another_kind_stays_in_its_line(self, progress, lines):
        talking = progress(most=None)
        talking.tolerates(KeyError("a\nb"))
        talking.after_failure(KeyError("a\nb"), START)
        assert r"failure 1 in a row: KeyError('a\nb'). Waiting" in lines.texts[0]

    def test_when_the_time_is_up_there_is_no_next_poll(self, progress, lines):
        talking = progress()
        talking.tolerates(lost())
        assert talking.after_failure(lost(), START + 7 * DAY) == 0
        assert lines.texts[0].endswith("; the time is up")


def test_a_pause_is_no_shorter_than_the_shortest_but_zero_at_the_end(progress):
    talking = progress(interval=1, min_pause=5)
    assert talking.pause(START) == 5
    assert talking.pause(START + 7 * DAY) == 0


def test_the_event_says_how_long_it_took(progress):
    talking = progress(polls=147, failed=2)
    result = unmet("the condition is met")._replace(result={"session_id": 1})
    assert talking.after_poll(result, START + 3 * HOUR) == 0
    assert talking.to_json(START + 3 * HOUR + 12 * MINUTE) == {
        "seconds": 3.2 * HOUR,
        "polls": 148,
        "failed": 2,
        "awaited": STARTED.description,
        "state": "the condition is met",
    }
