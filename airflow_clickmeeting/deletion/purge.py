"""How old rooms are found and deleted: all are judged first, so that a wrong filter cannot empty an account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.api import calls, times
from airflow_clickmeeting.deletion.checks import RoomSnapshot, last_end
from airflow_clickmeeting.exceptions import OF_ONE_ROOM, DeletionRefusedError, NotFoundError, first_few

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import When
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.deletion.delete import Deleter, Deletion


class Counts(TypedDict):
    """How many rooms were `listed`, are `old`, and became what."""

    listed: int
    old: int
    deleted: int
    would_delete: int
    kept: int


class PurgeResult(TypedDict):
    """What a purge did: rooms that are gone, that a real run would delete, and that are kept, with why."""

    dry_run: bool
    deleted: list[Deletion]
    would_delete: list[Deletion]
    kept: list[Deletion]
    counts: Counts


@dataclass(frozen=True)
class Wanted:
    """Which rooms are old.

    :param older_than: how long ago the last session must have ended, or before when.
    :param status: of which list: `inactive`, `active` or `all`.
    :param name_matches: a pattern such as `Test *` for the whole name; None is any name.
    :param permanent_rooms: whether permanent rooms count.
    """

    older_than: timedelta | datetime
    status: str
    name_matches: str | None
    permanent_rooms: bool

    def may_be(self, room: Room, now: datetime) -> bool:
        """Tell whether a room may be old, as far as the list of rooms tells."""
        permanent = room.get("permanent_room", False) or not room.get("ends_at")
        named = self.name_matches is None or fnmatchcase(str(room.get("name")), self.name_matches)
        return named and (self.permanent_rooms if permanent else self.is_old(RoomSnapshot(room, [], []), now))

    def is_old(self, found: RoomSnapshot, now: datetime) -> bool:
        """Tell whether a room was last met in long enough ago."""
        limit = self.older_than if isinstance(self.older_than, datetime) else now - self.older_than
        last = last_end(found)
        return last is not None and last < limit


def age_of(older_than: timedelta | When) -> timedelta | datetime:
    """Return a length of time, or an instant, from itself or from ISO 8601 text.

    :raises ValueError: when it is neither.
    """
    if isinstance(older_than, datetime) or (isinstance(older_than, str) and re.search(r"\d[T ]\d", older_than)):
        return times.instant("older_than", older_than)
    return times.length("older_than", older_than, also=", a time with its zone or UTC offset,")


@dataclass
class Purge:
    """Deletes the old rooms of an account that no safety check blocks.

    :param deleter: judges and deletes.
    :param wanted: which rooms are old.
    :param max_deletions: when there would be more, there is none.
    """

    deleter: Deleter
    wanted: Wanted
    max_deletions: int
    failed: list[str] = field(default_factory=list)
    listed: int = 0

    def run(self) -> PurgeResult:
        """Judge all rooms, then delete.

        :raises DeletionRefusedError: when there would be too many deletions.
        :raises AirflowException: when something failed, after the others were tried.
        """
        judged = list(self._judged())
        kept = [each for each in judged if each["blockers"] and not self.deleter.force]
        ready = [each for each in judged if not each["blockers"] or self.deleter.force]
        self._brake(len(ready))
        deleted = [] if self.deleter.dry_run else list(self._deleted(ready, kept))
        if self.failed:
            failed = f"{len(self.failed)} failed: {first_few(self.failed)}"
            raise AirflowException(f"{len(deleted)} rooms were deleted, but {failed}. Another try goes on.")
        would_delete = ready if self.deleter.dry_run else []
        return {
            "dry_run": self.deleter.dry_run,
            "deleted": deleted,
            "would_delete": would_delete,
            "kept": kept,
            "counts": {
                "listed": self.listed,
                "old": len(judged),
                "deleted": len(deleted),
                "would_delete": len(would_delete),
                "kept": len(kept),
            },
        }

    def _judged(self) -> Iterator[Deletion]:
        """Yield what would become of each old room; a room that cannot be looked at is noted."""
        hook = self.deleter.hook
        rooms = list(hook.iter_conferences(self.wanted.status))
        self.listed = len(rooms)
        for room in rooms:
            if not self.wanted.may_be(room, hook.now()):
                continue
            try:
                found = RoomSnapshot(room, hook.list_sessions(room["id"]), [])
                if self.wanted.is_old(found, hook.now()):
                    yield self.deleter.judge(found._replace(recordings=hook.list_recordings(room["id"])))
            except NotFoundError:
                hook.log.info("Room %d is gone meanwhile", room["id"])
            except OF_ONE_ROOM as error:
                self._note(room["id"], error)

    def _brake(self, ready: int) -> None:
        if ready <= self.max_deletions:
            return
        many = f"{ready} rooms would be deleted, more than max_deletions={self.max_deletions}, so none is"
        if not self.deleter.dry_run:
            raise DeletionRefusedError(
                f"{many}. See with dry_run=True which they are, then narrow them down or raise max_deletions."
            )
        self.deleter.hook.log.warning("In a real run, %s", many)

    def _deleted(self, ready: Sequence[Deletion], kept: list[Deletion]) -> Iterator[Deletion]:
        """Delete each room after another look at it, for the first may have been a while ago."""
        for each in ready:
            call = calls.delete_conference(each["room_id"])
            try:
                found = self.deleter.look(each["room_id"])
                yield self.deleter.delete(call, found)
            except NotFoundError:
                self.deleter.gone(call, each["room_id"])
            except DeletionRefusedError:
                kept.append(self.deleter.judge(found))
            except Exception as error:  # noqa: BLE001 - the others are to be tried first, and then the task fails
                self._note(each["room_id"], error)

    def _note(self, room_id: int, error: Exception) -> None:
        self.failed.append(f"room {room_id}: {type(error).__name__}: {error}")
        self.deleter.hook.log.error("Failed: %s", self.failed[-1])
