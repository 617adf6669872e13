"""The pace of an account: one for a process, and processes that share a limit without knowing of each other."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count, pairwise
from math import ceil, inf
from typing import Any

import pytest

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import RateLimitedError, error_for
from airflow_clickmeeting.hooks import policy
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook, limiter_for
from airflow_clickmeeting.hooks.policy import RateLimiter, is_last

MIN_LIMIT = policy.MIN_LIMIT
MAX_ATTEMPTS = 9  # of a connection with the default of 5, since a 429 counts half


@pytest.fixture
def real_pace(mocker):
    """Undo the test suite's pace that no 429 lowers."""
    mocker.patch.object(policy, "MIN_LIMIT", MIN_LIMIT)


# one limiter


def send(limiter: RateLimiter, now: float) -> float:
    """Send a request at the next possible moment from now, and return that moment."""
    turn = limiter.queue(now)
    while pause := limiter.delay(turn, now):
        now += pause
    limiter.sent.append(now)
    return now


def test_a_figure_gives_even_turns_and_does_not_make_up_for_idle_time():
    limiter = RateLimiter(2)
    turns = [limiter.queue(100), limiter.queue(100), limiter.queue(100.2)]
    assert [limiter.delay(turn, 100.2) for turn in turns] == pytest.approx([0, 0.3, 0.8])
    assert [send(limiter, 200), send(limiter, 200)] == pytest.approx([200, 200.5])


def test_without_a_figure_there_is_no_limit_until_the_first_429(real_pace):
    limiter = RateLimiter()
    assert limiter.is_open
    assert {send(limiter, 100 + second / 10) for second in range(100)} == {100 + second / 10 for second in range(100)}
    assert limiter.slow_down(110, 109.9, None)
    assert not limiter.is_open
    assert limiter.pace(110) == pytest.approx(5, rel=0.05)  # it sent ten in a second


def test_a_few_requests_measure_nothing(real_pace):
    limiter = RateLimiter()
    send(limiter, 100)
    limiter.slow_down(100.1, 100, None)
    assert limiter.pace(100.1) == policy.MEASURABLE / 2


def test_a_429_halves_the_pace_which_returns_fast_to_nine_tenths_and_then_creeps(real_pace):
    limiter = RateLimiter(20)
    limiter.slow_down(100, 100, None)
    paces = [limiter.pace(100 + second) for second in (0, 17, 60, 80, 130, 1000)]
    assert paces == pytest.approx([10, 18.1, 20, 20, 20, 20], rel=0.01)  # never above the connection's figure
    limiter.set_most(None)
    assert [limiter.pace(100 + second) for second in (60, 80, 130)] == pytest.approx([20, 20, 41.6], rel=0.01)


def test_an_answer_to_a_request_of_the_time_before_does_not_halve_the_pace_again(real_pace):
    limiter = RateLimiter(16)
    assert [limiter.slow_down(now, sent_at, None) for now, sent_at in ((100, 99), (100.1, 99.5), (100.2, 99.9))] == [
        True,
        False,
        False,
    ]
    assert limiter.pace(100) == 8
    assert limiter.slow_down(100.3, 100.1, None)
    assert limiter.pace(100.3) == pytest.approx(4, rel=0.1)


def test_what_was_sent_counts_if_it_was_less_than_what_was_allowed(real_pace):
    limiter = RateLimiter(1000)
    for tenth in range(30):
        send(limiter, 100 + tenth / 10)
    limiter.slow_down(103, 102.9, None)
    assert limiter.pace(103) == pytest.approx(5)


def test_nobody_sends_before_the_end_of_retry_after_and_those_who_wait_keep_their_order(real_pace):
    limiter = RateLimiter(10)
    first, second, third = (limiter.queue(100) for _ in range(3))
    assert limiter.delay(first, 100) == 0
    assert limiter.delay(second, 100) == pytest.approx(0.1)
    limiter.slow_down(100, 100, 1.5)
    assert limiter.delay(second, 100) == pytest.approx(1.5 + 1 / 5)
    assert limiter.delay(third, 101.5) == pytest.approx(2 / 5)
    assert limiter.delay(second, 101.69) > 0
    assert limiter.delay(second, 101.71) == 0
    assert limiter.delay(third, 101.71) > 0
    limiter.slow_down(101.8, 101.75, 1)
    limiter.slow_down(101.9, 101.75, 0.2)  # a shorter pause of another response does not end the longer
    assert limiter.blocked(101.9) == pytest.approx(0.9)


