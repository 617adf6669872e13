"""Rooms: what ClickMeeting's API calls conferences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomOperator
from airflow_clickmeeting.operators.deletion import RoomDeletionOperator
from airflow_clickmeeting.operators.purge import (
    ClickMeetingPurgeConferencesOperator as ClickMeetingPurgeConferencesOperator,
)
from airflow_clickmeeting.operators.room_parameters import RoomParametersOperator
from airflow_clickmeeting.operators.short_circuit import ShortCircuiting

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.shapes import Room
    from airflow_clickmeeting.api.times import When


class ClickMeetingListConferencesOperator(ClickMeetingOperator):
    """Return all rooms of the account, page after page.

    :param status: `active`, which includes permanent and future rooms, `inactive` (not those over six months
        old), or `all`.
    :return: a list of rooms, without their secrets.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "status")

    def __init__(self, *, status: str = "active", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def execute(self, context: Context) -> list[Room]:
        """Walk the pages."""
        rooms = list(self.hook.iter_conferences(self.status))
        return self.result(rooms)


class ClickMeetingGetConferenceOperator(RoomOperator):
    """Return a room, without its secrets; a room that is not there is a `NotFoundError`."""

    def execute(self, context: Context) -> Room:
        """Read the room."""
        return self.result(self.hook.get_conference(self.room_id))


class ClickMeetingCreateConferenceOperator(RoomParametersOperator):
    """Make a room, or find the one that is there already; a second run makes no other one by default.

    `name` is needed. By default it is a webinar, open to everybody, that starts now and lasts three hours.

    A room is found by its `custom_room_url_name` if that is given. If not, the task puts a marker down: an address
    of the name and eight digits that only this task in this run has. So a retry finds its own room; and where there
    is none, a room with the same name and the same `starts_at` (or that name and no end, for a permanent room) is the
    one that is meant. Active rooms come before inactive ones. On Airflow 3.3 the task also keeps the id in its task
    state. When the answer was lost, the task looks whether the room was made before it fails, and the next try does.

    :param if_exists: what becomes of a room that is there: `reuse` returns it as it is, `update` sends what is given
        and differs, `fail` raises `RoomExistsError`, `create` makes another one. What this task itself made in an
        earlier try or before it was cleared is reused in all four. Of several rooms with the same name and start, none
        is taken, and `create` makes none at an address that is taken: these are a `RoomExistsError`, too.
    :return: the room, without its secrets: `id`, `room_url`, `starts_at`, ...; and `created`, whether this task made
        it, in whichever try; `found_by`, which is None when it was made in this one, else `task_state`,
        `custom_room_url_name`, `marker` or `name_and_start`; `changed`, the parameters that `update` changed;
        `room_url_changed`.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "if_exists")

    def __init__(self, *, if_exists: str = "reuse", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists

    def execute(self, context: Context) -> dict[str, Any]:
        """Find it or make it."""
        from airflow_clickmeeting.operators.creation import Creation

        outcome = Creation(self.hook, self.parameters(), self.if_exists, context, self.log).outcome()
        return self.result(outcome.to_json())


class ClickMeetingUpdateConferenceOperator(RoomParametersOperator):
    """Change what is given of a room; a second run changes nothing more.

    A new `name` changes its address, unless `custom_room_url_name` goes along: the log warns of it. A new start or
    duration makes a permanent room a scheduled one.

    :param room_id: the room.
    :param status: `inactive` closes the room without deleting it, `active` opens it again.
    :return: the room, without its secrets; and `room_url_changed`, whether this try gave it another address.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "room_id", "status")

    def __init__(self, *, room_id: Id, status: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.status = status

    def execute(self, context: Context) -> dict[str, Any]:
        """Change it."""
        from airflow_clickmeeting.api import calls
        from airflow_clickmeeting.operators.changes import changed_room

        given = self.parameters() | ({} if self.status is None else {"status": self.status})
        calls.update_conference(self.room_id, **given)  # refuses what is wrong before anything is sent
        before = self.hook.get_conference(self.room_id) if given.keys() & {"name", "custom_room_url_name"} else {}
        room, moved = changed_room(self.hook, self.room_id, given, before, self.log)
        return self.result({**room, "room_url_changed": moved})


class ClickMeetingCheckDriftOperator(RoomParametersOperator, ShortCircuiting):
    """Compare what is wanted of a room with what ClickMeeting has, and skip what comes after when all is as wanted.

    So tasks after it repair, or tell somebody, only if they have to. Only what is given is compared, and only what
    ClickMeeting shows: not the skin, not a password that it hides. Starts are compared as instants, to the minute,
    durations by length, zones by name. It only reads, so a second run does the same. A room that is gone is no drift
    but a `NotFoundError`: make it anew with `ClickMeetingCreateConferenceOperator`.

    :param room_id: the room.
    :return: `drifted`, and `differences` by parameter: `{"starts_at": {"wanted": ..., "is": ...}}`; of `registration`
        and `settings` the keys that differ. A password is not shown.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "room_id")

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the room once."""
        from airflow_clickmeeting import drift

        wanted = drift.wanted_of(**self.parameters())
        differences = drift.differences(self.hook.get_conference(self.room_id), wanted)
        result = {"drifted": bool(differences), "differences": differences}
        what = f"differs: {drift.told(differences)}" if differences else "is as wanted"
        self.log.info("Room %s %s", self.room_id, what)
        if not differences and self.downstream_task_ids:
            self.skip_downstream(context, result)
        return result


class ClickMeetingDeleteConferenceOperator(RoomDeletionOperator):
    """Delete a room and its recordings, for good, unless something speaks against it; a second run finds it gone.

    :return: `deleted`, whether it was there and is gone now; `room_id` and `name`; `recordings`, the ids of those that
        go with it; `dry_run`; and `against`, what speaks against it.
    """

    def call(self) -> Call[bool]:
        """Return the deletion."""
        from airflow_clickmeeting.api import calls

        return calls.delete_conference(self.room_id, ignore_missing=self.ignore_missing)


class ClickMeetingCheckAvailabilityOperator(ClickMeetingOperator):
    """Tell whether the account has room for an event then. ClickMeeting does not document this operation.

    :param start_time: an aware datetime or ISO 8601 text.
    :param duration: whole hours.
    :param room_id: an existing room not to count.
    :return: whether the time is free.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "start_time",
        "duration",
        "room_id",
    )

    def __init__(self, *, start_time: When, duration: Id, room_id: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_time = start_time
        self.duration = duration
        self.room_id = room_id

    def execute(self, context: Context) -> bool:
        """Ask once."""
        return self.hook.check_availability(start_time=self.start_time, duration=self.duration, room_id=self.room_id)
