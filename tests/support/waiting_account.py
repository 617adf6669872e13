"""Fixtures of the tests that wait: an account whose clock stands still at noon, and short pauses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from pytest_mock import MockerFixture

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.handle import Sandbox

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


@pytest.fixture
def short_pauses(short_sleeps: None, mocker: MockerFixture) -> None:
    """Let triggers and `dag.test` pause for milliseconds between two polls."""
    mocker.patch("airflow_clickmeeting.triggers.condition.MIN_INTERVAL", 0.02)
    mocker.patch("airflow_clickmeeting.waiting.polling.FIRST_PAUSE_AFTER_FAILURE", 0.02)


@pytest.fixture
def no_jitter(mocker: MockerFixture) -> None:
    """Let no pause be longer or shorter than it should be."""
    mocker.patch.object(random, "uniform", lambda low, high: (low + high) / 2)


@pytest.fixture
def sandbox(short_pauses: None, clickmeeting_sandbox: Sandbox, connect: Callable[..., str]) -> Sandbox:
    """An empty account, to which a failed request is not sent again."""
    connect(clickmeeting_sandbox, extra={"max_attempts": 1})
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOON)
    return clickmeeting_sandbox


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The arguments of a sensor for each of the modes."""
    return MODES[request.param]


@pytest.fixture
def room_id(sandbox: Sandbox) -> int:
    """A room in which nothing has happened yet, and nothing is planned."""
    return sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]


@pytest.fixture
def session_id(sandbox: Sandbox, room_id: int) -> int:
    """The session from one to two o'clock, where Ada was."""
    ada = {"email": "ada@example.com", "nickname": "Ada"}
    one = NOON + timedelta(hours=1)
    return sandbox.play(room_id, start=one, end=one + timedelta(hours=1), attendees=[ada])


@pytest.fixture
def after_request(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Do something in the sandbox as soon as an operation was requested."""
    watching: list[Thread] = []

    def after_request(operation: str, act: Callable[[], object]) -> None:
        def wait_and_act() -> None:
            while not sandbox.count(operation):
                time.sleep(0.01)
            act()

        watching.append(Thread(target=wait_and_act, daemon=True))
        watching[-1].start()

    yield after_request
    for thread in watching:
        thread.join(timeout=10)
