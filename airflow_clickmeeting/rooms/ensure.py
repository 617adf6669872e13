"""Create a room exactly once, in however many tries of a task.

The task searches for the room before it creates one, and again if the response to the create request is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from airflow_clickmeeting.api import calls, compare, urls, validate
from airflow_clickmeeting.api.errors import ApiError, ParseError
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError, RoomExistsError, ValidationError
from airflow_clickmeeting.rooms import drift
from airflow_clickmeeting.rooms.find import Found, FoundBy, RoomQuery, fits

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


IF_EXISTS = ("reuse", "update", "fail", "create")
ADDRESS = "custom_room_url_name"
#: the key of the notes in Airflow's task state
NOTES = "clickmeeting_room"


@dataclass(frozen=True)
class EnsureResult:
    """A room, and what the task did with it.

    :param room: ClickMeeting's data of the room.
    :param created: whether this task is known to have created the room, in this try or an earlier one.
    :param found_by: how the task found the room; None if this try created it.
    :param changed: the parameters that the task changed to the wanted values.
    :param room_url_changed: whether the update changed the room's URL.
    """

    room: Room
    created: bool
    found_by: FoundBy | None = None
    changed: list[str] = field(default_factory=list)
    room_url_changed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the keys of the room, and those of this result."""
        result = {name: value for name, value in vars(self).items() if name != "room"}
        return {**self.room, **result}


