"""Operators for rooms, which ClickMeeting's API calls conferences."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.types import ROOM_PARAMETERS
from airflow_clickmeeting.api.validate import ALL, Id
from airflow_clickmeeting.extra_links import FILE_LINKS, ROOM_LINKS
from airflow_clickmeeting.operators.base import (
    ClickMeetingOperator,
    DeletionOperator,
    RoomDeletionOperator,
    RoomOperator,
)
from airflow_clickmeeting.storage import located, open_atomic

try:
    from airflow.sdk.bases.skipmixin import SkipMixin
except ImportError:  # 3.1
    from airflow.providers.standard.utils.skipmixin import SkipMixin  # type: ignore[assignment]

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.times import Length, When
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.deletion.purge import PurgeResult
    from airflow_clickmeeting.storage import Path

__all__ = [
    "ClickMeetingCheckAvailabilityOperator",
    "ClickMeetingCheckDriftOperator",
    "ClickMeetingCreateConferenceOperator",
    "ClickMeetingDeleteConferenceOperator",
    "ClickMeetingGetConferenceOperator",
    "ClickMeetingListConferencesOperator",
    "ClickMeetingPurgeConferencesOperator",
    "ClickMeetingUpdateConferenceOperator",
]


# the largest list of rooms in XCom, in bytes of JSON
MAX_XCOM_SIZE = 1 << 20


class SkipDownstreamOperator(ClickMeetingOperator, SkipMixin):
    """Base of operators that can skip the tasks downstream.

    :param ignore_downstream_trigger_rules: whether the operator skips all tasks downstream; otherwise it skips only
        the direct ones, and the tasks after those follow their trigger rules.
    """

    # Airflow checks this attribute when tasks are mapped or cleared
    inherits_from_skipmixin = True

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def skip_downstream(self, context: Context, result: dict[str, Any]) -> None:
        """Push the result to XCom, and skip the tasks downstream, except teardowns.

        For a task that is not mapped, this ends `execute`, since Airflow raises an exception to skip.

        :param result: the result of the task.
        """
        # the exception ends the task before Airflow could push the result itself
        if self.do_xcom_push:
            for key, value in {**(result if self.multiple_outputs else {}), "return_value": result}.items():
                context["ti"].xcom_push(key, value)
        self.log.info("Skipping downstream tasks")
        self.skip(ti=context["ti"], tasks=self._downstream_tasks(context["task"]))

    def _downstream_tasks(self, task: Any) -> Iterator[Any]:
        relatives = task.get_flat_relatives if self.ignore_downstream_trigger_rules else task.get_direct_relatives
        return (each for each in relatives(upstream=False) if not each.is_teardown)


class RoomParametersOperator(ClickMeetingOperator):
    """Base of operators that take the parameters of a room.

    :param name: the room's name, which also becomes the last part of its URL unless `custom_room_url_name` is set.
    :param room_type: `webinar` or `meeting`.
    :param access_type: `open` (1), `password` (2) or `token` (3).
    :param permanent_room: whether the room has no start and no end.
    :param starts_at: an aware datetime or ISO 8601 text; a naive one is a wall-clock time in `timezone`. A time that
        the clocks of the zone skip or show twice is an error.
    :param duration: a timedelta, ISO 8601 text such as `PT90M`, or `H:MM`.
    :param timezone: the room's time zone, an IANA name; by default the zone of `starts_at`, which is UTC for `Z`. A
        bare offset such as `+01:00` names no zone, so ClickMeeting chooses one.
    :param password: the password that people enter; required with access by password.
    :param custom_room_url_name: the last part of the room's URL, unique in the account.
    :param lobby_enabled: whether people wait in a lobby.
    :param lobby_description: the text that people read in the lobby.
    :param skin_id: the `id` of a skin from `ClickMeetingListSkinsOperator`.
    :param encryption_enabled: whether the room has end-to-end encryption; the same as this key in `settings`. Perhaps
        ClickMeeting accepts it for new rooms only.
    :param registration: the registration form, such as `{"enabled": True, "template": 1}`; templates are 1 to 3.
    :param settings: further settings of the room, such as `{"recorder_autostart_enabled": True}`. Keys that the
        provider does not know are sent, and the log has a warning with the known ones.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, *ROOM_PARAMETERS)
    operator_extra_links = ROOM_LINKS

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
        encryption_enabled: bool | Id | None = None,
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
        self.encryption_enabled = encryption_enabled
        self.registration = registration
        self.settings = settings

    def parameters(self) -> dict[str, Any]:
        """Return the room parameters that are set, by name."""
        given = {name: getattr(self, name) for name in ROOM_PARAMETERS}
        return {name: value for name, value in given.items() if value is not None}


