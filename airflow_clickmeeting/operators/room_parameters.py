"""What the operators share that say what a room shall be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
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