class EnsureRoom:
    """Finds the room of one task, or creates it.

    :param hook: the account.
    :param parameters: those of `create_conference`.
    :param if_exists: what to do if the room exists: `reuse`, `update`, `fail` or `create`.
    :param context: the context of the task; an empty one outside of a task, which then has no marker and no notes.
    :param log: the log of the task.
    :raises ValueError: for a wrong argument.
    """

    def __init__(
        self,
        hook: ClickMeetingHook,
        parameters: Mapping[str, Any],
        if_exists: str,
        context: Context,
        log: Logger,
    ) -> None:
        self._if_exists = validate.one_of("if_exists", if_exists, IF_EXISTS)
        call = calls.create_conference(**{"name": None, **parameters})
        ti = context.get("ti")
        task = None if ti is None else (ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
        self._query = RoomQuery.for_form(call.form, task, another=self._if_exists == "create")
        self._address = self._query.address or self._query.marker
        self._call = replace(call, form={**call.form, ADDRESS: self._address})
        self._hook = hook
        self._wanted = drift.wanted_values(**parameters)
        self._log = log
        #: what a task keeps for its next try; None before Airflow 3.3
        self._store: Any = context.get("task_state_store")
        notes = {} if self._store is None else self._store.get(NOTES) or {}
        self._earlier_notes = cast("dict[str, Any]", notes)
        # the URL name of a create request that may have worked: an earlier try sent it, or was about to send it
        self._requested_address: str | None = self._earlier_notes.get("begun")

    def find_or_create(self) -> EnsureResult:
        """Find the room or create it, and update it if that is wanted.

        A second call, or a retry of the task, finds the room that the first one created.

        :raises RoomExistsError: if `if_exists` does not accept the existing room, or if several rooms match.
        :raises ClickMeetingError: if the create request failed and the room does not exist, or if the data of a room
            that may be the wanted one cannot be read.
        """
        try:
            if (found := self._get_noted_room()) is not None:
                return self._use_existing(found, own=self._earlier_notes["created"])
            if (found := self._search_rooms()) is not None:
                return self._use_existing(found, own=self._is_own(found))
            return self._create()
        except ParseError as error:
            raise self._hook.error(ApiError("unexpected", str(error)), self._call) from None

    def _note(self, **notes: Any) -> None:
        """Replace the notes for the next try; without new ones, delete them."""
        if self._store is None:
            return
        if notes:
            self._store.set(NOTES, notes)
        else:
            self._store.delete(NOTES)

    def _get_noted_room(self) -> Found | None:
        if "room_id" not in self._earlier_notes:
            return None
        room_id = self._earlier_notes["room_id"]
        try:
            return Found(self._hook.get_conference(room_id), "task_state")
        except NotFoundError:
            self._log.warning("Room %d of an earlier try does not exist any more; searching for another", room_id)
            return None

    def _search_rooms(self) -> Found | None:
        """Return the room with the URL name or the marker, else an active or else an inactive one of name and start."""
        by_name: list[Found] = []
        for status in ("active", "inactive") if self._query else ():
            if (found := self._query.find_in(self._hook.iter_conferences(status))) is not None:
                if found.by != "name_and_start":
                    return found
                by_name.append(found)
        return by_name[0] if by_name else None

    def _is_own(self, found: Found) -> bool:
        """Return whether this task has certainly created the room.

        A room at the URL of a request that may have worked is somebody else's if it is not the requested one.
        """
        if found.by == "marker" and self._query.marker_is_own:
            return True
        is_requested = compare.same_address(urls.address_of(found.room), self._requested_address)
        return is_requested and fits(found.room, self._call.form)

    def _create(self) -> EnsureResult:
        if self._address:
            # before the request, so that the next try knows the room as its own even if the worker dies now
            self._note(begun=self._address)
        try:
            room = self._hook.run(self._call)
        except ClickMeetingError as error:
            return self._find_after_error(error)
        self._note(room_id=room["id"], created=True)
        return EnsureResult(room, created=True)

    def _find_after_error(self, error: ClickMeetingError) -> EnsureResult:
        """Return the room if it exists in spite of an error of the create request, else raise the error."""
        if error.may_have_worked:
            self._log.warning(
                "No clear response to the create request; checking whether the room was created: %s", error.summary
            )
            self._requested_address = self._address
        elif self._address and not self._requested_address:
            # this request had no effect, so a room at this URL would not be the task's own
            self._note()
        # after a refusal, another run or an earlier try of this task may have taken the URL name just now
        may_exist = error.may_have_worked or (self._address and isinstance(error, ValidationError))
        if may_exist and (found := self._search_rooms()) is not None:
            return self._use_existing(found, own=self._is_own(found))
        if ADDRESS in error.fields:
            # the room that has the URL name may be listed later
            raise error.retryable(
                f"no listed room has the URL name {self._address!r}, so a retry searches again",
                f"Set another {ADDRESS}, or if_exists='create'",
            ) from error
        raise error

    def _use_existing(self, found: Found, *, own: bool) -> EnsureResult:
        """Return, update or reject an existing room, as `if_exists` says.

        :param found: the room.
        :param own: whether this task created it.
        """
        room_id = found.room["id"]
        if found.others:
            rooms = ", ".join(f"{room['id']} ({urls.address_of(room)!r})" for room in (found.room, *found.others))
            raise self._exists_error(
                f"rooms {rooms} all have this name and start, so the task cannot choose one",
                f"Delete those that nobody needs, or set {ADDRESS} to the text behind the id of the room to use, or "
                "if_exists='create' to create another",
            )
        if self._if_exists in ("fail", "create") and not own:
            raise self._exists_error(
                f"room {room_id} already exists (found by {found.by}), and if_exists={self._if_exists!r} does not "
                "accept it",
                f"Set if_exists to 'reuse' or 'update', or set another {ADDRESS}",
            )
        self._note(room_id=room_id, created=own)
        room = found.room if found.by == "task_state" else self._hook.get_conference(room_id)
        self._log.info("Found the existing room %d by %s", room_id, found.by)
        if room.get("status") == "inactive":
            self._log.warning(
                "Room %d is inactive: its scheduled time is over, or somebody closed it. This task does not open it; "
                "set another starts_at, or status='active', with ClickMeetingUpdateConferenceOperator",
                room_id,
            )
        if self._if_exists == "update":
            return self._update(room, own, found.by)
        if found.by == "marker" and not fits(room, self._call.form):
            message = "Room %d was renamed or moved since it was created; if_exists='update' would undo that"
            self._log.warning(message, room_id)
        return EnsureResult(room, own, found.by)

    def _update(self, room: Room, own: bool, found_by: FoundBy) -> EnsureResult:
        sent = drift.update_parameters(room, self._wanted)
        if not sent:
            return EnsureResult(room, own, found_by)
        differences = drift.differences(room, self._wanted)
        self._log.info("Updating room %d: %s", room["id"], drift.format_differences(differences))
        updated, url_changed = update_room(self._hook, room["id"], sent, room, self._log)
        if remaining := drift.differences(updated, self._wanted):
            self._log.warning(
                "ClickMeeting accepted the update of room %d but did not change: %s. Change it in the account panel",
                room["id"],
                drift.format_differences(remaining),
            )
        changed = [name for name in differences if name not in remaining]
        return EnsureResult(updated, own, found_by, changed, url_changed)

    def _exists_error(self, message: str, cure: str) -> RoomExistsError:
        problem = ApiError("other", message, cure=cure)
        return RoomExistsError(problem, self._call.name, self._hook.clickmeeting_conn_id, self._call.path)


def update_room(
    hook: ClickMeetingHook, room_id: int | str, parameters: Mapping[str, Any], before: Room, log: Logger
) -> tuple[Room, bool]:
    """Update a room, and return it with whether its URL changed, of which the log gets a warning.

    :param hook: the account.
    :param room_id: the room.
    :param parameters: those of `update_conference`.
    :param before: ClickMeeting's data of the room before the update; without a `room_url`, no change is detected.
    :param log: the log of the task.
    """
    room = hook.update_conference(room_id, **parameters)
    if "id" not in room:  # the response may only confirm the update
        room = hook.get_conference(room_id)
    old, new = before.get("room_url"), room.get("room_url")
    url_changed = old is not None and old != new
    if url_changed:
        message = "The URL of room %s changed from %r to %r; links to the old URL may not work, so give out the new one"
        log.warning(message, room_id, old, new)
    return room, url_changed
