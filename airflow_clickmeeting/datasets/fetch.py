"""Several requests at a time, whose answers come in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.exceptions import OF_ONE_ROOM, ClickMeetingError, first_few
from airflow_clickmeeting.parallel import OrderedExecutor

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook, Unread


T = TypeVar("T")

NO_REGISTRATION = "REGISTRATION_DISABLED"


class Fetcher(OrderedExecutor):
    """Asks ClickMeeting for lists, several at a time.

    :param hook: the account.
    :param max_parallel: how many requests at a time.
    :param skipped: gets what is wrong with one room.
    """

    def __init__(self, hook: ClickMeetingHook, max_parallel: int, skipped: Skipped) -> None:
        hook.get_conn()  # reads the connection, which only this thread may ask Airflow for
        super().__init__(max_parallel)
        self.hook = hook
        self.skipped = skipped

    def begin(self, call: Call[list[T]]) -> Future[Unread[T]]:
        """Have a thread make a call."""
        return self.start(self.hook.fetched, call)

    def answers(
        self, asked: Iterable[tuple[RoomOrSession, Call[list[T]]]]
    ) -> Iterator[tuple[RoomOrSession, Iterable[T] | None]]:
        """Make a call for each place, and yield the answers in the same order; a bad one is None."""
        for place, answer in self.ordered((place, self.begin(call)) for place, call in asked):
            yield place, self.read(place, answer)

    def read(self, place: RoomOrSession, answer: Future[Unread[Any]]) -> Iterable[Any] | None:
        """Wait for an answer and return its items; None, and a note, where it is bad."""
        try:
            return answer.result()()
        except OF_ONE_ROOM as error:
            if registration_is_off(error):
                return []
            self.skipped.add(place, error)
            return None


def registration_is_off(error: ClickMeetingError) -> bool:
    """Tell whether a room has no registrations, rather than something wrong with it."""
    return NO_REGISTRATION in {error.name, *error.fields}


MAX_FAILURES_KEPT = 100


class Skip(TypedDict):
    """One thing that was left out: whose it is, and why; without a session it concerns the whole room."""

    room_id: int
    session_id: int | None
    why: str


class Skipped:
    """What was left out: the first hundred, and how many in all.

    :param warn: writes to the log.
    """

    def __init__(self, warn: Callable[..., object]) -> None:
        self._warn = warn
        self._error: ClickMeetingError | None = None
        self.kept: list[Skip] = []
        self.count = 0

    def add(self, place: RoomOrSession, why: str | Exception) -> None:
        """Note something, and tell the log."""
        self.count += 1
        if isinstance(why, ClickMeetingError):
            self._error = why
        if self.count > MAX_FAILURES_KEPT:
            return
        self.kept.append({"room_id": place.room_id, "session_id": place.session_id, "why": str(why)})
        self._warn("Skipped: %s", _named(self.kept[-1]))
        if self.count == MAX_FAILURES_KEPT:
            self._warn("What else is skipped is only counted")

    def failure(self, *, alone: bool) -> Exception:
        """Return what a task fails with.

        :param alone: nothing else was asked for, so that the error is told as it is.
        """
        if alone and self._error and self.count == 1:
            return self._error
        first = first_few([*map(_named, self.kept)], count=self.count)
        return AirflowException(
            f"Skipped {self.count}, and all else is done: {first}. "
            "Another try does everything again; fail_on_skipped=False would let it be."
        )


def _named(skip: Skip) -> str:
    session = "" if skip["session_id"] is None else f", session {skip['session_id']}"
    return f"room {skip['room_id']}{session}: {skip['why']}"
