"""What can go wrong, by meaning, as plain data; the exceptions made of it are Airflow's kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "authentication", "not_found", "validation", "rate_limited", "server", "connection", "unexpected", "other"
]

_KINDS: dict[int, Kind] = {
    400: "validation",
    401: "authentication",
    403: "authentication",
    404: "not_found",
    409: "validation",
    422: "validation",
    429: "rate_limited",
}


def kind_of(code: int) -> Kind:
    """Return what an HTTP status, or the `code` of an error object, means."""
    if code >= 500:
        return "server"
    return _KINDS.get(code, "other")


@dataclass(frozen=True)
class ApiError:
    """Why there is no answer.

    :param kind: what it means.
    :param message: for people; secrets are masked in it.
    :param code: the error object's `code`, else the HTTP status; None when there was no answer at all.
    :param name: ClickMeeting's upper-case name for it, where it gave one.
    :param fields: messages per field: a parameter's name, or the number of a registration field.
    :param retry_after: seconds that ClickMeeting asks to wait.
    :param undone: the request certainly had no effect, so that it may be sent again whatever it was.
    """

    kind: Kind
    message: str
    code: int | None = None
    name: str | None = None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_after: float | None = None
    no_effect: bool = False


class ParseError(Exception):
    """An answer is JSON, but not of the shape that the operation promises."""
