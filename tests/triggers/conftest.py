"""Fixtures of the watchers' tests: an account whose clock stands still at noon, and a triggerer like Airflow's."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import pytest
from pytest_mock import MockerFixture

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.triggers.feeds import Snapshot
from airflow_clickmeeting.triggers.health import KEY as HEALTH

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from airflow_clickmeeting.sandbox.handle import Sandbox

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTERVAL = 0.02
MAX_WAIT = 120

# from 3.3 on Airflow shares streams, and stores cursors
SHARES = find_spec("airflow.triggers.shared_stream") is not None
collect_ignore = [] if SHARES else ["test_shared_stream.py"]


async def until(holds: Callable[[], Any]) -> Any:
    """Wait until something holds, and return it."""
    async with asyncio.timeout(MAX_WAIT):
        while True:
            if found := holds():
                return found
            await asyncio.sleep(0.01)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until something holds, and return it."""
    return until


@pytest.fixture
def sandbox(clickmeeting_sandbox: Sandbox, connect: Callable[..., str], mocker: MockerFixture) -> Sandbox:
    """An empty account, to which a failed request is not sent again."""
    mocker.patch("airflow_clickmeeting.waiting.polling.FIRST_PAUSE_AFTER_FAILURE", 0.02)
    mocker.patch("airflow_clickmeeting.waiting.polling.MAX_PAUSE_AFTER_FAILURE", 0.2)
    mocker.patch("airflow_clickmeeting.triggers.watcher.READ_AGAIN", 0.02)
    connect(clickmeeting_sandbox, extra={"max_attempts": 1})
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOON)
    return clickmeeting_sandbox


class Account:
    """What can happen in a ClickMeeting account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def open_room(self, name: str = "Talk", **more: Any) -> int:
        """Make a room that is always open, and with registration."""
        room = {"name": name, "permanent_room": 1, "registration": {"enabled": 1}} | more
        return self.sandbox.add_room(**room)["id"]

    def room_that_starts(self, at: datetime, **more: Any) -> int:
        """Make a room that is scheduled for an hour."""
        return self.sandbox.add_room(starts_at=at.isoformat(), **more)["id"]

    def room_that_was_held(self, at: datetime, **more: Any) -> int:
        """Make a room that is scheduled for an hour, with its session."""
        room_id = self.room_that_starts(at, **more)
        self.sandbox.play(room_id, start=at, end=at + HOUR)
        return room_id

    async def register(self, room_id: int, first: str = "Ada", last: str = "Lovelace") -> None:
        """Register a person, as the room's page does."""
        person = {1: first, 2: last, 3: f"{first}@example.com"}
        await ClickMeetingAsyncHook().register_participant(room_id, registration=person)

    async def everything_happens(self, room_id: int) -> None:
        """Let somebody register, and a session be held and recorded; two hours later it is all over."""
        await self.register(room_id)
        start = self.sandbox.now
        people = [{"email": "ada@example.com", "nickname": "Ada Lovelace"}, {"nickname": "Bob Babbage"}]
        recording = {"size": 5000, "ready_after": 600}
        self.sandbox.play(room_id, start=start, end=start + HOUR, attendees=people, recordings=[recording])
        self.sandbox.advance(2 * HOUR)


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    return Account(sandbox)