def test_a_long_wait_has_parts_since_the_pace_rises(real_pace):
    limiter = RateLimiter(1)
    turns = [limiter.queue(100) for _ in range(31)]
    assert limiter.delay(turns[-1], 100) == 15


def test_the_pace_has_a_lowest_value(real_pace):
    limiter = RateLimiter(1)
    for second in range(100):
        limiter.slow_down(100 + second, 100 + second, None)
    assert limiter.pace(199) == MIN_LIMIT / 2


def test_both_hooks_and_all_connections_of_an_account_have_one_limiter(sandbox, connect):
    settings = ClickMeetingHook().settings
    limiter = limiter_for(settings)
    assert limiter_for(replace(settings, conn_id="another", timeout=1)) is limiter
    assert limiter_for(replace(settings, key="another")) is not limiter
    assert limiter_for(replace(settings, max_requests_per_second=3)).pace(0) == 3
    assert limiter_for(settings).pace(0) == inf


@pytest.mark.parametrize(
    ("most", "kind", "expected"), [(5, "rate_limited", 9), (5, "server", 5), (1, "rate_limited", 1)]
)
def test_a_429_counts_half_an_attempt(most, kind, expected):
    from tenacity import Future, RetryCallState, Retrying

    state = RetryCallState(Retrying(), None, (), {})
    state.outcome = Future.construct(1, error_for(ApiError(kind, "no", 429), "ping", ""), has_exception=True)

    def given_up(attempt: int) -> bool:
        state.attempt_number = attempt
        return is_last(most, state)

    assert next(attempt for attempt in count(1) if given_up(attempt)) == expected


# the hooks


def moments(sandbox, operation: str = "ping") -> list[float]:
    return [datetime.fromisoformat(each["time"]).timestamp() for each in sandbox.log(operation)]


def test_a_429_stops_and_slows_the_whole_process(sandbox, connect, real_pace):
    connect(sandbox, extra={"max_requests_per_second": 20})
    hook, began = ClickMeetingHook(), time.monotonic()
    sandbox.fault("ping", "429", retry_after=1)

    async def ping_often():
        return await asyncio.gather(*(ClickMeetingAsyncHook().ping() for _ in range(4)))

    with ThreadPoolExecutor(5) as threads:
        done = [threads.submit(hook.ping), *(threads.submit(ClickMeetingHook().ping) for _ in range(3))]
        done.append(threads.submit(asyncio.run, ping_often()))
    assert [each.exception() for each in done] == [None] * 5
    sent = moments(sandbox)
    assert len(sent) == 9
    # whoever was under way at the 429 goes on; nobody else sends for a second, and then at half the pace
    begin = next(number for number, (before, after) in enumerate(pairwise(sent)) if after - before > 0.5) + 1
    assert sent[begin] - sent[0] >= 0.95
    assert sent[-1] - sent[begin] >= (len(sent) - begin - 1) * 0.09
    assert limiter_for(hook.settings).pace(began) <= 10  # for a moment before the 429, the pace as it was halved


def test_the_pause_of_the_process_and_that_of_the_retry_are_one(client, sandbox, real_pace, mocker):
    sandbox.fault("ping", "429", retry_after=1)
    began, delay = time.monotonic(), mocker.spy(RateLimiter, "delay")
    client.ask("ping")
    # after the pause of the retry, only the one of the halved pace is left
    assert max(delay.spy_return_list) <= 1 / limiter_for(client.settings).pace(began)
    first, second = moments(sandbox)
    assert second - first >= 0.95


