"""The page in a real API server, inside the test's process, with Airflow's own login and a sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from httpx import ASGITransport, AsyncClient
from packaging.version import Version

HOST = "http://localhost:8080"
PAGE = "/clickmeeting/webinars"

Log_in = Callable[[str], Any]


@pytest.fixture(scope="session")
def api_server(airflow_db: None) -> Any:
    """Airflow's own app with the page in it."""
    if Version(airflow_version) < Version("3.1.1"):
        pytest.skip("the API server does not read the cookie of the login")
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture
async def log_in(api_server: Any) -> AsyncIterator[Log_in]:
    """Return a browser with the cookie of a user who has a role; without a role, one that has not logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    async with AsyncExitStack() as stack:

        async def log_in(role: str | None = "op") -> AsyncClient:
            cookies = {}
            if role:
                user = SimpleAuthManagerUser(username=f"test-{role}", role=role)
                cookies["_token"] = get_auth_manager().generate_jwt(user)
            # an error in the page must fail the test, as it would fail the page
            client = AsyncClient(transport=ASGITransport(api_server), base_url=HOST, cookies=cookies, timeout=600)
            return await stack.enter_async_context(client)

        yield log_in


@pytest.fixture
async def browser(log_in: Log_in) -> AsyncClient:
    """The browser of somebody who may read connections."""
    return await log_in("op")