class States:
    """Airflow's asset state store: JSON by asset and key.

    :param writes: how many cursors were written.
    :param failures: how many of the next requests for cursors fail.
    :param health: what was written as the health of each asset, in turn.
    :param accepts_health: whether it answers what is written as health; while it is unset, it does not.
    :param refuses_health: whether it refuses what is written as health.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.failures = 0
        self.health: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.health_requests = 0
        self.accepts_health = asyncio.Event()
        self.accepts_health.set()
        self.refuses_health = False

    def __getitem__(self, asset: Any) -> State:
        return self.of(asset.name)

    def of(self, name: str) -> State:
        return State(self, name)

    def reported(self, asset: Asset) -> list[str]:
        """Return the ids of the reported events in the cursors of an asset."""
        rows = [(key, json.loads(row)) for (name, key), row in self.rows.items() if name == asset.name]
        return [f"{event}-{key}" for event, row in rows if event != HEALTH for key in row["reported"]]

    async def write_health(self, asset: str, value: dict[str, Any]) -> None:
        self.health_requests += 1
        await self.accepts_health.wait()
        if self.refuses_health:
            raise ConnectionError("The API server is not there.")
        self.rows[asset, HEALTH] = json.dumps(value)
        self.health[asset].append(value)

    def fail_if_ordered(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("The API server is not there.")


@dataclass
class State:
    """What Airflow keeps for one asset."""

    states: States
    asset: str

    async def aget(self, key: str, default: Any = None) -> Any:
        await asyncio.sleep(0)
        if key != HEALTH:
            self.states.fail_if_ordered()
        row = self.states.rows.get((self.asset, key))
        return json.loads(row) if row else default

    async def aset(self, key: str, value: Any) -> None:
        await asyncio.sleep(0)
        if key == HEALTH:
            await self.states.write_health(self.asset, value)
            return
        self.states.fail_if_ordered()
        self.states.rows[self.asset, key] = json.dumps(value)
        self.states.writes += 1


@dataclass
class Watch:
    """A watcher at work.

    :param trigger: the watcher.
    :param reported: the payloads of its events.
    :param reported_at: at which poll each of them was reported.
    :param polls: how many snapshots it has processed.
    """

    trigger: Any
    reported: list[dict[str, Any]] = field(default_factory=list)
    reported_at: list[int] = field(default_factory=list)
    polls: int = 0
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        fires = self.trigger.filter_shared_stream
        self.trigger.filter_shared_stream = lambda stream: fires(self._counted(stream))

    async def _counted(self, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for snapshot in stream:
            yield snapshot
            self.polls += isinstance(snapshot, Snapshot)

    def receive(self, event: Any) -> None:
        self.reported.append(event.payload)
        self.reported_at.append(self.polls)

    async def polled(self, times: int = 3) -> None:
        """Wait for so many further polls: one may have begun before, and two in a row read the same."""
        wanted = self.polls + times
        await until(lambda: self.polls >= wanted or self._ended())

    async def reports(self, number: int) -> list[dict[str, Any]]:
        """Wait until it has reported so many events, and return them if further polls report no more."""
        await until(lambda: len(self.reported) >= number or self._ended())
        await self.polled()
        assert len(self.reported) == number, self.reported
        return self.reported

    def _ended(self) -> bool:
        assert self.task
        if self.task.done():
            self.task.result()
        return self.task.done()


class Triggerer:
    """Runs watchers, made of their serialized form, and confirms their events.

    :param shares: whether watchers share streams and have a store, as they do from Airflow 3.3 on.
    """

    def __init__(self, *, shares: bool) -> None:
        self.shares = shares
        self.states: States | None = States() if shares else None
        self.confirming = True
        self.unconfirmed: list[int] = []
        self._numbers = count(1)
        self._running: list[asyncio.Task[None]] = []
        self._manager: Any = None

    def start(self) -> None:
        if self.shares:
            import structlog
            from airflow.triggers.shared_stream import SharedStreamManager

            self._manager = SharedStreamManager(log=structlog.get_logger())

    async def watch(self, *assets: Asset, begun: bool = True) -> Any:
        """Run the watchers of assets, and return them once they have begun."""
        watches = []
        for asset in assets:
            path, arguments = asset.watchers[0].trigger.serialize()
            watch = Watch(resolve_name(path)(**json.loads(json.dumps(arguments))))
            watch.trigger.interval = INTERVAL
            watch.trigger.asset_state_store = self.states
            watch.task = asyncio.create_task(self._run(next(self._numbers), watch))
            self._running.append(watch.task)
            watches.append(watch)
        if begun:
            for watch in watches:
                await watch.polled(1)
        return watches if len(watches) > 1 else watches[0]

    async def _run(self, number: int, watch: Watch) -> None:
        trigger = watch.trigger
        if not self.shares:
            async for event in trigger.run():
                watch.receive(event)
            return
        key = trigger.shared_stream_key()
        stream = self._manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            watch.receive(event)
            self.unconfirmed.append(self._manager.bind_pending_event(trigger_id=number, key=key))
            if self.confirming:
                asyncio.get_running_loop().call_soon(self.confirm)

    def confirm(self, most: int | None = None) -> None:
        """Confirm to the streams that Airflow's database holds so many more events, or all."""
        self._manager.confirm_persisted(self.unconfirmed[:most])
        del self.unconfirmed[:most]

    async def kill(self) -> None:
        """End all watchers; what was not confirmed never is."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._manager:
            await self._manager.stop_all()
        self.unconfirmed.clear()

    async def restart(self) -> None:
        await self.kill()
        self.start()


async def running(*, shares: bool) -> AsyncIterator[Triggerer]:
    triggerer = Triggerer(shares=shares)
    triggerer.start()
    yield triggerer
    await triggerer.kill()


@pytest.fixture
async def lone_triggerer(sandbox: Sandbox) -> AsyncIterator[Triggerer]:
    """A triggerer of Airflow 3.1 or 3.2."""
    async for each in running(shares=False):
        yield each


@pytest.fixture
async def sharing_triggerer(sandbox: Sandbox) -> AsyncIterator[Triggerer]:
    """A triggerer of Airflow 3.3."""
    async for each in running(shares=True):
        yield each


@pytest.fixture(params=["alone", "sharing"] if SHARES else ["alone"])
async def triggerer(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Triggerer]:
    """A triggerer of Airflow 3.1 or 3.2, and then one of 3.3."""
    async for each in running(shares=request.param == "sharing"):
        yield each
