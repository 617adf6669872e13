"""Several requests at a time, whose answers come in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.exceptions import OF_ONE_ROOM, ClickMeetingError
from airflow_clickmeeting.failures import FailureLog
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
    :param failures: gets what is wrong with one room.
    """

    def __init__(self, hook: ClickMeetingHook, max_parallel: int, failures: FailureLog) -> None:
        hook.get_conn()  # reads the connection, which only this thread may ask Airflow for
        super().__init__(max_parallel)
        self.hook = hook
        self.failures = failures

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
            self.failures.add(error, **place.ids)
            return None


def registration_is_off(error: ClickMeetingError) -> bool:
    """Tell whether a room has no registrations, rather than something wrong with it."""
    return NO_REGISTRATION in {error.name, *error.fields}
