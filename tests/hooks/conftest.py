"""Both hooks behind one adapter, so that each behaviour is written once and proved for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.settings import Settings
    from airflow_clickmeeting.sandbox.handle import Sandbox


class Worker:
    """The hook of the workers."""

    def __init__(self, conn_id: str) -> None:
        self.hook = ClickMeetingHook(conn_id)

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.hook, operation)(*args, **kwargs)

    def run(self, call: Call[Any]) -> Any:
        return self.hook.run(call)

    def rooms(self, status: str = "active", most: int | None = None) -> Any:
        return [*islice(self.hook.iter_conferences(status), most)]

    @property
    def settings(self) -> Settings:
        return self.hook.settings


class Triggerer:
    """The hook of the triggerer, awaited in an event loop of its own."""

    def __init__(self, conn_id: str, loop: asyncio.Runner) -> None:
        self.hook = ClickMeetingAsyncHook(conn_id)
        self.loop = loop

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return self.loop.run(getattr(self.hook, operation)(*args, **kwargs))

    def run(self, call: Call[Any]) -> Any:
        return self.loop.run(self.hook.run(call))

    def rooms(self, status: str = "active", most: int | None = None) -> Any:
        async def walk() -> Any:
            found = []
            async for room in self.hook.iter_conferences(status):
                found.append(room)
                if len(found) == most:
                    break
            return found

        return self.loop.run(walk())

    @property
    def settings(self) -> Settings:
        return self.loop.run(self.hook.get_settings())


Client = Worker | Triggerer


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["requests", "httpx"])
def client_of(request: pytest.FixtureRequest) -> Callable[..., Client]:
    """Make a client for a connection id."""

    def client_of(conn_id: str = "clickmeeting_default") -> Client:
        if request.param == "requests":
            return Worker(conn_id)
        return Triggerer(conn_id, request.getfixturevalue("loop"))

    return client_of


@pytest.fixture
def sandbox(clickmeeting_sandbox: Sandbox) -> Sandbox:
    return clickmeeting_sandbox


@pytest.fixture
def client(sandbox: Sandbox, client_of: Callable[..., Client]) -> Client:
    """One hook and then the other, connected to the sandbox."""
    return client_of()


@pytest.fixture
def hook(sandbox: Sandbox) -> ClickMeetingHook:
    return ClickMeetingHook()


@pytest.fixture
def room(sandbox: Sandbox) -> dict[str, Any]:
    """An open webinar with registration that begins in an hour."""
    return sandbox.add_room(name="Talk", registration={"enabled": 1})