class ListResult(TypedDict):
    """The file with the rooms, its format, and how many rooms it has, in all and of each status."""

    path: str
    format: str
    rows: int
    active: int
    inactive: int


class ClickMeetingListConferencesOperator(ClickMeetingOperator):
    """List the rooms of the account that have a status, from all pages of the API.

    Without a `path`, the rooms go to XCom. Airflow holds an XCom in memory as a whole, in the task, in the API server
    and in each task that reads it, so more than 1 MiB of rooms, about 900, is an error. With a `path`, the
    operator writes the rooms to a file while it reads them; a second run replaces the file.

    The operator reports the file to the task's outlets: an asset's event has the result in its extra.

    :param status: `active`, which includes permanent and future rooms; `inactive`, without rooms that have been
        inactive for more than six months, which ClickMeeting does not list; or `all`.
    :param path: the file, or a folder that ends in a slash, on any object storage, for the rooms as JSON lines; by
        default the rooms are the result.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read it. Object storages have no file modes.
    :return: a list of rooms as dicts, without their secrets; with `path`, a dict with `path`, `format`, and the numbers
        of `rows`, of `active` and of `inactive` rooms.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "status", "path", "file_mode")
    operator_extra_links = FILE_LINKS

    def __init__(
        self, *, status: str = "active", path: Path | None = None, file_mode: Id = "600", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.path = path
        self.file_mode = file_mode

    def execute(self, context: Context) -> list[Room] | ListResult:
        """Read all pages, and return the rooms, or write them to the file.

        :raises ValueError: naming the argument and its valid values; also if the rooms are too large for XCom.
        """
        file_mode = validate.permissions("file_mode", self.file_mode)
        if self.path is not None:
            return self._write(self.path, file_mode, context)
        rooms: list[Room] = []
        size = 0
        for room in self.hook.iter_conferences(self.status):
            rooms.append(room)
            size += len(self._json_line(room))
            if size > MAX_XCOM_SIZE:
                expected = (
                    "a file or a folder for rooms of more than 1 MiB, which is too large for XCom; the first "
                    f"{len(rooms)} rooms have reached it"
                )
                validate.bad_argument("path", None, expected)
        return self.result(rooms)

    def _write(self, path: Path, file_mode: int, context: Context) -> ListResult:
        from airflow_clickmeeting.output.outlets import report_outputs

        target = located(path, f"conferences-{self.status}.jsonl")
        counts = Counter[str]()
        rooms = self.hook.iter_conferences(self.status)
        with open_atomic(target, file_mode) as file:
            for room in rooms:
                file.write(self._json_line(room))
                counts["active" if room.get("status", "active") == "active" else "inactive"] += 1
        self.written = [str(target)]
        result: ListResult = {
            "path": str(target),
            "format": "jsonl",
            "rows": counts.total(),
            "active": counts["active"],
            "inactive": counts["inactive"],
        }
        report_outputs(self.hook, "conferences", self.outlets, context, {str(target): result}, result)
        self.log.info("Wrote %d rooms to %s", result["rows"], target)
        return result

    def _json_line(self, room: Room) -> bytes:
        from airflow_clickmeeting.api.types import without_secrets

        written = room if self.include_secrets else without_secrets(room)
        return json.dumps(written, ensure_ascii=False).encode() + b"\n"


class ClickMeetingGetConferenceOperator(RoomOperator):
    """Return a room as a dict, without its secrets; if the room does not exist, raise a `NotFoundError`."""

    def execute(self, context: Context) -> Room:
        return self.result(self.hook.get_conference(self.room_id))


class ClickMeetingCreateConferenceOperator(RoomParametersOperator):
    """Create a room, or return the existing one; by default neither a retry nor a second run creates a duplicate.

    `name` is required. By default the room is a webinar that is open to everybody, starts now and lasts three hours.

    The task searches for the room before it creates one. If `custom_room_url_name` is set, the task searches only by
    that. Otherwise it searches by a marker, and then by the name and `starts_at` (a permanent room: by the name), where
    active rooms come before inactive ones. The marker is the last part of the URL of each room that the task creates:
    the name, and eight digits that all rooms of this name and start share. ClickMeeting gives a URL to one room only,
    so two runs that create the room at the same moment have one room. With `create`, and for a room that starts now,
    the digits are those of the task in its run. On Airflow 3.3 the task also keeps the room's id in its task state, and
    reads that room first.

    If the response to the create request is lost, the task checks at once whether the room was created. If it does not
    find the room, it fails, and the next try searches again.

    :param if_exists: what to do if the room exists: `reuse` returns it as it is, `update` sends the parameters that are
        set and differ, `fail` raises a `RoomExistsError`, and `create` creates another room. A room that this task
        created itself, in an earlier try or before it was cleared, is accepted in all four cases; before Airflow 3.3
        the task knows that only with `create`, and of rooms that start now. If several rooms have the same name and
        start, or if another room has the `custom_room_url_name` that `create` needs, the task raises a
        `RoomExistsError`, too. It fails without retries then.
    :return: the room, without its secrets: `id`, `room_url`, `starts_at`, ...; and `created`, whether this task is
        known to have created it, in any try; `found_by`, which is None if this try created it, else `task_state`,
        `custom_room_url_name`, `marker` or `name_and_start`; `changed`, the names of the parameters that `update`
        changed; and `room_url_changed`, whether `update` changed the room's URL.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "if_exists")

    def __init__(self, *, if_exists: str = "reuse", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.rooms.ensure import EnsureRoom

        ensured = EnsureRoom(self.hook, self.parameters(), self.if_exists, context, self.log).find_or_create()
        return self.result(ensured.to_json())


class ClickMeetingUpdateConferenceOperator(RoomParametersOperator):
    """Update the parameters of a room that are set, and leave the others; a second run changes nothing more.

    A new `name` also changes the room's URL, unless `custom_room_url_name` is set too; the task logs a warning then. A
    new duration leaves a permanent room permanent, and a new start is an error there, unless `permanent_room=False`
    makes it a scheduled room: the task reads the room first, and sends its own `permanent_room` along.

    :param room_id: the room.
    :param status: `inactive` closes the room without deleting it, `active` opens it again.
    :return: the room, without its secrets; and `room_url_changed`, whether this try changed the room's URL.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "room_id", "status")

    def __init__(self, *, room_id: Id, status: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.status = status

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.api import calls
        from airflow_clickmeeting.rooms import drift
        from airflow_clickmeeting.rooms.ensure import update_room

        given = self.parameters() | ({} if self.status is None else {"status": self.status})
        lacks_kind = drift.lacks_kind(given)
        # raises for a wrong argument before the first request
        calls.update_conference(self.room_id, **given | ({"permanent_room": False} if lacks_kind else {}))
        must_read = lacks_kind or given.keys() & {"name", "custom_room_url_name"}
        before = self.hook.get_conference(self.room_id) if must_read else {}
        given = drift.with_kind(before, given)
        room, url_changed = update_room(self.hook, self.room_id, given, before, self.log)
        return self.result({**room, "room_url_changed": url_changed})


class ClickMeetingCheckDriftOperator(RoomParametersOperator, SkipDownstreamOperator):
    """Compare the wanted parameters of a room with ClickMeeting's, and skip the tasks downstream if nothing differs.

    So the tasks downstream repair the room, or notify somebody, only if that is necessary. The operator compares the
    parameters that are set and that ClickMeeting returns, which excludes the skin and a hidden password. It compares
    starts as instants, to the minute, durations by length, and zones by name. It only reads, so a second run does the
    same. If the room does not exist, the task fails with a `NotFoundError`: use `ClickMeetingCreateConferenceOperator`
    to create the room again.

    :param room_id: the room.
    :return: `drifted`, whether something differs, and `differences` by parameter, such as
        `{"starts_at": {"wanted": ..., "is": ...}}`; for `registration` and `settings`, the keys that differ. The values
        of a password that differs are `***`.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "room_id")

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.api import calls
        from airflow_clickmeeting.api.errors import ApiError, ParseError
        from airflow_clickmeeting.api.room_form import unknown_keys
        from airflow_clickmeeting.rooms import drift

        wanted = drift.wanted_values(**self.parameters())
        if warning := unknown_keys(wanted):
            self.log.warning("%s", warning)
        call = calls.get_conference(self.room_id)
        try:
            differences = drift.differences(self.hook.run(call), wanted)
        except ParseError as error:
            raise self.hook.error(ApiError("unexpected", str(error)), call) from None
        result = {"drifted": bool(differences), "differences": differences}
        if differences:
            self.log.info("Room %s differs: %s", self.room_id, drift.format_differences(differences))
        else:
            self.log.info("Room %s does not differ from the wanted parameters", self.room_id)
        if not differences and self.downstream_task_ids:
            self.skip_downstream(context, result)
        return result


