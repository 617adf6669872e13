"""Send several requests at a time, and return the responses in the order of the requests."""

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
    """Requests lists from ClickMeeting, several at a time.

    :param hook: the account.
    :param max_parallel: how many requests to send at a time.
    :param failures: gets the errors that concern one room only.
    """

    def __init__(self, hook: ClickMeetingHook, max_parallel: int, failures: FailureLog) -> None:
        hook.get_conn()  # reads the connection from Airflow, which only this thread can do
        super().__init__(max_parallel)
        self.hook = hook
        self.failures = failures

    def start_fetch(self, call: Call[list[T]]) -> Future[Unread[T]]:
        """Start a call in a thread."""
        return self.start(self.hook.fetched, call)

    def fetch(
        self, calls: Iterable[tuple[RoomOrSession, Call[list[T]]]]
    ) -> Iterator[tuple[RoomOrSession, Iterable[T] | None]]:
        """Make a call for each place, and yield the items in the same order; None if the call failed."""
        for place, response in self.ordered((place, self.start_fetch(call)) for place, call in calls):
            yield place, self.read(place, response)

    def read(self, place: RoomOrSession, response: Future[Unread[Any]]) -> Iterable[Any] | None:
        """Wait for a response and return its items; if it is an error of one room, log a failure and return None."""
        try:
            return response.result()()
        except OF_ONE_ROOM as error:
            if registration_is_off(error):
                return []
            self.failures.add(error, **place.ids)
            return None


def registration_is_off(error: ClickMeetingError) -> bool:
    """Return whether an error only says that registration is off, so that the room has no registrations."""
    return NO_REGISTRATION in {error.name, *error.fields}
