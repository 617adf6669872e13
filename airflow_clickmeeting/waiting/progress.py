"""The progress of one sensor's wait: what is counted, how long to pause, and which few lines are logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.waiting.conditions import Condition, Poll
from airflow_clickmeeting.waiting.messages import (
    RoomPlan,
    clean,
    format_counts,
    format_moment,
    format_next,
    format_time_there,
    reason_of,
)
from airflow_clickmeeting.waiting.polling import PollPolicy

#: after how many seconds of waiting a line says that the sensor still waits; after the last one, it says so every hour
HEARTBEATS = (60, 300, 900, 3600)
#: seconds between two lines about changes
MIN_GAP = 60.0
#: how many failures in a row have a line each; after that, only another failure has one, and each heartbeat
MAX_FAILURE_LINES = 10


def next_heartbeat(elapsed: float) -> float:
    """Return after how many seconds of waiting the next heartbeat comes.

    It depends on the time since the first poll only, so a trigger that is restarted keeps the rhythm.
    """
    return next((each for each in HEARTBEATS if each > elapsed), (elapsed // HEARTBEATS[-1] + 1) * HEARTBEATS[-1])


class LineLog(Protocol):
    """What a progress needs of a logger, such as those of `logging` and of Airflow."""

    def log(self, level: int, message: Any, /, *values: Any) -> object:
        """Log a message in which the values replace `%s`."""


@dataclass(slots=True)
class Progress:
    """Counts the polls of one sensor, computes its pauses, and logs what it waits for.

    A line is logged at the first poll, when something changes, but not more than once in a minute, for failures, and as
    a heartbeat. Times are those of the caller's clock, in seconds since 1970.

    :param log: gets the lines.
    :param condition: what is awaited.
    :param poll_policy: the pauses, the deadline and the tolerated failures.
    :param fingerprint: the fingerprint that the poll before returned.
    :param failures: how many polls in a row have failed.
    :param polls: how many polls there were.
    :param failed: how many of them failed.
    :param min_pause: the shortest pause between two polls in seconds.
    """

    log: LineLog
    condition: Condition
    poll_policy: PollPolicy
    fingerprint: str | None = None
    failures: int = 0
    polls: int = 0
    failed: int = 0
    min_pause: float = 0
    #: the room; None if nobody has asked for it yet
    plan: RoomPlan | None = None
    #: what the last poll that worked found
    state: str = ""
    _logged: tuple[str, RoomPlan | None] | None = field(default=None, init=False)
    _logged_at: float = field(default=0, init=False)
    _heartbeat: float = field(default=0, init=False)
    _kind: tuple[type, Any] | None = field(default=None, init=False)

    @property
    def awaited(self) -> str:
        """What is awaited, as a line shows it."""
        return clean(self.condition.description)

    def to_json(self, now: float) -> dict[str, Any]:
        """Return how long the sensor has waited in `seconds`, with `polls`, `failed`, `awaited` and `state`.

        If the room is known, it also returns the `room_url`.
        """
        seconds = round(max(now - self.poll_policy.began, 0), 1)
        counts = {"seconds": seconds, "polls": self.polls, "failed": self.failed}
        room = {"room_url": self.plan.url} if self.plan and self.plan.url else {}
        return {**counts, "awaited": self.awaited, "state": self.state, **room}

    def pause(self, now: float, error: Exception | None = None) -> float:
        """Return the seconds until the next poll; zero if the time is up."""
        pause = min(self.poll_policy.pause(now, self.failures, error), self.poll_policy.remaining(now))
        return pause and max(pause, self.min_pause)

    def tolerates(self, error: Exception) -> bool:
        """Count a poll that failed, and return whether to poll again."""
        self.polls += 1
        self.failed += 1
        self.failures += 1
        return self.poll_policy.tolerates(error, self.failures)

    def after_failure(self, error: Exception, now: float) -> float:
        """Log a failure that is tolerated, and return the pause."""
        pause = self.pause(now, error)
        kind = type(error), getattr(error, "code", None)
        if self.failures <= MAX_FAILURE_LINES or kind != self._kind or self._is_due(now):
            most = self.poll_policy.max_consecutive_failures
            count = f"failure {self.failures} of {most}" if most is not None else f"failure {self.failures} in a row"
            message = "Polling failed, %s: %s. Waiting for %s; %s"
            self._log_line(now, logging.WARNING, message, count, reason_of(error), self.awaited, format_next(pause))
        self._kind = kind
        return pause

    def after_poll(self, poll: Poll, now: float) -> float:
        """Count a poll that worked, log what is worth a line, and return the pause."""
        self.polls += 1
        recovered, self.failures, self._kind = self.failures, 0, None
        self.fingerprint, self.state = poll.fingerprint, poll.state
        if poll.result is not None:
            return 0
        pause = self.pause(now)
        if poll.room is not None:
            self.plan = RoomPlan.of(poll.room)
        found = self.state, self.plan
        changed = found != self._logged and now - self._logged_at >= MIN_GAP
        if recovered or self._is_due(now) or (changed and self._logged and self._logged[1] != self.plan):
            head = f"Polling works again after {recovered} failure{'s' * (recovered > 1)}. " if recovered else ""
            self._log_line(now, logging.INFO, "%s%s", head, self._whole_sentence(poll.now, now, pause))
            self._logged = found
        elif changed:
            message = "Now: %s. Waiting for %s; %s"
            self._log_line(now, logging.INFO, message, self.state, self.awaited, format_next(pause))
            self._logged = found
        return pause

    def unknown_room(self, poll: Poll) -> Call[Room] | None:
        """Return the request for the room that the next line should name; None if there is none, or it is known."""
        is_known = self.plan is not None or poll.room is not None or poll.result is not None
        return None if is_known else self.condition.room_call

    def _whole_sentence(self, there: datetime, now: float, pause: float) -> str:
        local = datetime.fromtimestamp(now, UTC)
        so_far = f", {format_counts(self.to_json(now))}" if self.polls > 1 else ""
        room = f"{self.plan.describe(there)}. " if self.plan and self.plan.name else ""
        deadline = format_moment(datetime.fromtimestamp(self.poll_policy.deadline, UTC))
        now_there = f"Now: {self.state}; {format_time_there(there, local, self.plan)}. "
        ahead = f"{format_next(pause).capitalize()}; the timeout is at {deadline}"
        return f"Waiting for {self.awaited}{so_far}. {room}{now_there}{ahead}"

    def _is_due(self, now: float) -> bool:
        return now - self.poll_policy.began >= self._heartbeat

    def _log_line(self, now: float, level: int, message: str, *values: object) -> None:
        self._logged_at = now
        # a line shortly before a heartbeat is as good as one
        self._heartbeat = next_heartbeat(now - self.poll_policy.began + MIN_GAP / 2)
        self.log.log(level, message, *values)
