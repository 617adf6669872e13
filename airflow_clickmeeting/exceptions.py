"""Airflow's exceptions for what can go wrong with ClickMeeting.

They are `AirflowException`s, since sensors treat only those softly. Wrong arguments are `ValueError`s instead.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Self

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_clickmeeting.api.errors import ApiError, Kind


class ClickMeetingError(AirflowException):
    """ClickMeeting did not do what it was asked to.

    :param problem: what it said.
    :param operation: what it was asked.
    :param conn_id: the connection used.
    :param path: the path asked for, which names the room.
    """

    def __init__(self, problem: ApiError, operation: str = "", conn_id: str = "", path: str = "") -> None:
        self.problem = problem
        self.operation = operation
        self.conn_id = conn_id
        self.path = path
        where = ", ".join([path] * bool(path) + [f"connection {conn_id!r}"] * bool(conn_id))
        super().__init__(f"{operation}{': ' * bool(operation)}{problem.message}{f' ({where})' if where else ''}")

    @property
    def code(self) -> int | None:
        """The error object's code, else the HTTP status."""
        return self.problem.code

    @property
    def name(self) -> str | None:
        """ClickMeeting's own name for it, such as `INVALID_DATES`."""
        return self.problem.name

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """Messages per parameter, or per number of a registration field."""
        return self.problem.fields

    @property
    def retry_after(self) -> float | None:
        """Seconds that ClickMeeting asks to wait."""
        return self.problem.retry_after

    @property
    def may_have_worked(self) -> bool:
        """Whether what was asked may be done all the same: no answer came, or one that says nothing of it."""
        return not self.problem.no_effect and self.problem.kind in ("connection", "server", "unexpected")

    def adding(self, more: str) -> Self:
        """Return the same error with more in its message."""
        longer = replace(self.problem, message=f"{self.problem.message}; {more}")
        return type(self)(longer, self.operation, self.conn_id, self.path)

    def __reduce__(self) -> tuple[type[ClickMeetingError], tuple[ApiError, str, str, str]]:
        return type(self), (self.problem, self.operation, self.conn_id, self.path)


class AuthenticationError(ClickMeetingError):
    """The key is wrong, or may not do this (401, 403)."""


class NotFoundError(ClickMeetingError):
    """The room, session or file is not there, or not any more (404)."""


class ValidationError(ClickMeetingError):
    """ClickMeeting refused an argument (400, 409, 422); `fields` says which."""


class RateLimitedError(ClickMeetingError):
    """Too many requests (429); `retry_after` says for how long."""


class ServerError(ClickMeetingError):
    """ClickMeeting failed (5xx)."""


class ConnectionFailedError(ClickMeetingError):
    """No answer came: the connection was not made, or the answer was lost on the way."""


class UnexpectedAnswerError(ClickMeetingError):
    """The answer is not what this operation gives: no JSON, another shape, or a redirection."""


class RoomExistsError(ClickMeetingError):
    """A room is there that must not be, or several are, of which only the author can know the one that is meant."""


class DeletionRefusedError(AirflowFailException):
    """A safety check blocks a deletion, so it was not sent. A retry would find the same, so Airflow makes none."""


# what may be wrong with one room; a wrong key or a dead network is wrong with all of them
OF_ONE_ROOM = (NotFoundError, ValidationError, UnexpectedAnswerError, ServerError)

_BY_KIND: Mapping[Kind, type[ClickMeetingError]] = {
    "authentication": AuthenticationError,
    "not_found": NotFoundError,
    "validation": ValidationError,
    "rate_limited": RateLimitedError,
    "server": ServerError,
    "connection": ConnectionFailedError,
    "unexpected": UnexpectedAnswerError,
    "other": ClickMeetingError,
}


def error_for(problem: ApiError, operation: str, conn_id: str, path: str = "") -> ClickMeetingError:
    """Return the exception of the problem's kind."""
    return _BY_KIND[problem.kind](problem, operation, conn_id, path)


def error_to_json(error: Exception) -> dict[str, Any]:
    """Return an exception as plain JSON, from which `error_from_json` makes it again; of others only the traceback."""
    if not isinstance(error, ClickMeetingError):
        return {"traceback": "".join(traceback.format_exception(error))}
    place = {"operation": error.operation, "conn_id": error.conn_id, "path": error.path}
    return {"problem": asdict(error.problem), **place}


def error_from_json(data: Mapping[str, Any]) -> Exception:
    """Return the exception that was made plain JSON."""
    if "traceback" in data:
        return RuntimeError(f"It failed in the triggerer:\n{data['traceback']}")
    return error_for(ApiError(**data["problem"]), data["operation"], data["conn_id"], data["path"])
