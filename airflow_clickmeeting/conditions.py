"""What can be waited for: which call to make, and a pure test of its answer; sensors and triggers share both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from airflow_clickmeeting.api import calls, times, values
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.shapes import Session
from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.values import Id


@dataclass(frozen=True)
class Condition(ABC):
    """Something about a room that is not so yet.

    A subclass is a frozen dataclass of plain values, so that it travels to the triggerer as JSON.

    :param room_id: the room.
    """

    room_id: Id

    @property
    @abstractmethod
    def call(self) -> Call[Any]:
        """What to ask."""

    @abstractmethod
    def seen(self, answer: Any, now: datetime) -> dict[str, Any] | None:
        """Return what to tell when it is so, else None.

        :param answer: what the call gave; an empty list for a room that has none of it.
        :param now: by ClickMeeting's clock.
        """

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"class": f"{type(self).__module__}.{type(self).__qualname__}", "values": asdict(self)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Condition:
        """Make it of its JSON again."""
        module, _, name = data["class"].rpartition(".")
        condition: Condition = getattr(import_module(module), name)(**data["values"])
        return condition


@dataclass(frozen=True)
class SessionEnded(Condition):
    """A session of the room has ended, and that is so long ago that the reports on it are there.

    Of several it is the first, so that the answer does not depend on when the question is asked.

    :param since: ISO 8601 with an offset; sessions that ended before do not count.
    :param settle: seconds that the end must lie back.
    """

    since: str
    settle: float = 300

    def __post_init__(self) -> None:
        values.identifier("room_id", self.room_id)
        times.instant("since", self.since)
        if self.settle < 0:
            values.refuse("settle", self.settle, "a number of seconds, zero or more")

    @property
    def call(self) -> Call[list[Session]]:
        """List the room's sessions."""
        return calls.list_sessions(self.room_id)

    def seen(self, answer: list[Session], now: datetime) -> dict[str, Any] | None:
        """Return the session: `room_id`, `session_id`, `started_at`, `ended_at`, `total_visitors`, `max_visitors`."""
        ended = sorted((session for session in answer if session.get("end_date")), key=_end)
        earliest, latest = times.instant("since", self.since), now - timedelta(seconds=self.settle)
        for session in ended:
            if earliest <= _end(session) <= latest:
                return {
                    "room_id": int(self.room_id),
                    "session_id": session["id"],
                    "started_at": session.get("start_date"),
                    "ended_at": session.get("end_date"),
                    "total_visitors": session.get("total_visitors"),
                    "max_visitors": session.get("max_visitors"),
                }
        return None


def _end(session: Session) -> datetime:
    return parse(str(session["end_date"]))
