"""Define the exceptions of the provider.

All of them are subclasses of Airflow's `AirflowException`, because a sensor's `soft_fail` works only with those. A
retry would meet the errors with an asterisk again, so they are also `AirflowFailException`s, after which Airflow does
not retry a task.

    AirflowException
    |-- ClickMeetingError             any error of a request; the base of those below
    |   |-- AuthenticationError       401: the API key is wrong
    |   |   `-- ForbiddenError *      403: the API key is not allowed to do this, or a limit of the account is reached
    |   |-- NotFoundError *           404: the room, session or file does not exist
    |   |-- ValidationError *         400, 409, 422: ClickMeeting rejected an argument
    |   |-- RateLimitedError          429: too many requests
    |   |-- ServerError               5xx: ClickMeeting failed
    |   |-- ConnectionFailedError     no response
    |   |-- UnexpectedAnswerError     a response that the provider cannot read
    |   `-- RoomExistsError *         a room exists already, or several rooms match
    `-- AirflowFailException
        |-- DeletionRefusedError *    a safety check blocks a deletion
        `-- WrongArgumentError *      the provider rejected an argument of an operator or sensor; also a ValueError

The hooks and everything below them reject an argument with a `ValueError`, before any request is sent. Operators and
sensors raise it as a `WrongArgumentError`.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Self

from airflow_clickmeeting.api.errors import ApiError, Kind
from airflow_clickmeeting.compat import AirflowException, AirflowFailException

__all__ = [
    "OF_ONE_ROOM",
    "AuthenticationError",
    "ClickMeetingError",
    "ConnectionFailedError",
    "DeletionRefusedError",
    "ForbiddenError",
    "NotFoundError",
    "RateLimitedError",
    "RoomExistsError",
    "ServerError",
    "UnexpectedAnswerError",
    "ValidationError",
    "WrongArgumentError",
    "error_for",
    "error_from_json",
    "error_to_json",
    "summary_of",
]


#: how a message ends after the word of what to do
CLEAR = "then clear this task."


class ClickMeetingError(AirflowException):
    """Base of all errors of requests to ClickMeeting; raised itself for errors of no other kind.

    The message has the operation, ClickMeeting's own message, the path and the connection, which together are
    `summary`; and then what to do, which is `cure`.

    :param problem: the error that was read from the response, or the reason why there is none.
    :param operation: the name of the operation, such as `get_conference`.
    :param conn_id: the Airflow connection.
    :param path: the path of the request, which has the room's id.
    """

    #: what to do, unless the `problem` knows better; in the form of `ApiError.cure`
    CURE: ClassVar[str] = "Correct what the message names"

    def __init__(self, problem: ApiError, operation: str = "", conn_id: str = "", path: str = "") -> None:
        self.problem = problem
        self.operation = operation
        self.conn_id = conn_id
        self.path = path
        where = ", ".join([path] * bool(path) + [f"connection {conn_id!r}"] * bool(conn_id))
        #: what happened, for a place where somebody else says what to do, such as a list of failures
        self.summary = f"{operation}{': ' * bool(operation)}{problem.message}{f' ({where})' if where else ''}"
        super().__init__(f"{self.summary.rstrip('.')}. {self.cure}, {CLEAR}")

    @property
    def cure(self) -> str:
        """What to do before the task is cleared, as an imperative without a full stop."""
        connection = f"connection {self.conn_id!r}" if self.conn_id else "the connection"
        return (self.problem.cure or self.CURE).replace("{connection}", connection)

    @property
    def explanation(self) -> str:
        """What happened and what to do, for a place in which there is no task to clear."""
        return f"{self.summary.rstrip('.')}. {self.cure}."

    @property
    def code(self) -> int | None:
        """The code of ClickMeeting's error object, or else the HTTP status; None without a response."""
        return self.problem.code

    @property
    def name(self) -> str | None:
        """ClickMeeting's name of the error, such as `INVALID_DATES`; None if the response has none."""
        return self.problem.name

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """The messages for each wrong parameter, or for each number of a registration field."""
        return self.problem.fields

    @property
    def retry_after(self) -> float | None:
        """The seconds that ClickMeeting asks to wait; None if it does not say."""
        return self.problem.retry_after

    @property
    def may_have_worked(self) -> bool:
        """Whether ClickMeeting may have processed the request although it failed.

        This is so without a response, and with a response that does not say whether the request was processed.
        """
        return not self.problem.no_effect and self.problem.kind in ("connection", "server", "unexpected")

    def adding(self, more: str) -> Self:
        """Return a copy of the error with `more` at the end of ClickMeeting's message."""
        extended = replace(self.problem, message=f"{self.problem.message}; {more}")
        return type(self)(extended, self.operation, self.conn_id, self.path)

    def retryable(self, more: str, cure: str = "Wait until ClickMeeting has it") -> ClickMeetingError:
        """Return an error that Airflow retries, with `more` at the end of ClickMeeting's message, and another cure."""
        message = f"{self.problem.message.rstrip('.')}; {more}"
        extended = replace(self.problem, kind="other", message=message, cure=cure)
        return ClickMeetingError(extended, self.operation, self.conn_id, self.path)

    def __reduce__(self) -> tuple[type[ClickMeetingError], tuple[ApiError, str, str, str]]:
        return type(self), (self.problem, self.operation, self.conn_id, self.path)


