"""What comes back from ClickMeeting, key by key, and which keys are secret (reference 1.11 and 2 to 10).

Every key may be absent, and ClickMeeting may add others, which pass through. Instants are ISO 8601 with an
offset unless a key says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import Length, When
    from airflow_clickmeeting.api.validate import Id

T = TypeVar("T")


class RoomParameters(TypedDict, total=False):
    """What people can set of a room; `calls.create_conference` says what each means. None is left out."""

    name: str | None
    room_type: str | None
    access_type: Id | None
    permanent_room: bool | Id | None
    starts_at: When | None
    duration: Length | None
    timezone: str | None
    password: str | None
    custom_room_url_name: str | None
    lobby_enabled: bool | Id | None
    lobby_description: str | None
    skin_id: Id | None
    registration: Mapping[str, Any] | None
    settings: Mapping[str, Any] | None


ROOM_PARAMETERS = tuple(RoomParameters.__annotations__)


class Room(TypedDict, total=False):
    """A conference. Scheduled rooms alone have `starts_at`, `ends_at` and `ccc` (the start as naive UTC)."""

    id: int
    room_type: str
    room_pin: int
    name: str
    name_url: str
    starts_at: str
    ends_at: str
    ccc: str
    access_type: int
    password: str
    lobby_enabled: bool
    lobby_description: str | None
    registration_enabled: bool
    registration: dict[str, Any]
    status: str
    timezone: str
    timezone_offset: int
    paid_enabled: bool
    automated_enabled: bool
    type: int
    created_at: str
    updated_at: str
    permanent_room: bool
    access_role_hashes: dict[str, str]
    room_url: str
    phone_presenter_pin: int
    phone_listener_pin: int
    embed_room_url: str
    widgets_hash: str
    recorder_list: list[str]
    settings: dict[str, Any]
    autologin_hashes: dict[str, str]
    autologin_hash: str


class Token(TypedDict, total=False):
    """An access token: six characters that let one person in."""

    token: str
    sent_to_email: str | None
    first_use_date: str | None


class Session(TypedDict, total=False):
    """One actual meeting in a room; `total_visitors` counts entries, `max_visitors` is the peak."""

    id: int
    total_visitors: int
    max_visitors: int
    start_date: str
    end_date: str | None
    attendees: list[dict[str, Any]]
    pdf: dict[str, dict[str, Any]]


class Attendee(TypedDict, total=False):
    """One entry of one person into a session; who leaves and comes back has several."""

    uid: str
    role: str
    nickname: str
    email: str | None
    device: str
    rating: str | None
    rating_comment: str | None
    start_date: str
    end_date: str | None
    user_ip: str
    city: str | None
    country_iso3: str | None
    polls: list[dict[str, Any]]


class Registration(TypedDict, total=False):
    """One person's registration; `fields` is keyed by label, `session_id` is set once the person came."""

    id: int
    visitor_nickname: str
    email: str
    registration_date: str
    registration_confirmed: str | None
    session_id: int | None
    fields: dict[str, str | None]
    url: str
    r: str
    http_referer: str | None
    geo: dict[str, str | None]


class Registered(TypedDict, total=False):
    """The answer to a registration: `exist` is 1 for someone who had registered before; `url` is personal."""

    status: str
    exist: int
    url: str
    r: str


class Report(TypedDict, total=False):
    """A PDF report in the making: `status` is NEW, IN PROGRESS or FINISHED, `progress` 0 to 100."""

    status: str
    progress: int
    url: str


class Recording(TypedDict, total=False):
    """A recording (MP4): duration in seconds, size in bytes, `recorder_started` naive UTC."""

    id: int
    conference_id: int
    recording_url: str
    recording_duration: int
    recorder_started: str
    recorder_start_date: str
    recording_file_size: int | None
    recording_name: str


class File(TypedDict, total=False):
    """A file of the library: `conversion_progress` 0 to 100, `upload_date` naive UTC."""

    id: int
    name: str
    document_type: str
    conversion_progress: int
    status: str
    status_message: str
    upload_date: str
    url: str
    created_at: str


class Chat(TypedDict, total=False):
    """A chat that can be downloaded; its `id` is the session's."""

    id: int
    name: str
    date: str
    time: str
    timezone: str
    download_link: str


class Skin(TypedDict, total=False):
    """A look that a room can have; the `id` is a string."""

    id: str
    name: str
    thumbnail_url: str


class PhoneGateway(TypedDict, total=False):
    """A number to dial in: `code` is the country, `value` the number."""

    code: str
    location: str
    value: str
    geo: dict[str, float]


# `url` and `r` stand in registrations, reports, recordings and files, and are personal or signed in all of them.
SECRET_KEYS = frozenset(
    {
        "access_role_hashes",
        "autologin_hash",
        "autologin_hashes",
        "embed_room_url",
        "password",
        "phone_listener_pin",
        "phone_presenter_pin",
        "r",
        "recorder_list",
        "recording_url",
        "room_pin",
        "url",
    }
)


def without_secrets(data: T) -> T:
    """Return a copy of an answer without the keys that let somebody in or download something."""
    return _without(data)  # type: ignore[no-any-return]


def _without(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without(value) for key, value in data.items() if key not in SECRET_KEYS}
    return [_without(item) for item in data] if isinstance(data, list) else data


def secrets_in(data: Any) -> set[str]:
    """Return every secret text or number of an answer, so that logs can be told to mask it."""
    if isinstance(data, list):
        return set().union(*map(secrets_in, data))
    if not isinstance(data, dict):
        return set()
    found = {leaf for key, value in data.items() if key in SECRET_KEYS | {"token"} for leaf in _leaves(value)}
    return found.union(*(secrets_in(value) for key, value in data.items() if key not in SECRET_KEYS))


def _leaves(value: Any) -> set[str]:
    if isinstance(value, dict | list):
        return set().union(*map(_leaves, value.values() if isinstance(value, dict) else value))
    return {str(value)} if value else set()
