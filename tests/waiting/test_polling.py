"""The pauses, the deadline and the tolerated failures: pure functions of a time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    ValidationError,
)
from airflow_clickmeeting.waiting import polling
from airflow_clickmeeting.waiting.polling import PollPolicy, format_failures, monotonic_clock

NOON = 1_800_000_000.0

TRANSIENT = [ConnectionFailedError, RateLimitedError, ServerError, UnexpectedAnswerError]
FINAL = [AuthenticationError, NotFoundError, ValidationError, ClickMeetingError]


def policy(interval: float = 60, **more: Any) -> PollPolicy:
    """Return a policy that began at noon and ends an hour later."""
    return PollPolicy(**{"interval": interval, "began": NOON, "deadline": NOON + 3600, **more})


def trouble(kind: type = ServerError, retry_after: float | None = None) -> ClickMeetingError:
    return kind(ApiError("server", "Not now.", retry_after=retry_after))


class TestPause:
    def test_it_is_up_to_a_tenth_more_or_less_so_that_many_do_not_ask_together(self):
        pauses = [policy().pause(NOON) for _ in range(1000)]
        assert 54 <= min(pauses) < 55
        assert 65 < max(pauses) <= 66

    @pytest.mark.usefixtures("no_jitter")
    def test_it_stays_the_same_however_long_it_takes(self):
        assert [policy().pause(NOON + gone) for gone in (0, 60, 3000)] == [60, 60, 60]

    @pytest.mark.usefixtures("no_jitter")
    def test_exponential_pauses_double_up_to_the_max_pause(self):
        doubling = policy(exponential=True, max_pause=1000)
        now, pauses = NOON, []
        for _ in range(7):
            pauses.append(doubling.pause(now))
            now += pauses[-1]
        assert pauses == [60, 120, 240, 480, 960, 1000, 1000]

    @pytest.mark.usefixtures("no_jitter")
    def test_after_failures_it_grows_to_five_minutes(self):
        pauses = [policy(1).pause(NOON, failures, trouble()) for failures in range(10)]
        assert pauses == [1, 5, 10, 20, 40, 80, 160, 300, 300, 300]

    @pytest.mark.usefixtures("no_jitter")
    def test_it_stays_so_however_many_failures_a_long_outage_has(self):
        assert [policy(1).pause(NOON, failures, trouble()) for failures in (1025, 100_000)] == [300, 300]

    @pytest.mark.usefixtures("no_jitter")
    def test_after_failures_it_is_never_shorter_than_between_polls_that_work(self):
        assert [policy(600).pause(NOON, failures, trouble()) for failures in (1, 20)] == [600, 600]

    @pytest.mark.usefixtures("no_jitter")
    def test_it_lasts_as_long_as_clickmeeting_asks_to_wait(self):
        assert policy().pause(NOON, 1, trouble(RateLimitedError, retry_after=500)) == 500
        assert policy().pause(NOON, 1, trouble(RateLimitedError, retry_after=1)) == 60

    @pytest.mark.usefixtures("no_jitter")
    def test_an_error_of_another_kind_asks_for_nothing(self):
        assert policy().pause(NOON, 1, KeyError("name")) == 60
        assert policy().pause(NOON, 1) == 60


class TestDeadline:
    def test_it_comes_nearer(self):
        assert [policy().remaining(NOON + gone) for gone in (0, 3599, 3600, 9999)] == [3600, 1, 0, 0]


class TestFailures:
    @pytest.mark.parametrize("kind", TRANSIENT)
    def test_transient_failures_are_tolerated_so_often_in_a_row(self, kind):
        some = policy(max_consecutive_failures=2)
        assert [some.tolerates(trouble(kind), failures) for failures in (1, 2, 3)] == [True, True, False]

    @pytest.mark.parametrize("kind", TRANSIENT)
    def test_none_at_all(self, kind):
        assert not policy(max_consecutive_failures=0).tolerates(trouble(kind), 1)

    @pytest.mark.parametrize("kind", FINAL)
    def test_permanent_failures_are_not_tolerated(self, kind):
        assert not policy().tolerates(trouble(kind), 1)

    def test_a_mistake_is_not_tolerated(self):
        assert not policy().tolerates(KeyError("name"), 1)

    @pytest.mark.parametrize("error", [*map(trouble, TRANSIENT + FINAL), KeyError("name")])
    def test_without_a_limit_everything_is_tolerated(self, error):
        assert policy(max_consecutive_failures=None).tolerates(error, 1_000_000)


def test_it_travels_as_plain_json():
    of_its_own = policy(exponential=True, max_pause=100, max_consecutive_failures=None)
    assert PollPolicy(**json.loads(json.dumps(of_its_own.to_json()))) == of_its_own


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_is_longer_than_nothing(interval):
    with pytest.raises(ValueError, match=f"poke_interval must be more than zero seconds; got {interval}"):
        policy(interval)


def test_the_number_of_failures_cannot_be_negative():
    with pytest.raises(ValueError, match="max_consecutive_failures must be zero or more; got -1"):
        policy(max_consecutive_failures=-1)


def test_the_clock_does_not_notice_when_the_machines_own_is_set(mocker):
    now = monotonic_clock()
    assert now() == pytest.approx(time.time(), abs=60)
    before = now()
    mocker.patch.object(time, "time", return_value=0.0)
    assert before <= now() < before + 60
    assert polling.monotonic_clock()() < 60, "one made later begins with what the machine says"


@pytest.mark.parametrize(
    ("failures", "pause", "message"),
    [
        (1, 5.1234, "Polling sessions of X failed once; next attempt in 5.1 s: Not now."),
        (3, 20, "Polling sessions of X failed 3 times in a row; next attempt in 20 s: Not now."),
        (9, 3600, "Polling sessions of X failed 9 times in a row; next attempt in 3600 s: Not now."),
        (3, 0, "Polling sessions of X failed 3 times in a row; the time is up: Not now."),
    ],
)
def test_the_warning_says_how_many_polls_failed_and_what_happens_next(failures, pause, message):
    assert format_failures("Polling sessions of X", failures, pause, RuntimeError("Not now.")) == message
