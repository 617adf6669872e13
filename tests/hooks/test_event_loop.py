"""Reading the connection in a coroutine: no blocking request to Airflow on the event loop's thread."""

from __future__ import annotations

import threading

import pytest
from airflow.sdk.execution_time import task_runner

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
from airflow_clickmeeting.ui.account import PageHook


class Supervisor:
    """What a task or the triggerer asks for connections and tells secrets; remembers the threads that it blocked."""

    def __init__(self) -> None:
        self.blocked: list[int] = []

    def send(self, message: object) -> None:
        self.blocked.append(threading.get_ident())

    async def asend(self, message: object) -> None:
        """Take a message that blocks nobody."""


@pytest.mark.parametrize("hook", [ClickMeetingAsyncHook, PageHook])
async def test_the_event_loop_is_never_blocked(hook, connect, mocker):
    """With another request under way, that would be a deadlock: Airflow's issues 71891 and 65286."""
    supervisor = Supervisor()
    mocker.patch.object(task_runner, "SUPERVISOR_COMMS", supervisor, create=True)
    connect(extra={"timeout": 3})
    assert (await hook().get_settings()).timeout == 3
    assert threading.get_ident() not in supervisor.blocked
