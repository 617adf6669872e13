"""Fixtures for tests that send plain HTTP requests to the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox

HOUR = timedelta(hours=1)


@pytest.fixture
def sandbox(clickmeeting_sandbox: Sandbox) -> Sandbox:
    return clickmeeting_sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=sandbox.url, headers={"X-Api-Key": sandbox.api_key}, trust_env=False, verify=False, timeout=600
    ) as client:
        yield client


@pytest.fixture
def room(sandbox: Sandbox) -> int:
    """Return the id of an open webinar with registration that starts in an hour."""
    return sandbox.add_room(name="Webinar", registration={"enabled": 1})["id"]


@pytest.fixture
def token_room(sandbox: Sandbox) -> int:
    return sandbox.add_room(name="Members only", access_type=3)["id"]


@pytest.fixture
def register(api: httpx.Client):
    def register(room_id: int, email: str = "ada@example.com", **more: object) -> httpx.Response:
        answers = {"registration[1]": "Ada", "registration[2]": "Lovelace", "registration[3]": email}
        return api.post(f"conferences/{room_id}/registration", data={**answers, **more})

    return register


@pytest.fixture
def finished(sandbox: Sandbox) -> tuple[int, int]:
    """Return the ids of a room and its scripted session of yesterday, with a rejoin, a recording and a chat."""
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start, registration={"enabled": 1})["id"]
    session_id = sandbox.play(
        room_id,
        start=start,
        end=start + HOUR,
        attendees=[
            {"email": "hanna@example.com", "nickname": "Hanna", "role": "host"},
            {"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (25, 60)], "rating": 5},
            {"nickname": "Guest", "visits": [(2, 30)]},
        ],
        recordings=[{"size": 3_000_000, "duration": 3500, "ready_after": 60}],
        chat=["Hello", {"at": 5, "email": "ada@example.com", "nickname": "Ada", "message": "Good, day"}],
    )
    return room_id, session_id
