"""Find and delete old rooms.

All rooms are judged before the first deletion, so a wrong filter cannot empty an account.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.api import calls, times, validate
from airflow_clickmeeting.api.validate import bad_argument
from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.deletion.checks import RoomSnapshot, last_end
from airflow_clickmeeting.exceptions import OF_ONE_ROOM, DeletionRefusedError, NotFoundError, summary_of
from airflow_clickmeeting.failures import FailureLog

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import When
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.deletion.delete import Deleter, Deletion
    from airflow_clickmeeting.failures import Failure

RETRY = "Wait, or correct what made requests fail"
UNBLOCK = (
    "To delete blocked rooms, archive their recordings with ClickMeetingArchiveRecordingsOperator and name its folder "
    "in `archive`, or wait until the grace period is over; to keep them, raise max_failures"
)
CHANGED = "it has changed since it was judged, and no longer matches the purge"


class Counts(TypedDict):
    """The number of rooms that were `listed`, of the `old` ones among them, and of those in each list of the result."""

    listed: int
    old: int
    deleted: int
    would_delete: int
    kept: int


class PurgeResult(TypedDict):
    """The result of a purge.

    `deleted` are the rooms that were deleted, `would_delete` those that a real run would delete, and `kept` those that
    a safety check blocks. `failures` are the kept rooms, and the rooms on which a request failed.
    """

    dry_run: bool
    deleted: list[Deletion]
    would_delete: list[Deletion]
    kept: list[Deletion]
    counts: Counts
    failures: list[Failure]
    failure_count: int


@dataclass(frozen=True)
class Wanted:
    """Decides which rooms are old.

    :param older_than: how long ago the last session must have ended, or the time before which it must have ended.
    :param status: which rooms to list: `inactive`, `active` or `all`.
    :param name_matches: a pattern such as `Test *` for the whole name; None accepts any name.
    :param permanent_rooms: whether permanent rooms can be old.
    """

    older_than: timedelta | datetime
    status: str
    name_matches: str | None
    permanent_rooms: bool

    def may_be(self, room: Room, now: datetime) -> bool:
        """Return whether a room may be old, by its entry in the list of rooms alone, so that fewer rooms are read.

        :raises ValueError: for times that make no sense.
        """
        named = self.name_matches is None or fnmatchcase(room.get("name") or "", self.name_matches)
        if not named or (self.status != "all" and room.get("status") != self.status):
            return False
        permanent = room.get("permanent_room", False) or not room.get("ends_at")
        return self.permanent_rooms if permanent else self._is_old(RoomSnapshot(room, [], []), now)

    def matches(self, found: RoomSnapshot, now: datetime) -> bool:
        """Return whether a room that was read is old; False if a session runs or the age is unknown.

        :raises ValueError: for times that make no sense.
        """
        return self.may_be(found.room, now) and self._is_old(found, now)

    def _is_old(self, found: RoomSnapshot, now: datetime) -> bool:
        limit = self.older_than if isinstance(self.older_than, datetime) else now - self.older_than
        last = last_end(found)
        return last is not None and last < limit


def age_of(older_than: timedelta | When) -> timedelta | datetime:
    """Return the argument `older_than` as a length of time or as a time.

    :param older_than: a timedelta or ISO 8601 duration text; or an aware datetime or ISO 8601 text of a time.
    :raises ValueError: for anything else, such as a bare number or a time without a zone.
    """
    if isinstance(older_than, datetime) or (isinstance(older_than, str) and re.search(r"\d[T ]\d", older_than)):
        return times.instant("older_than", older_than)
    return times.length("older_than", older_than, also=", a time with its zone or UTC offset,")


def name_pattern(name_matches: str) -> str:
    """Return the argument `name_matches`.

    :raises ValueError: for a blank pattern, and for one such as `*` that matches rooms without a name.
    """
    if fnmatchcase("", validate.filled("name_matches", name_matches)):
        bad_argument("name_matches", name_matches, "a pattern that a room without a name does not match")
    return name_matches


class Purge:
    """Deletes the old rooms of an account, except those that a safety check blocks.

    :param deleter: runs the safety checks and deletes.
    :param wanted: decides which rooms are old.
    :param max_deletions: the highest number of deletions; if more rooms would be deleted, none is deleted.
    """

    def __init__(self, deleter: Deleter, wanted: Wanted, max_deletions: int) -> None:
        self._deleter = deleter
        self._wanted = wanted
        self._max_deletions = max_deletions
        self._failures = FailureLog(deleter.hook.log, "old rooms")
        self._kept: list[Deletion] = []
        self._listed = 0

    def run(self, max_failures: float = 0) -> PurgeResult:
        """Judge all rooms, delete the old ones, and return the result.

        A second run continues with the rooms that still exist.

        :param max_failures: how many old rooms may fail: a number; below 1, a share of the old rooms.
        :raises DeletionRefusedError: if there would be too many deletions, and no room was deleted; or if safety checks
            block too many rooms, after the others were deleted.
        :raises AirflowException: if requests failed on too many rooms, after the others were deleted.
        """
        dry_run, force, hook = self._deleter.dry_run, self._deleter.force, self._deleter.hook
        hook.log_level = logging.DEBUG  # the hook would log lines for each room
        judged = list(self._judge_rooms())
        old = len(judged) + self._failures.count
        ready = [each for each in judged if not each["blockers"] or force]
        for each in judged:
            if each["blockers"] and not force:
                self._keep(each)
        self._check_deletions(len(ready))
        deleted = [] if dry_run else list(self._deleted(ready))
        self._failures.log_counts()
        done = "to be deleted in a real run" if dry_run else "deleted"
        counts = (old, self._listed, len(ready if dry_run else deleted), done, self._failures.count)
        hook.log.info("%d of %d rooms are old: %d %s, %d kept or failed", *counts)
        if not dry_run:
            self._check_failures(max_failures, old)
        would_delete = ready if dry_run else []
        return {
            "dry_run": dry_run,
            "deleted": deleted,
            "would_delete": would_delete,
            "kept": self._kept,
            "counts": {
                "listed": self._listed,
                "old": len(judged),
                "deleted": len(deleted),
                "would_delete": len(would_delete),
                "kept": len(self._kept),
            },
            "failures": self._failures.kept,
            "failure_count": self._failures.count,
        }

    def _judge_rooms(self) -> Iterator[Deletion]:
        """Yield the result of the safety checks for each old room; a room that cannot be read is a failure."""
        hook = self._deleter.hook
        rooms = list(hook.iter_conferences(self._wanted.status))
        self._listed = len(rooms)
        limit = self._wanted.older_than
        if isinstance(limit, datetime) and limit > hook.earliest_now():
            bad_argument("older_than", limit.isoformat(), "in the past; every room ended before a time in the future")
        for room in rooms:
            try:
                if not self._wanted.may_be(room, hook.earliest_now()):
                    continue
                found = RoomSnapshot(room, hook.list_sessions(room["id"]), [])
                if self._wanted.matches(found, hook.earliest_now()):
                    yield self._deleter.judge(found._replace(recordings=hook.list_recordings(room["id"])))
            except ValueError as error:
                self._add_failure(room["id"], f"it was not deleted, because its times make no sense: {error}")
            except NotFoundError:
                hook.log.info("Room %d was deleted after it was listed", room["id"])
            except OF_ONE_ROOM as error:
                self._add_failure(room["id"], error)

    def _check_deletions(self, ready: int) -> None:
        if ready <= self._max_deletions:
            return
        too_many = f"{ready} rooms would be deleted, more than max_deletions={self._max_deletions}, so none is"
        if not self._deleter.dry_run:
            raise DeletionRefusedError(
                f"{too_many}. Use dry_run=True to list them, then narrow down which rooms are old, "
                "or raise max_deletions, then clear this task."
            )
        self._deleter.hook.log.warning("In a real run, %s", too_many)

    def _deleted(self, ready: Sequence[Deletion]) -> Iterator[Deletion]:
        """Delete the rooms one by one; read and judge each again, because it may have changed since it was judged."""
        for each in ready:
            call = calls.delete_conference(each["room_id"])
            try:
                found = self._deleter.read_room(each["room_id"])
                if self._wanted.matches(found, self._deleter.hook.earliest_now()):
                    yield self._deleter.delete(call, found)
                else:
                    self._keep({**self._deleter.judge(found), "blockers": [CHANGED]})
            except NotFoundError:
                self._deleter.gone(call, each["room_id"])
            except DeletionRefusedError:
                self._keep(self._deleter.judge(found))
            except Exception as error:  # noqa: BLE001 - the task fails only after the other rooms are deleted
                self._add_failure(each["room_id"], error)

    def _keep(self, judged: Deletion) -> None:
        self._kept.append(judged)
        self._failures.add(f"blocked by: {'; '.join(judged['blockers'])}", True, room_id=judged["room_id"])

    def _add_failure(self, room_id: int, error: Exception | str) -> None:
        reason = error if isinstance(error, str) else f"{type(error).__name__}: {summary_of(error)}"
        self._failures.add(reason, self._failures.is_permanent(error), room_id=room_id)

    def _check_failures(self, max_failures: float, old: int) -> None:
        requests_failed = self._failures.count > len(self._kept)
        advice = ". ".join([RETRY] * requests_failed + [UNBLOCK] * bool(self._kept))
        try:
            self._failures.check(max_failures, old, f"The other old rooms were deleted. {advice}")
        except AirflowException as error:
            if requests_failed:
                raise
            raise DeletionRefusedError(str(error)) from None  # no retries: they would find the same
