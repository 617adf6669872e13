"""Page through the list of rooms: which page to request next, and which of its rooms are new."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_clickmeeting.api import calls, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room

STATUSES = {"active": ("active",), "inactive": ("inactive",), "all": ("active", "inactive")}


class RoomPages:
    """The pages of the list of rooms. The caller sends each `call`, and passes the response to `take`.

    ClickMeeting does not say how many pages there are. A page with fewer than 250 rooms, or without new rooms, is the
    last one. Active rooms are requested before inactive ones, so that a room that becomes inactive meanwhile is not
    missed. Each room is returned once.

    :param status: `active`, `inactive` or `all`.
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
        """The request for the next page; None after the last page."""
        return calls.list_conferences(self._status, page=self._page) if self._status else None

    def take(self, page: list[Room]) -> list[Room]:
        """Record the page that `call` returned, and return those of its rooms that no page before had."""
        ids = {room["id"] for room in page}
        if len(page) < calls.PAGE_SIZE or ids <= self._seen_of_status:
            self._next_status()
        else:
            self._page += 1
            self._seen_of_status |= ids
        new = [room for room in page if room["id"] not in self._seen]
        self._seen |= ids
        return new
