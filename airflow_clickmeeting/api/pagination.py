"""Which page of rooms to ask for next, and what on it is new (reference 1.7)."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_clickmeeting.api import calls, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room

STATUSES = {"active": ("active",), "inactive": ("inactive",), "all": ("active", "inactive")}


class RoomPages:
    """A walk over all pages; it asks for a `call` and takes the page that answers it.

    ClickMeeting tells no end: a page that is short, or brings nothing new, is the last one. Active rooms come
    before inactive ones, so that a room that ends meanwhile is not missed, and no room comes twice.
    """

    def __init__(self, status: str = "active") -> None:
        self._statuses: Iterator[str] = iter(STATUSES[validate.one_of("status", status, STATUSES)])
        self._seen: set[int] = set()
        self._next_status()

    def _next_status(self) -> None:
        self._status = next(self._statuses, None)
        self._page = 1
        self._seen_of_status: set[int] = set()

    @property
    def call(self) -> Call[list[Room]] | None:
        """What to ask for next; None at the end."""
        return calls.list_conferences(self._status, page=self._page) if self._status else None

    def take(self, page: list[Room]) -> list[Room]:
        """Take the answer, and return the rooms that had not come before."""
        ids = {room["id"] for room in page}
        if len(page) < calls.PAGE_SIZE or ids <= self._seen_of_status:
            self._next_status()
        else:
            self._page += 1
            self._seen_of_status |= ids
        new = [room for room in page if room["id"] not in self._seen]
        self._seen |= ids
        return new
