"""A session of an hour, room 15:00 to 16:00 in Warsaw, whose people and times are told in minutes after its start.

The fixtures only build values, so that properties can use them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_clickmeeting.attendance.compute import Attendance, attendance_of

START = datetime(2027, 3, 1, 15, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture(scope="session")
def at() -> Callable[[float], str]:
    """The time so many minutes after the start, as ClickMeeting writes it."""
    return lambda minute: (START + timedelta(minutes=minute)).isoformat()


@pytest.fixture(scope="session")
def visit(at) -> Callable[..., dict[str, Any]]:
    """An entry from one minute to another, or without an end."""

    def visit(email: str | None, join: float, leave: float | None = None, **more: Any) -> dict[str, Any]:
        end = None if leave is None else at(leave)
        return {"uid": "1", "role": "listener", "email": email, "start_date": at(join), "end_date": end, **more}

    return visit


@pytest.fixture(scope="session")
def registration() -> Callable[..., dict[str, Any]]:
    """A registration that is bound to no session."""
    return lambda email, **more: {"id": 1, "email": email, "session_id": None, **more}


@pytest.fixture(scope="session")
def attend(at) -> Callable[..., Attendance]:
    """Who was at the session 7, of its entries and the room's registrations; options are those of `attendance_of`."""

    def attend(
        *visits: Mapping[str, Any], registrations: Any = (), session: Mapping[str, Any] | None = None, **options: Any
    ) -> Attendance:
        held: Any = {"id": 7, "start_date": at(0), "end_date": at(60), **(session or {})}
        return attendance_of(held, visits, registrations, **options)

    return attend
