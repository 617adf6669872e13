"""One request to ClickMeeting as a value, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Generic, Literal, TypeVar

from airflow_clickmeeting.api.errors import Kind

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT", "DELETE"]


def unchanged(data: Any) -> Any:
    """Return a decoded response unchanged."""
    return data


@dataclass(frozen=True)
class Upload:
    """A file to send.

    :param name: the file's name on ClickMeeting.
    :param size: its size in bytes.
    :param open: opens the file for reading; each attempt calls it again.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Call(Generic[T]):
    """What to request from ClickMeeting, and how to read the response.

    :param method: HTTP method.
    :param path: below the API's URL, without a leading slash.
    :param query: the query string; `None` values are left out.
    :param form: the body, nested dicts and lists as PHP reads them; `None` values are left out.
    :param upload: a file to send instead of a form.
    :param read: returns the result from the decoded response.
    :param repeatable: whether the call may be sent again after its response was lost; by default only a GET may.
    :param raw: whether the response is bytes, not JSON.
    :param treat_as: results that stand for an error of some kind, such as False for a deletion with "not found".
    :param empty_if_ok: for a list that ClickMeeting answers with "not found" if it is empty: a call that succeeds if
        the room exists, so that the list is empty and not missing.
    :param name: the operation, for logs and errors.
    """

    method: Method
    path: str
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    form: Mapping[str, Any] = field(default_factory=dict, repr=False)
    upload: Upload | None = field(default=None, repr=False)
    read: Callable[[Any], T] = field(default=unchanged, repr=False)
    repeatable: bool | None = None
    raw: bool = False
    treat_as: Mapping[Kind, T] = field(default_factory=dict, repr=False)
    empty_if_ok: Call[Any] | None = field(default=None, repr=False)
    name: str = ""

    def __hash__(self) -> int:
        # equal calls share a response, so they need a hash; queries and forms have none
        return hash((self.method, self.path))

    @property
    def title(self) -> str:
        """The operation's name, or for a call of your own its method and path."""
        return self.name or f"{self.method} {self.path}"

    @property
    def is_repeatable(self) -> bool:
        """Whether sending the call a second time does no harm."""
        return self.method == "GET" if self.repeatable is None else self.repeatable


def batches(total: int, most: int) -> Iterator[int]:
    """Split a total into batches of `most` and a rest: 2500 by 1000 is 1000, 1000, 500."""
    while total > 0:
        yield min(total, most)
        total -= most
