"""Page through the list of rooms: which page to request next, and which of its rooms are new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

from airflow_clickmeeting.api import calls, parse, validate
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room

STATUSES = {"active": ("active",), "inactive": ("inactive",), "all": ("active", "inactive")}
#: an account that creates rooms all the time must not keep a walk busy for ever
MAX_RESTARTS = 5


class RoomPages:
    """The pages of the list of rooms. The caller sends each `call`, and passes the response to `take`.

    ClickMeeting does not say how many pages there are. A page with fewer than 250 rooms, or without new rooms, is the
    last one. Each room is returned once.

    A room that is deleted, or becomes active or inactive meanwhile, moves other rooms to pages that were requested
    before. So after the last page all others are requested once more. If one of them has changed, the walk begins
    again.

    :param status: `active`, `inactive` or `all`.
    :param check: whether to request the other pages once more. Turn it off for a list that is read again and again, and
        may miss a room now and then.
    :param skip: called with the reason for each room that cannot be read, which is then left out; without it, such a
        room is an error.
    """

    def __init__(
        self, status: str = "active", skip: Callable[[str], object] | None = None, *, check: bool = True
    ) -> None:
        self._statuses = STATUSES[validate.one_of("status", status, STATUSES)]
        self._check = check
        self._skip = skip and cache(skip)
        self._skipped = 0
        self._seen: set[int] = set()
        #: how often the walk began again
        self.restarts = 0
        self._begin()

    def _begin(self) -> None:
        self._walked: list[tuple[tuple[str, int], set[int]]] = []
        self._to_check: list[tuple[tuple[str, int], set[int]]] | None = None
        self._to_walk: Iterator[str] = iter(self._statuses)
        self._next_status()

    def _next_status(self) -> None:
        self._page = (next(self._to_walk, ""), 1)
        self._seen_of_status: set[int] = set()
        if not self._page[0]:
            self._to_check = self._walked[:-1] if self._check else []

    @property
    def call(self) -> Call[list[Room]] | None:
        """The request for the next page; None after the last page."""
        if self._to_check == []:
            return None
        status, page = self._to_check[0][0] if self._to_check else self._page
        call = calls.list_conferences(status, page=page)
        if self._skip is None:
            return call
        return replace(call, read=replace(parse.rooms, skip=partial(self._skip_room, self._skip)))

    def take(self, page: list[Room]) -> list[Room]:
        """Record the page that `call` returned, and return those of its rooms that no page before had."""
        ids = {room["id"] for room in page}
        new = [room for room in page if room["id"] not in self._seen]
        if self._to_check is not None:
            _, before = self._to_check.pop(0)
            if ids != before and self.restarts < MAX_RESTARTS:
                self.restarts += 1
                self._begin()
        else:
            self._walked.append((self._page, ids))
            if len(page) + self._skipped < calls.PAGE_SIZE or ids <= self._seen_of_status:
                self._next_status()
            else:
                self._page = (self._page[0], self._page[1] + 1)
                self._seen_of_status |= ids
        self._seen |= ids
        self._skipped = 0
        return new

    def _skip_room(self, skip: Callable[[str], object], reason: str) -> None:
        self._skipped += 1
        skip(reason)
