"""Old rooms, deleted many at a time; to be imported from `airflow_clickmeeting.operators.conferences`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.deletion import DeletionOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import When
    from airflow_clickmeeting.operators.purging import Purged


class ClickMeetingPurgeConferencesOperator(DeletionOperator):
    """Delete the rooms in which nobody has met for long, and their recordings, for good.

    All old rooms are judged first. Those that something speaks against are kept. When there would be more deletions
    than `max_deletions`, there is none, and the task fails. A deletion that fails does not keep the others from being
    tried; then the task fails too. A second run, or a retry, goes on with what is left.

    :param older_than: how long ago the last session in a room must have ended, a timedelta or days; or before when, an
        aware datetime or ISO 8601 text. What a room was scheduled for counts as a session; for a permanent room that
        was never used, it is when it was made.
    :param status: which rooms to look at: `inactive` (not those over six months old), `active` or `all`.
    :param name_matches: a pattern for the whole name, with `*`, `?` and `[...]`, whose case matters; None is any name.
    :param permanent_rooms: whether permanent rooms may be deleted too.
    :param max_deletions: the brake: how many rooms one run may delete.
    :param fail_on_refused: whether the task fails, after all else is done, when old rooms are kept.
    :return: `deleted`, `would_delete` (with `dry_run`) and `kept`, each a list of rooms with `room_id`, `name`, the ids
        of their `recordings`, and what is `against` deleting them; `counts` of those, of the rooms `listed` and of the
        `old` ones among them; and `dry_run`.
    """

    template_fields: Sequence[str] = (
        *DeletionOperator.template_fields,
        "older_than",
        "status",
        "name_matches",
        "permanent_rooms",
        "max_deletions",
        "fail_on_refused",
    )

    def __init__(
        self,
        *,
        older_than: timedelta | float | When,
        status: str = "inactive",
        name_matches: str | None = None,
        permanent_rooms: bool | Id = False,
        max_deletions: Id = 10,
        fail_on_refused: bool | Id = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.older_than = older_than
        self.status = status
        self.name_matches = name_matches
        self.permanent_rooms = permanent_rooms
        self.max_deletions = max_deletions
        self.fail_on_refused = fail_on_refused

    def execute(self, context: Context) -> Purged:
        """Judge all old rooms, then delete those that nothing speaks against."""
        from airflow_clickmeeting.api import values
        from airflow_clickmeeting.api.pages import STATUSES
        from airflow_clickmeeting.exceptions import DeletionRefusedError, first_few
        from airflow_clickmeeting.operators.purging import Purge, Wanted, age_of

        fail_on_refused = values.decided("fail_on_refused", self.fail_on_refused)
        wanted = Wanted(
            older_than=age_of(self.older_than),
            status=values.one_of("status", self.status, STATUSES),
            name_matches=None if self.name_matches is None else values.filled("name_matches", self.name_matches),
            permanent_rooms=values.decided("permanent_rooms", self.permanent_rooms),
        )
        most = values.whole_number("max_deletions", self.max_deletions)
        done = Purge(self.deleter(context), wanted, most).run()
        if done["kept"] and fail_on_refused and not done["dry_run"]:
            kept = first_few([f"room {room['room_id']}: {', '.join(room['against'])}" for room in done["kept"]])
            raise DeletionRefusedError(f"{len(done['kept'])} old rooms are kept, and all else is done: {kept}")
        return done