class AuthenticationError(ClickMeetingError):
    """The API key is wrong (401), which somebody may correct before a retry."""

    CURE = "Change the key in {connection}"


class ForbiddenError(AuthenticationError, AirflowFailException):
    """The API key is not allowed to do this, or a limit of the account is reached (403)."""

    CURE = "Give the account of {connection} the right or the higher limit, or change the key"


class NotFoundError(ClickMeetingError, AirflowFailException):
    """The room, session or file does not exist, or was deleted (404)."""

    CURE = "Correct the id, or use the connection of the account that has it"


class ValidationError(ClickMeetingError, AirflowFailException):
    """ClickMeeting rejected an argument (400, 409, 422); `fields` has the messages for each argument."""

    CURE = "Correct what ClickMeeting rejects"


class RateLimitedError(ClickMeetingError):
    """ClickMeeting received too many requests (429); `retry_after` has the seconds to wait."""

    CURE = "Wait, or set a lower max_requests_per_second in the extra of {connection}"


class ServerError(ClickMeetingError):
    """ClickMeeting failed to process the request (5xx)."""

    CURE = "Wait until ClickMeeting works again"


class ConnectionFailedError(ClickMeetingError):
    """There was no response: no connection, a timeout, or a connection that broke before the end of the response."""

    CURE = "Check the network, and the host and proxies of {connection}"


class UnexpectedAnswerError(ClickMeetingError):
    """The provider cannot read the response: it is not JSON, has another shape, or is a redirect."""

    CURE = "Check the host of {connection}, or report this message to the provider's maintainers"


class RoomExistsError(ClickMeetingError, AirflowFailException):
    """A room exists that must not exist, or several rooms match and only the DAG's author knows which one is meant."""


class DeletionRefusedError(AirflowFailException):
    """A safety check blocks a deletion, so the request was not sent.

    Airflow does not retry the task, because a retry would find the same.
    """


class WrongArgumentError(ValueError, AirflowFailException):
    """The provider rejected an argument of an operator or a sensor; the message names it and says what it must be."""

    def __str__(self) -> str:
        return f"{super().__str__().rstrip('.')}. Correct this, {CLEAR}"


# Errors that may concern one room only, so that a task can continue with the others. A wrong key, a rate limit or a
# lost connection concerns all rooms.
OF_ONE_ROOM = (NotFoundError, ValidationError, UnexpectedAnswerError, ServerError, ForbiddenError)

FORBIDDEN = 403
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
    """Return the exception for an error that the API layer found; its kind decides the class."""
    is_forbidden = (problem.kind, problem.code) == ("authentication", FORBIDDEN)
    return (ForbiddenError if is_forbidden else _BY_KIND[problem.kind])(problem, operation, conn_id, path)


def summary_of(error: BaseException) -> str:
    """Return what happened, without what to do: for a log line or a list in which something else says that."""
    return error.summary if isinstance(error, ClickMeetingError) else str(error)


def error_to_json(error: Exception) -> dict[str, Any]:
    """Return an exception as plain JSON, which is how a trigger hands it to its task.

    `error_from_json` restores a `ClickMeetingError`. Of any other exception only the traceback is kept.
    """
    if not isinstance(error, ClickMeetingError):
        return {"traceback": "".join(traceback.format_exception(error))}
    place = {"operation": error.operation, "conn_id": error.conn_id, "path": error.path}
    return {"problem": asdict(error.problem), **place}


def error_from_json(data: Mapping[str, Any]) -> Exception:
    """Return the exception that `error_to_json` wrote; a `RuntimeError` with the traceback for any other exception."""
    if "traceback" in data:
        cause = data["traceback"].rstrip().rpartition("\n")[2]
        return RuntimeError(
            f"The trigger failed in the triggerer: {cause}. Correct what it names, or report it to the provider's "
            f"maintainers, {CLEAR} Its traceback:\n{data['traceback']}"
        )
    return error_for(ApiError(**data["problem"]), data["operation"], data["conn_id"], data["path"])
