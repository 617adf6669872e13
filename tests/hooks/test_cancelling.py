"""A task that is cancelled while its request is under way ends, also if a library below takes the cancellation away."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook


@pytest.fixture
def lost_cancellation(mocker) -> None:
    """Cancel each task that sends a request, and take the cancellation away, as anyio 4.12 at times does."""
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def lose_the_cancellation(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return await send(transport, request)
        raise AssertionError("the task was not cancelled")

    mocker.patch.object(httpx.AsyncHTTPTransport, "handle_async_request", lose_the_cancellation)


@pytest.mark.usefixtures("lost_cancellation")
def test_a_cancellation_is_not_lost(sandbox):
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ClickMeetingAsyncHook().ping())
    assert sandbox.count("ping") == 1


def test_a_task_may_still_send_requests_when_it_handles_its_cancellation(sandbox):
    async def clean_up() -> None:
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await ClickMeetingAsyncHook().ping()
            raise

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(clean_up())
    assert sandbox.count("ping") == 1
