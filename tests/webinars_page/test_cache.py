"""One question for all browsers, answers for a minute, and the last good answer during an outage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from airflow_clickmeeting.ui import cache as module
from airflow_clickmeeting.ui.cache import Cache, cache


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(mocker) -> Clock:
    clock = Clock()
    mocker.patch.object(module, "time", clock)
    return clock


class Account:
    """Answers with the number of the question, or fails while `error` is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return self.asked


@pytest.fixture
async def account() -> Account:
    return Account()


async def test_browsers_that_wait_share_one_question(clock, account):
    account.may_answer.clear()
    known = Cache()
    waiting = [asyncio.create_task(known.get("a", account.ask)) for _ in range(45)]
    await asyncio.sleep(0)
    account.may_answer.set()
    answers = await asyncio.gather(*waiting)
    assert {answer.value for answer in answers} == {1}
    assert account.asked == 1


async def test_an_answer_holds_for_a_minute(clock, account):
    known = Cache()
    assert (await known.get("a", account.ask)).value == 1
    clock.now += 59
    assert (await known.get("a", account.ask)).value == 1
    clock.now += 1
    assert (await known.get("a", account.ask)).value == 2
    assert (await known.get("b", account.ask)).value == 3


async def test_a_failure_is_not_tried_again_at_once_and_the_last_good_answer_stays(clock, account):
    known = Cache()
    good = await known.get("a", account.ask)
    clock.now += 60
    account.error = ValueError("away")
    for _ in range(3):
        answer = await known.get("a", account.ask)
        assert (answer.value, answer.received_at, str(answer.error)) == (1, good.received_at, "away")
    assert account.asked == 2
    clock.now += 10
    account.error = None
    answer = await known.get("a", account.ask)
    assert (answer.value, answer.error) == (3, None)


async def test_a_browser_that_leaves_ends_no_question(clock, account):
    account.may_answer.clear()
    known = Cache()
    leaving = asyncio.create_task(known.get("a", account.ask))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    account.may_answer.set()
    assert (await known.get("a", account.ask)).value == 1


@pytest.mark.parametrize("has_value", [False, True])
async def test_nobody_waits_for_ever(clock, account, mocker, has_value):
    known = Cache()
    if has_value:
        await known.get("a", account.ask)
        clock.now += 60
    mocker.patch.object(module, "PATIENCE", 0.01)
    mocker.patch.object(module, "NEWER_PATIENCE", 0.01)
    account.may_answer.clear()
    answer = await known.get("a", account.ask)
    assert answer.is_pending
    assert answer.value == (1 if has_value else None)
    account.may_answer.set()
    mocker.stopall()


async def test_a_question_that_never_ends_is_given_up(account, mocker):
    mocker.patch.object(module, "MAX_QUESTION", 0.01)
    account.may_answer.clear()
    answer = await Cache().get("a", account.ask)
    assert isinstance(answer.error, TimeoutError)
    assert not answer.is_pending


async def test_old_answers_are_forgotten(clock, account, mocker):
    mocker.patch.object(module, "MAX_ANSWERS", 2)
    known = Cache()
    for key in ("a", "b", "a", "c"):
        await known.get(key, account.ask)
    assert account.asked == 3
    await known.get("a", account.ask)
    assert account.asked == 3
    await known.get("b", account.ask)
    assert account.asked == 4


def test_each_event_loop_has_its_own() -> None:
    async def own() -> Cache:
        assert cache() is cache()
        return cache()

    def all_loops() -> Iterator[Cache]:
        for _ in range(2):
            yield asyncio.run(own())

    first, second = all_loops()
    assert first is not second
