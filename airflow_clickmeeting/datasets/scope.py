"""Define what to read: which rooms, which of their sessions, and which period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.types import Room, Session

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

Interval = tuple[datetime | None, datetime | None]


class RoomOrSession(NamedTuple):
    """The place that data belongs to: a room, with its item of the list of rooms if known, or one of its sessions.

    If sessions count as one event, the place is that of the first one, and `joined` has the others.
    """

    room_id: int
    session_id: int | None = None
    session: Session | None = None
    room: Room | None = None
    joined: tuple[Session, ...] = ()

    @property
    def parts(self) -> list[RoomOrSession]:
        """The places of all sessions of an event; of any other place, itself."""
        others = (self._replace(session_id=each["id"], session=each, joined=()) for each in self.joined)
        return [self._replace(joined=()), *others]

    @property
    def ids(self) -> dict[str, int | None]:
        """The ids of the room and the session, for a failure."""
        return {"room_id": self.room_id, "session_id": self.session_id}


@dataclass(frozen=True)
class Period:
    """A period from `since` on and before `until`; None means no bound."""

    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, since: When | None, until: When | None, interval: Interval) -> Period:
        """Validate an operator's `since` and `until`, and return their period.

        :param interval: the run's data interval, whose start and end are used where `since` and `until` are not given;
            an empty interval means no bounds.
        :raises ValueError: naming the argument and its valid values.
        """
        start, end = interval
        if not (start and end and start < end):
            start = end = None
        found = cls(
            start if since is None else times.instant("since", since),
            end if until is None else times.instant("until", until),
        )
        if found.since and found.until and found.until <= found.since:
            raise ValueError(
                f"until must be later than since; got {found.since.isoformat()} and {found.until.isoformat()}. A cron "
                "schedule gives runs with an empty data interval in Airflow 3: use "
                "schedule=CronDataIntervalTimetable(...), or leave since and until out to read data of all times."
            )
        return found

    @classmethod
    def of_run(cls, since: When | None, until: When | None, context: Context, log: Logger) -> Period:
        """Return the period of an operator's `since` and `until`, or of the run's data interval; log if it has none.

        :raises ValueError: naming the argument and its valid values.
        """
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if since is None and until is None and (None in (start, end) or start == end):
            log.info("This run has no data interval, and neither since nor until is given; reading data of all times")
        return cls.of(since, until, (start, end))

    @property
    def bounded(self) -> bool:
        """Whether the period has at least one bound."""
        return bool(self.since or self.until)

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment is in the period."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Scope:
    """The rooms, the session and the period to read.

    :param rooms: ids, ascending; None means the whole account.
    :param session_id: the only session to read, at whatever time it was.
    :param period: the period to read.
    """

    rooms: tuple[int, ...] | None = None
    session_id: int | None = None
    period: Period = Period()
