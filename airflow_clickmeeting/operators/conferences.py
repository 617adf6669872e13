"""Rooms: what ClickMeeting's API calls conferences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import SkipMixin
from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import (
    ClickMeetingOperator,
    DeletionOperator,
    RoomDeletionOperator,
    RoomOperator,
)

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.times import Length, When
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.deletion.purge import PurgeResult


_PARAMETERS = (
    "name",
    "room_type",
    "access_type",
    "permanent_room",
    "starts_at",
    "duration",
    "timezone",
    "password",
    "custom_room_url_name",
    "lobby_enabled",
    "lobby_description",
    "skin_id",
    "registration",
    "settings",
)


class ShortCircuiting(ClickMeetingOperator, SkipMixin):
    """Base of operators that may skip what comes after them.

    :param ignore_downstream_trigger_rules: whether everything downstream is skipped; otherwise only the next tasks
        are, and what follows them goes by its trigger rule.
    """

    # Airflow asks for it where tasks are mapped or cleared
    inherits_from_skipmixin = True

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def skip_downstream(self, context: Context, result: dict[str, Any]) -> None:
        """Skip the tasks downstream; for a task that is not mapped, this ends it."""
        if self.do_xcom_push:  # Airflow itself keeps no result of a task that ends so
            for key, value in {**(result if self.multiple_outputs else {}), "return_value": result}.items():
                context["ti"].xcom_push(key, value)
        self.log.info("Skipping downstream tasks")
        self.skip(ti=context["ti"], tasks=self._followers(context["task"]))

    def _followers(self, task: Any) -> Iterator[Any]:
        relatives = task.get_flat_relatives if self.ignore_downstream_trigger_rules else task.get_direct_relatives
        return (follower for follower in relatives(upstream=False) if not follower.is_teardown)


class RoomParametersOperator(ClickMeetingOperator):
    """Base of operators that say what a room shall be.

    :param name: also becomes its address unless `custom_room_url_name` does.
    :param room_type: `webinar` or `meeting`.
    :param access_type: `open` (1), `password` (2) or `token` (3).
    :param permanent_room: whether it has no start and no end.
    :param starts_at: an aware datetime or ISO 8601 text; a naive one is a wall-clock time of `timezone`. A time
        that the zone's clocks skip or show twice is refused.
    :param duration: a timedelta, ISO 8601 text such as `PT90M`, or `H:MM`.
    :param timezone: the room's zone, an IANA name; by default the one that `starts_at` carries, which for `Z` is UTC.
        A bare offset such as `+01:00` carries none, and leaves the zone to ClickMeeting.
    :param password: what people must enter; needed with access by password.
    :param custom_room_url_name: the last part of its address, unique in the account.
    :param lobby_enabled: whether people wait in a lobby.
    :param lobby_description: what they read there.
    :param skin_id: from `ClickMeetingListSkinsOperator`.
    :param registration: `{"enabled": True, "template": 1}`, templates being 1 to 3.
    :param settings: such as `{"recorder_autostart_enabled": True}`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, *_PARAMETERS)

    def __init__(
        self,
        *,
        name: str | None = None,
        room_type: str | None = None,
        access_type: Id | None = None,
        permanent_room: bool | Id | None = None,
        starts_at: When | None = None,
        duration: Length | None = None,
        timezone: str | None = None,
        password: str | None = None,
        custom_room_url_name: str | None = None,
        lobby_enabled: bool | Id | None = None,
        lobby_description: str | None = None,
        skin_id: Id | None = None,
        registration: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.room_type = room_type
        self.access_type = access_type
        self.permanent_room = permanent_room
        self.starts_at = starts_at
        self.duration = duration
        self.timezone = timezone
        self.password = password
        self.custom_room_url_name = custom_room_url_name
        self.lobby_enabled = lobby_enabled
        self.lobby_description = lobby_description
        self.skin_id = skin_id
        self.registration = registration
        self.settings = settings

    def parameters(self) -> dict[str, Any]:
        """Return what was given."""
        given = {name: getattr(self, name) for name in _PARAMETERS}
        return {name: value for name, value in given.items() if value is not None}


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
        from airflow_clickmeeting.rooms.ensure import EnsureRoom

        outcome = EnsureRoom(self.hook, self.parameters(), self.if_exists, context, self.log).outcome()
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
        from airflow_clickmeeting.rooms.ensure import update_room

        given = self.parameters() | ({} if self.status is None else {"status": self.status})
        calls.update_conference(self.room_id, **given)  # refuses what is wrong before anything is sent
        before = self.hook.get_conference(self.room_id) if given.keys() & {"name", "custom_room_url_name"} else {}
        room, moved = update_room(self.hook, self.room_id, given, before, self.log)
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
        from airflow_clickmeeting.rooms import drift

        wanted = drift.wanted_of(**self.parameters())
        differences = drift.differences(self.hook.get_conference(self.room_id), wanted)
        result = {"drifted": bool(differences), "differences": differences}
        what = f"differs: {drift.told(differences)}" if differences else "is as wanted"
        self.log.info("Room %s %s", self.room_id, what)
        if not differences and self.downstream_task_ids:
            self.skip_downstream(context, result)
        return result


class ClickMeetingDeleteConferenceOperator(RoomDeletionOperator):
    """Delete a room and its recordings permanently, unless a safety check blocks it; a second run finds it gone.

    :return: `deleted`, whether it existed and was deleted; `room_id` and `name`; `recordings`, the ids of the
        recordings deleted with it; `dry_run`; and `blockers`, what blocks it.
    """

    def call(self) -> Call[bool]:
        """Return the deletion."""
        from airflow_clickmeeting.api import calls

        return calls.delete_conference(self.room_id, ignore_missing=self.ignore_missing)


class ClickMeetingCheckAvailabilityOperator(ClickMeetingOperator):
    """Tell whether the account has room for an event then. ClickMeeting does not document this operation.

    :param start_time: an aware datetime or ISO 8601 text.
    :param hours: how long, in whole hours.
    :param room_id: an existing room not to count.
    :return: whether the time is free.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "start_time",
        "hours",
        "room_id",
    )

    def __init__(self, *, start_time: When, hours: Id, room_id: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_time = start_time
        self.hours = hours
        self.room_id = room_id

    def execute(self, context: Context) -> bool:
        """Ask once."""
        return self.hook.check_availability(start_time=self.start_time, hours=self.hours, room_id=self.room_id)


class ClickMeetingPurgeConferencesOperator(DeletionOperator):
    """Delete rooms that have not been used for a long time, and their recordings, permanently.

    All old rooms are judged before the first deletion. Rooms that a safety check blocks are kept. When more than
    `max_deletions` rooms would be deleted, none is, and the task fails. A request that fails for one room does not
    stop the others. A second run, or a retry, deletes the rooms that are left.

    :param older_than: how long ago the last session in a room must have ended, as a timedelta or ISO 8601 text such as
        `P90D`; or the moment before which it must have, as an aware datetime or ISO 8601 text. The scheduled time of
        a room counts as a session; for a permanent room that was never used, the time of its creation does.
    :param status: which rooms to list: `inactive` (not those over six months old), `active` or `all`.
    :param name_matches: a pattern for the whole name, with `*`, `?` and `[...]`, whose case matters; None is any name.
    :param permanent_rooms: whether permanent rooms may be deleted too.
    :param max_deletions: how many rooms one run may delete.
    :param max_failures: how many failures the task accepts, after everything else is done: a number, or a float below
        1 as a share of the old rooms. Rooms that a safety check blocks and rooms on which a request failed both count.
        A dry run accepts all of them.
    :return: `deleted`, `would_delete` (with `dry_run`) and `kept`, each a list of rooms with `room_id`, `name`, the ids
        of their `recordings`, and their `blockers`; `counts` of those, of the rooms `listed` and of the
        `old` ones among them; the first hundred `failures`, each with `room_id` and `reason`; `failure_count`; and
        `dry_run`.
    """

    template_fields: Sequence[str] = (
        *DeletionOperator.template_fields,
        "older_than",
        "status",
        "name_matches",
        "permanent_rooms",
        "max_deletions",
        "max_failures",
    )

    def __init__(
        self,
        *,
        older_than: timedelta | When,
        status: str = "inactive",
        name_matches: str | None = None,
        permanent_rooms: bool | Id = False,
        max_deletions: Id = 10,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.older_than = older_than
        self.status = status
        self.name_matches = name_matches
        self.permanent_rooms = permanent_rooms
        self.max_deletions = max_deletions
        self.max_failures = max_failures

    def execute(self, context: Context) -> PurgeResult:
        """Judge all old rooms, then delete those that no safety check blocks."""
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.api.pagination import STATUSES
        from airflow_clickmeeting.deletion.purge import Purge, Wanted, age_of

        max_failures = validate.max_failures("max_failures", self.max_failures)
        wanted = Wanted(
            older_than=age_of(self.older_than),
            status=validate.one_of("status", self.status, STATUSES),
            name_matches=None if self.name_matches is None else validate.filled("name_matches", self.name_matches),
            permanent_rooms=validate.decided("permanent_rooms", self.permanent_rooms),
        )
        most = validate.whole_number("max_deletions", self.max_deletions)
        return Purge(self.deleter(context), wanted, most).run(max_failures)
