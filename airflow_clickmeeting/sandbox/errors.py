"""Build the error objects of ClickMeeting's API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from airflow_clickmeeting.sandbox.forms import Form, text

INVALID = "VALIDATION_ERRORS"
REQUIRED = "This field is required."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class ApiError(Exception):
    """Make the API respond with an error object. `errors` has a (name, message) pair for each error.

    `status` is the HTTP status; by default it is the code.
    """

    def __init__(self, code: int, name: str, errors: Sequence[tuple[str | int, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors))
        self.code = self.status = code
        self.name = name
        self.errors = errors

    def body(self, *, code_as_string: bool = False) -> dict[str, Any]:
        """Return the error object as the API sends it."""
        return {
            "code": str(self.code) if code_as_string else self.code,
            "name": self.name,
            "errors": [{"name": name, "message": message} for name, message in self.errors],
        }


def plain(code: int, message: str | None = None, name: str | None = None) -> ApiError:
    """Return an error with one message. Its default name is that of the HTTP status."""
    try:
        status = HTTPStatus(code)
    except ValueError:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    name = name or status.name
    return ApiError(code, name, [(name, message or f"{status.phrase}.")])


def not_found(what: str = "Meeting room") -> ApiError:
    """Return the error 404 for an object that does not exist."""
    return plain(404, f"{what} not found.")


def invalid(message: str, field: str = INVALID) -> ApiError:
    """Return the error 422 for an invalid value, which may be that of a field."""
    return ApiError(422, INVALID, [(field, message)])


def invalid_dates(message: str) -> ApiError:
    """Return the error 400 for an invalid date."""
    return plain(400, message, "INVALID_DATES")


def require(form: Form, *names: str | int) -> None:
    """Raise the error 422 if a parameter is missing or empty."""
    if missing := [(name, REQUIRED) for name in names if not text(form, str(name))]:
        raise ApiError(422, INVALID, missing)


def require_address(email: str) -> None:
    """Raise the error 422 if a text is not an e-mail address."""
    if not _EMAIL.fullmatch(email):
        raise invalid("E-mail address is not valid.")
