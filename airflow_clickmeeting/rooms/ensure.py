"""Makes a room once, however often a task is tried: it looks before it makes, and again when an answer was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api import calls, compare, urls, validate
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError, RoomExistsError, ValidationError
from airflow_clickmeeting.rooms import drift
from airflow_clickmeeting.rooms.find import Found, FoundBy, RoomQuery, marker

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


IF_EXISTS = ("reuse", "update", "fail", "create")


@dataclass(frozen=True)
class EnsureResult:
    """A room, and what was done for it.

    :param created: this task made it, now or in an earlier try.
    :param found_by: how it was found; None when it was made now.
    :param changed: the parameters that were brought to what is wanted.
    :param room_url_changed: whether that gave it another address.
    """

    room: Room
    created: bool
    found_by: FoundBy | None = None
    changed: list[str] = field(default_factory=list)
    room_url_changed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the room with what was done among its keys."""
        done = {name: value for name, value in vars(self).items() if name != "room"}
        return {**self.room, **done}


class TaskNotes:
    """What a task keeps for its next try: Airflow's task state, from 3.3 on; nothing below that."""

    KEY = "clickmeeting_room"

    def __init__(self, context: Context) -> None:
        self._store: Any = context.get("task_state_store")

    def read(self) -> dict[str, Any]:
        """Return what the last try noted."""
        return dict(self._store.get(self.KEY) or {}) if self._store is not None else {}

    def write(self, **what: Any) -> None:
        """Note something instead."""
        if self._store is not None:
            self._store.set(self.KEY, what)

    def clear(self) -> None:
        """Forget it."""
        if self._store is not None:
            self._store.delete(self.KEY)


class EnsureRoom:
    """One task's room.

    :param hook: the account.
    :param parameters: those of `create_conference`.
    :param if_exists: what becomes of a room that is there already.
    :param context: the task's.
    :param log: the task's.
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
        mark = marker(call.form["name"], ti.dag_id, ti.task_id, ti.run_id, ti.map_index) if ti is not None else None
        whatever = RoomQuery.for_form(call.form, mark)
        self._own = RoomQuery(whatever.address, whatever.marker)
        self._address = whatever.address or whatever.marker
        self._call = replace(call, form={**call.form, "custom_room_url_name": self._address})
        self._hook = hook
        self._wanted = drift.wanted_of(**parameters)
        self._log = log
        self._notes = TaskNotes(context)
        self._noted = self._notes.read()
        self._begun: str | None = self._noted.get("begun")
        # a namesake does not count for who wants another room
        self._search = self._own if self._if_exists == "create" else whatever

    def outcome(self) -> EnsureResult:
        """Find the room, or make it.

        :raises RoomExistsError: for a room that must not be there, or several that may be meant.
        """
        if (found := self._remembered()) is not None:
            return self._settled(found, own=self._noted["created"])
        if (found := self._look(self._search)) is not None:
            return self._settled(found, own=self._is_own(found))
        return self._made()

    def _remembered(self) -> Found | None:
        if "room_id" not in self._noted:
            return None
        try:
            return Found(self._hook.get_conference(self._noted["room_id"]), "task_state")
        except NotFoundError:
            self._log.warning("Room %d, which an earlier try had, is gone", self._noted["room_id"])
            return None

    def _look(self, search: RoomQuery) -> Found | None:
        """Look for a room, among those that are over or closed only where it is nowhere else."""
        if not search:
            return None
        active = search.find_in(self._hook.iter_conferences("active"))
        return active or search.find_in(self._hook.iter_conferences("inactive"))

    def _is_own(self, found: Found) -> bool:
        return found.by == "marker" or compare.same_address(urls.address_of(found.room), self._begun)

    def _made(self) -> EnsureResult:
        if self._address:
            self._notes.write(begun=self._address)
        try:
            room = self._hook.run(self._call)
        except ClickMeetingError as error:
            return self._after(error)
        self._notes.write(room_id=room["id"], created=True)
        return EnsureResult(room, created=True)

    def _after(self, error: ClickMeetingError) -> EnsureResult:
        """Return the room that is there in spite of an error, or raise that."""
        if error.may_have_worked:
            self._log.warning(
                "No clear response to the create request; checking whether the room was created: %s", error
            )
            # it was not there before
            if (found := self._look(self._own or self._search)) is not None:
                return self._settled(found, own=True)
            raise error
        if self._address and not self._begun:
            self._notes.clear()
        # perhaps somebody, or an earlier try of this task, took the address just now
        found = self._look(self._search) if self._address and isinstance(error, ValidationError) else None
        if found is not None:
            return self._settled(found, own=self._is_own(found))
        raise error

    def _settled(self, found: Found, *, own: bool) -> EnsureResult:
        """Do with a room that is there what the author wants."""
        room_id = found.room["id"]
        if found.others:
            raise self._refusal(
                f"rooms {', '.join(map(str, (room_id, *found.others)))} all have this name and start; say which one is "
                "meant with custom_room_url_name, or make another one with if_exists='create'"
            )
        if self._if_exists in ("fail", "create") and not own:
            raise self._refusal(f"room {room_id} is there already, found by its {found.by}")
        self._notes.write(room_id=room_id, created=own)
        room = found.room if found.by == "task_state" else self._hook.get_conference(room_id)
        self._log.info("Room %d is there already, found by its %s", room_id, found.by)
        if room.get("status") == "inactive":
            self._log.warning("Room %d is inactive: it is over, or somebody closed it", room_id)
        if self._if_exists != "update":
            return EnsureResult(room, own, found.by)
        return self._updated(room, own, found.by)

    def _updated(self, room: Room, own: bool, found_by: FoundBy) -> EnsureResult:
        sent = drift.to_send(room, self._wanted)
        if not sent:
            return EnsureResult(room, own, found_by)
        differences = drift.differences(room, self._wanted)
        self._log.info("Room %d is brought to what is wanted: %s", room["id"], drift.told(differences))
        changed, moved = update_room(self._hook, room["id"], sent, room, self._log)
        if left := drift.differences(changed, self._wanted):
            self._log.warning(
                "ClickMeeting accepted the update of room %d but did not change: %s", room["id"], drift.told(left)
            )
        return EnsureResult(changed, own, found_by, [name for name in differences if name not in left], moved)

    def _refusal(self, message: str) -> RoomExistsError:
        return RoomExistsError(
            ApiError("other", message), self._call.name, self._hook.clickmeeting_conn_id, self._call.path
        )


def update_room(
    hook: ClickMeetingHook, room_id: int | str, parameters: Mapping[str, Any], before: Room, log: Logger
) -> tuple[Room, bool]:
    """Change a room, and return it, and whether it has another address than before.

    :param before: a reading of the room.
    :param parameters: those of `update_conference`.
    """
    room = hook.update_conference(room_id, **parameters)
    if "id" not in room:  # the answer may say no more than that it is done
        room = hook.get_conference(room_id)
    old, new = before.get("room_url"), room.get("room_url")
    moved = old is not None and old != new
    if moved:
        log.warning("Room %s has a new address, %s; it was %s, and links to that may lead nowhere", room_id, new, old)
    return room, moved
