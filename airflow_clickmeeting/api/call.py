"""One request to ClickMeeting as a value, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import IO, Any, Generic, Literal, ParamSpec, TypeVar

from airflow_clickmeeting.api.errors import Kind

T = TypeVar("T")
P = ParamSpec("P")
Method = Literal["GET", "POST", "PUT", "DELETE"]


def as_it_is(data: Any) -> Any:
    """Return the decoded answer unchanged."""
    return data


@dataclass(frozen=True)
class Upload:
    """A file to send.

    :param name: the name it gets on ClickMeeting.
    :param size: bytes.
    :param open: opens the file for reading; called anew for each attempt.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Call(Generic[T]):
    """What to ask ClickMeeting, and how to read the answer.

    :param method: HTTP method.
    :param path: below the API's URL, without a leading slash.
    :param query: goes behind the path; `None` values are left out.
    :param form: the body, nested dicts and lists as PHP reads them; `None` values are left out.
    :param upload: a file to send instead of a form.
    :param read: takes the envelope off the decoded answer.
    :param repeatable: whether it may be sent again when its answer was lost; by default only a GET may.
    :param raw: the answer is bytes, not JSON.
    :param forgive: what a problem of some kind is worth as an answer, such as "gone already" for a deletion.
    :param none_if: of a list that ClickMeeting answers with "not found" when there is nothing in it: the call whose
        success tells that from a room that is not there.
    :param name: the operation, for logs and errors.
    """

    method: Method
    path: str
    query: Mapping[str, Any] = field(default_factory=dict, repr=False)
    form: Mapping[str, Any] = field(default_factory=dict, repr=False)
    upload: Upload | None = field(default=None, repr=False)
    read: Callable[[Any], T] = field(default=as_it_is, repr=False)
    repeatable: bool | None = None
    raw: bool = False
    treat_as: Mapping[Kind, T] = field(default_factory=dict, repr=False)
    empty_if_ok: Call[Any] | None = field(default=None, repr=False)
    name: str = ""

    def __hash__(self) -> int:
        # calls that ask the same are equal, so that they can share an answer; queries and forms have no hash
        return hash((self.method, self.path))

    def __post_init__(self) -> None:
        if self.repeatable is None:
            object.__setattr__(self, "repeatable", self.method == "GET")
        if not self.name:
            object.__setattr__(self, "name", f"{self.method} {self.path}")


def operation(build: Callable[P, Call[T]]) -> Callable[P, Call[T]]:
    """Name the calls that `build` makes after it."""

    @wraps(build)
    def named(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        return replace(build(*args, **kwargs), name=build.__name__)

    return named


def batches(total: int, most: int) -> Iterator[int]:
    """Split a number into parts of `most` and a rest: 2500 by 1000 is 1000, 1000, 500."""
    while total > 0:
        yield min(total, most)
        total -= most
