"""Describe one request to ClickMeeting as a value; sending it is the work of the hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Generic, Literal, TypeVar

from airflow_clickmeeting.api.errors import Kind

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT", "DELETE"]


def identity(data: Any) -> Any:
    """Return a decoded response as it is."""
    return data


@dataclass(frozen=True)
class Upload:
    """A file to upload.

    :param name: the file's name on ClickMeeting.
    :param size: its size in bytes.
    :param open: a function that opens the file for reading; each attempt to send it calls the function again.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request to ClickMeeting, and how to read its response.

    :param method: the HTTP method.
    :param path: the path below the API's URL, without a leading slash.
    :param query: the parameters of the query string; `None` values are left out.
    :param form: the body, as dicts and lists that may be nested, see `http.php_pairs`; `None` values are left out.
    :param upload: a file to send instead of a form.
    :param read: a function that takes the decoded response and returns the call's result.
    :param repeatable: whether the request may be sent again after its response was lost; by default only a GET may.
    :param raw: whether the response is a file instead of JSON.
    :param treat_as: results to return instead of an error, by the error's kind, such as False for the error "not
        found" of a deletion.
    :param empty_if_ok: another call, for a list for which ClickMeeting returns "not found" if it is empty. If the other
        call succeeds, the room exists and the result is an empty list; otherwise the other call's error is raised.
    :param name: the name of the operation, for logs and errors.
    :param warning: what the hook logs as a warning when it sends the request.
    """

    method: Method
    path: str
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    form: Mapping[str, Any] = field(default_factory=dict, repr=False)
    upload: Upload | None = field(default=None, repr=False)
    read: Callable[[Any], T] = field(default=identity, repr=False)
    repeatable: bool | None = None
    raw: bool = False
    treat_as: Mapping[Kind, T] = field(default_factory=dict, repr=False)
    empty_if_ok: Call[Any] | None = field(default=None, repr=False)
    name: str = ""
    warning: str | None = field(default=None, repr=False)

    def __hash__(self) -> int:
        # equal calls share a response, so they need a hash, but the dicts of query and form have none
        return hash((self.method, self.path))

    @property
    def title(self) -> str:
        """The operation's name, or the method and the path if the call has no name."""
        return self.name or f"{self.method} {self.path}"

    @property
    def is_repeatable(self) -> bool:
        """Whether the request may be sent again although the first one may have had its effect."""
        return self.method == "GET" if self.repeatable is None else self.repeatable


def batches(total: int, size: int) -> Iterator[int]:
    """Yield the sizes of the batches that make up a total: 2500 with the size 1000 gives 1000, 1000, 500."""
    while total > 0:
        yield min(total, size)
        total -= size