class ClickMeetingDeleteConferenceOperator(RoomDeletionOperator):
    """Delete a room and its recordings permanently, unless a safety check blocks it; a second run deletes nothing.

    :return: `deleted`, whether it existed and was deleted; `room_id` and `name`; `recordings`, the ids of the
        recordings deleted with it; `dry_run`; and `blockers`, the reasons of the safety checks against it.
    """

    operator_extra_links = ()  # the room is gone

    def call(self) -> Call[bool]:
        from airflow_clickmeeting.api import calls

        return calls.delete_conference(self.room_id, ignore_missing=self.ignore_missing)


class ClickMeetingCheckAvailabilityOperator(ClickMeetingOperator):
    """Check whether the account can hold another event at a time. ClickMeeting does not document this operation.

    :param start_time: the start of the event, an aware datetime or ISO 8601 text.
    :param hours: the length of the event, in whole hours.
    :param room_id: an existing room that does not count.
    :return: whether the time is available.
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
        return self.hook.check_availability(start_time=self.start_time, hours=self.hours, room_id=self.room_id)


class ClickMeetingPurgeConferencesOperator(DeletionOperator):
    """Delete rooms that have not been used for a long time, and their recordings, permanently.

    The task checks all old rooms before the first deletion. It keeps the rooms that a safety check blocks. If it would
    delete more than `max_deletions` rooms, it deletes none and fails. If a request fails for one room, the task
    continues with the others. A second run, or a retry, deletes the rooms that remain.

    All conditions are checked again right before each deletion, also with `force`, because a room may have been renamed
    or used meanwhile.

    :param older_than: how long ago the last session in a room must have ended, as a timedelta or ISO 8601 text such as
        `P90D`; or the past moment before which it must have ended, as an aware datetime or ISO 8601 text. The scheduled
        time of a room counts as a session; for a permanent room that was never used, the time of its creation does.
    :param status: which rooms to list: `inactive` (not those over six months old), `active` or `all`.
    :param name_matches: a pattern for the whole name, with `*`, `?` and `[...]`, whose case matters; `all` is any
        name. A pattern that also matches rooms without a name, such as `*`, is an error.
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
        name_matches: str = ALL,
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
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.api.pagination import STATUSES
        from airflow_clickmeeting.deletion.purge import Purge, Wanted, age_of, name_pattern

        max_failures = validate.max_failures("max_failures", self.max_failures)
        wanted = Wanted(
            older_than=age_of(self.older_than),
            status=validate.one_of("status", self.status, STATUSES),
            name_matches=None if validate.is_all(self.name_matches) else name_pattern(self.name_matches),
            permanent_rooms=validate.decided("permanent_rooms", self.permanent_rooms),
        )
        max_deletions = validate.whole_number("max_deletions", self.max_deletions)
        return Purge(self.deleter(context), wanted, max_deletions).run(max_failures)
