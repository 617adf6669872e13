"""Operators run for real, against the sandbox over HTTP: each by itself here, as tasks of a DAG in `test_base`."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from pytest_mock import MockerFixture

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.handle import Sandbox

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox(clickmeeting_sandbox: Sandbox) -> Sandbox:
    """An empty account, in which it is noon of 1 February 2027 until a test moves the clock."""
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOON)
    return clickmeeting_sandbox


@pytest.fixture
def run(sandbox: Sandbox) -> Callable[..., Any]:
    """Execute an operator as a task does, and return its result, which XCom can keep as it is."""

    def run(operator: type, **arguments: Any) -> Any:
        result = operator(task_id="task", **arguments).execute({})
        assert json.loads(json.dumps(result)) == result
        return result

    return run


@pytest.fixture
def refusal(run: Callable[..., Any], sandbox: Sandbox) -> Callable[..., str]:
    """Execute an operator that refuses an argument before anything is sent; return why, without what to do."""

    def refusal(operator: type, **arguments: Any) -> str:
        sandbox.forget_requests()
        with pytest.raises(ValueError) as error:
            run(operator, **arguments)
        assert sandbox.count() == 0
        assert str(error.value).endswith("hen clear this task.")
        return str(error.value.args[0])

    return refusal


@pytest.fixture
def told_by(
    run: Callable[..., Any], mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> Callable[..., tuple[Any, str]]:
    """Execute an operator, and return its result and what a person on call reads in the task's log."""
    log = logging.getLogger("task")
    mocker.patch.object(ClickMeetingHook, "log", log)

    def told_by(operator: type, **arguments: Any) -> tuple[Any, str]:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            result = run(type(operator.__name__, (operator,), {"log": log}), **arguments)
        lines = [text for name, _, text in caplog.record_tuples if name == "task" and "Task Runner" not in text]
        return result, "\n".join(lines)

    return told_by


@pytest.fixture
def room_in(sandbox: Sandbox) -> Callable[[int], dict[str, Any]]:
    """Look up what the account holds of a room."""

    def room_in(room_id: int) -> dict[str, Any]:
        (found,) = [room for room in sandbox.state["rooms"] if room["id"] == room_id]
        return found

    return room_in


@pytest.fixture
def room_id(sandbox: Sandbox) -> int:
    """An open webinar with registration, in which nothing has happened yet."""
    return sandbox.add_room(name="Talk", registration={"enabled": 1})["id"]


@pytest.fixture
def token_room_id(sandbox: Sandbox) -> int:
    return sandbox.add_room(name="Members", access_type=3, registration={"enabled": 1})["id"]


class Finished(NamedTuple):
    """A webinar of yesterday: Ada had registered, came and came back; there are a recording and a chat."""

    room_id: int
    session_id: int
    recording_id: int

    @property
    def session(self) -> dict[str, int]:
        return {"room_id": self.room_id, "session_id": self.session_id}


@pytest.fixture
def finished(sandbox: Sandbox, register: Callable[..., Any]) -> Finished:
    start = NOON - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start, registration={"enabled": 1})["id"]
    register(room_id)
    session_id = sandbox.play(
        room_id,
        start=start,
        end=start + timedelta(hours=1),
        attendees=[
            {"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (25, 60)]},
            {"email": "bob@example.com", "nickname": "Bob", "role": "presenter"},
        ],
        chat=[{"nickname": "Ada", "message": "Hello", "at": 5}],
    )
    recording_id = sandbox.add_recording(room_id, size=3_000_000, duration=3600)
    sandbox.forget_requests()
    return Finished(room_id, session_id, recording_id)


@pytest.fixture
def register(run: Callable[..., Any]) -> Callable[..., Any]:
    """Register somebody for a room, with more fields if the room has them."""
    from airflow_clickmeeting.operators.registrations import ClickMeetingRegisterParticipantOperator

    def register(room_id: int, email: str = "ada@example.com", **more: Any) -> Any:
        fields = {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": email}
        return run(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration=fields, **more)

    return register


@pytest.fixture(autouse=True)
def memory() -> None:
    """Stands in for a bucket; Airflow itself has no such storage."""
    attach("memory", fs=MemoryFileSystem())


@pytest.fixture(params=["file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """A folder on a disk and in memory, which is not there yet."""
    address = {"file": f"file://{tmp_path}", "memory": f"memory://{uuid.uuid4().hex}"}[request.param]
    return str(ObjectStoragePath(f"{address}/some/where"))  # as this Airflow writes it


@pytest.fixture
def content() -> Callable[[str], bytes]:
    def content(path: str) -> bytes:
        with ObjectStoragePath(path).open("rb") as file:
            return file.read()

    return content