def test_a_pause_of_more_than_a_minute_fails_the_other_calls_before_they_are_sent(client_of, sandbox, caplog, capfd):
    sandbox.fault("ping", "429", retry_after=600)
    with pytest.raises(RateLimitedError):
        client_of().ask("ping")
    message = r"^list_chats: ClickMeeting asked for a pause of another (600|599) s; the request was not sent"
    with pytest.raises(RateLimitedError, match=message) as error:
        client_of().ask("list_chats")
    assert error.value.retry_after == pytest.approx(600, abs=5)
    assert (sandbox.count("ping"), sandbox.count("list_chats")) == (1, 0)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "ClickMeeting limits the requests; this process now sends at most" in logged


def test_a_call_outlasts_more_429_than_it_has_attempts(client_of, sandbox, connect):
    connect(sandbox, extra={"max_attempts": 2})
    sandbox.fault("ping", "429", times=2, retry_after=0)
    assert client_of().ask("ping") == {"ping": "pong"}
    sandbox.fault("ping", "429", times=None, retry_after=0)
    with pytest.raises(RateLimitedError):
        client_of().run(Call("GET", "ping"))
    assert sandbox.count("ping") == 6


# many processes under one limit, with a clock of their own


@dataclass
class Simulation:
    """Processes whose threads send one request after the other to a server with a token bucket.

    :param rate: the requests per second that the server allows.
    :param capacity: how many requests the server allows at once.
    :param retry_after: whether its 429 says when to come back.
    """

    rate: float
    capacity: float
    retry_after: bool
    seed: int
    processes: int = 10
    threads: int = 8
    round_trip: float = 0.05
    done: Counter[int] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    failed: int = 0

    def run(self, seconds: int) -> None:
        self.chance = random.Random(self.seed)
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.number = count()
        self.tokens, self.filled_at = self.capacity, 0.0
        for limiter in [RateLimiter() for _ in range(self.processes)] * self.threads:
            self.later(self.chance.uniform(0, 0.5), self.call, limiter, 1)
        while self.events[0][0] < seconds:
            now, _, happen, arguments = heapq.heappop(self.events)
            happen(now, *arguments)

    def later(self, at: float, happen: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self.events, (at, next(self.number), happen, arguments))

    def call(self, now: float, limiter: RateLimiter, attempt: int) -> None:
        self.wait(now, limiter, attempt, limiter.queue(now))

    def wait(self, now: float, limiter: RateLimiter, attempt: int, turn: float) -> None:
        if pause := limiter.delay(turn, now):
            self.later(now + pause + 1e-6, self.wait, limiter, attempt, turn)
        else:
            limiter.sent.append(now)
            self.later(now + self.half_way(), self.arrive, limiter, attempt, now)

    def arrive(self, now: float, limiter: RateLimiter, attempt: int, sent_at: float) -> None:
        self.tokens = min(self.capacity, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            self.done[int(now)] += 1
            self.later(now + self.half_way(), self.call, limiter, 1)
        else:
            self.refused[int(now)] += 1
            self.later(now + self.half_way(), self.refuse, limiter, attempt, sent_at)

    def refuse(self, now: float, limiter: RateLimiter, attempt: int, sent_at: float) -> None:
        wait = ceil(1 / self.rate) if self.retry_after else None
        limiter.slow_down(now, sent_at, wait)
        if attempt == MAX_ATTEMPTS:
            self.failed += 1
            self.later(now, self.call, limiter, 1)
        else:
            growing = min(2 ** (attempt - 1) + self.chance.random(), 60)
            self.later(now + (growing if wait is None else wait), self.call, limiter, attempt + 1)

    def half_way(self) -> float:
        return self.round_trip * self.chance.uniform(0.25, 0.75)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("retry_after", [True, False])
@pytest.mark.parametrize(("rate", "capacity"), [(20, 20), (100, 100), (10, 600)], ids=["20/s", "100/s", "600/min"])
def test_ten_processes_use_the_limit_and_few_answers_are_429(real_pace, rate, capacity, retry_after, seed):
    simulation = Simulation(rate, capacity, retry_after, seed)
    simulation.run(120)
    done, refused = (
        sum(numbers[second] for second in range(10, 120)) for numbers in (simulation.done, simulation.refused)
    )
    assert done / (rate * 110) >= 0.8
    assert refused / (done + refused) <= 0.05
    assert simulation.failed == 0
