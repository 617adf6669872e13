"""Rooms: what ClickMeeting's API calls conferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator, RoomDeletionOperator, RoomOperator
from airflow_clickmeeting.operators.purge import (
    ClickMeetingPurgeConferencesOperator as ClickMeetingPurgeConferencesOperator,
)

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.shapes import Room
    from airflow_clickmeeting.api.times import Duration, When

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


class RoomParametersOperator(ClickMeetingOperator):
    """Base of operators that say what a room shall be.

    :param name: also becomes its address unless `custom_room_url_name` does.
    :param room_type: `webinar` or `meeting`.
    :param access_type: `open` (1), `password` (2) or `token` (3).
    :param permanent_room: whether it has no start and no end.
    :param starts_at: an aware datetime or ISO 8601 text; a naive one is a wall-clock time of `timezone`. A time
        that the zone's clocks skip or show twice is refused.
    :param duration: a timedelta, minutes or `H:MM`.
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
        duration: Duration | None = None,
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


class ClickMeetingCreateConferenceOperator(RoomParametersOperator):
    """Create a room; a second run creates another one.

    `name` is needed. By default it is a webinar, open to everybody, that starts now and lasts three hours.

    :return: the room, without its secrets: `id`, `room_url`, `starts_at`, ...
    """

    def execute(self, context: Context) -> Room:
        """Create it."""
        given: dict[str, Any] = {"name": None, **self.parameters()}
        return self.result(self.hook.create_conference(**given))


class ClickMeetingUpdateConferenceOperator(RoomParametersOperator):
    """Change what is given of a room; a second run changes nothing more.

    A new `name` changes its address. A new start or duration makes a permanent room a scheduled one.

    :param room_id: the room.
    :param status: `inactive` closes the room without deleting it, `active` opens it again.
    :return: the room, without its secrets.
    """

    template_fields: Sequence[str] = (*RoomParametersOperator.template_fields, "room_id", "status")

    def __init__(self, *, room_id: Id, status: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.status = status

    def execute(self, context: Context) -> Room:
        """Change it."""
        room = self.hook.update_conference(self.room_id, status=self.status, **self.parameters())
        if "id" not in room:  # the answer may say no more than that it is done
            room = self.hook.get_conference(self.room_id)
        return self.result(room)


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
