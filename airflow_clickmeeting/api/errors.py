"""Describe errors of requests as plain data, without Airflow.

The hooks raise them as one of `airflow_clickmeeting.exceptions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "authentication", "not_found", "validation", "rate_limited", "server", "connection", "unexpected", "other"
]

_KINDS_BY_CODE: dict[int, Kind] = {
    400: "validation",
    401: "authentication",
    403: "authentication",
    404: "not_found",
    409: "validation",
    422: "validation",
    429: "rate_limited",
}


def kind_of(code: int) -> Kind:
    """Return the kind of error that an HTTP status, or the `code` in an error object, stands for."""
    if code >= 500:
        return "server"
    return _KINDS_BY_CODE.get(code, "other")


@dataclass(frozen=True)
class ApiError:
    """Why a request failed.

    :param kind: the kind of error, which decides the class of the exception.
    :param message: the message for people, in which secrets are masked.
    :param code: the `code` of ClickMeeting's error object, or else the HTTP status; None without a response.
    :param name: ClickMeeting's upper-case name of the error, such as `INVALID_DATES`; None if the response has none.
    :param fields: the messages for each wrong parameter, by its name, or by the number of a registration field.
    :param retry_after: the seconds that ClickMeeting asks to wait; None if it does not say.
    :param no_effect: whether the request certainly had no effect, so that any request may be sent again.
    :param cure: what people do about it, as an imperative without a full stop, in which `{connection}` stands for the
        connection; None leaves it to the class of the exception.
    """

    kind: Kind
    message: str
    code: int | None = None
    name: str | None = None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_after: float | None = None
    no_effect: bool = False
    cure: str | None = None


class LimitError(Exception):
    """A response is larger, or takes longer, than the connection's settings allow.

    :param cure: as in `ApiError`.
    """

    def __init__(self, message: str, cure: str | None = None) -> None:
        super().__init__(message)
        self.cure = cure


class StallError(LimitError):
    """Too little of a download arrives; unlike other limits, another attempt may be faster."""


class ParseError(ValueError):
    """A response is JSON, but it, or a value in it, does not have the shape that the operation expects.

    The hooks raise it as an `UnexpectedAnswerError`.
    """
