"""Define what ClickMeeting returns, key by key, and which keys are secret.

Any key may be missing. ClickMeeting may add other keys, which are kept. Times are ISO 8601 text with an offset, unless
the class says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import Length, When
    from airflow_clickmeeting.api.validate import Id

T = TypeVar("T")


class RoomParameters(TypedDict, total=False):
    """The parameters of a room that people can set, see `calls.create_conference`. None is the same as no value."""

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
    encryption_enabled: bool | Id | None
    registration: Mapping[str, Any] | None
    settings: Mapping[str, Any] | None


ROOM_PARAMETERS = tuple(RoomParameters.__annotations__)
#: the keys of parameters that are dicts, as far as they are known
KNOWN_KEYS: dict[str, tuple[str, ...]] = {
    "registration": ("enabled", "template"),
    "settings": (
        "connection_status_enabled",
        "connection_tester_enabled",
        "encryption_enabled",
        "phonegateway_enabled",
        "recorder_autostart_enabled",
        "room_invite_button_enabled",
        "show_on_personal_page",
        "social_media_sharing_enabled",
        "thank_you_emails_enabled",
        "thank_you_page_url",
    ),
}


class Room(TypedDict, total=False):
    """A room. Only scheduled rooms have `starts_at`, `ends_at` and `ccc`: the start in UTC without an offset."""

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
    """An access token: six characters that let one person into a room."""

    token: str
    sent_to_email: str | None
    first_use_date: str | None


class Session(TypedDict, total=False):
    """One meeting in a room. `total_visitors` counts entries; `max_visitors` is the highest number at the same time."""

    id: int
    total_visitors: int
    max_visitors: int
    start_date: str
    end_date: str | None
    attendees: list[dict[str, Any]]
    pdf: dict[str, dict[str, Any]]


class Attendee(TypedDict, total=False):
    """One entry of a person into a session; a person who leaves and comes back has several."""

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
    """One person's registration. `fields` has the values by label; `session_id` is set when the person has attended."""

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
    """The response to a registration. `exist` is 1 if the person had registered before; `url` is a personal link."""

    status: str
    exist: int
    url: str
    r: str


class Report(TypedDict, total=False):
    """The state of a PDF report: `status` is NEW, IN PROGRESS or FINISHED, `progress` is 0 to 100."""

    status: str
    progress: int
    url: str


class Recording(TypedDict, total=False):
    """A recording (MP4): the duration in seconds, the size in bytes, `recorder_started` in UTC without an offset."""

    id: int
    conference_id: int
    recording_url: str
    recording_duration: int
    recorder_started: str
    recorder_start_date: str
    recording_file_size: int | None
    recording_name: str


class File(TypedDict, total=False):
    """A file of the library: `conversion_progress` is 0 to 100, `upload_date` is in UTC without an offset."""

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
    """A chat that can be downloaded; its `id` is that of the session."""

    id: int
    name: str
    date: str
    time: str
    timezone: str
    download_link: str


class Skin(TypedDict, total=False):
    """A design that a room can have; its `id` is text."""

    id: str
    name: str
    thumbnail_url: str


class PhoneGateway(TypedDict, total=False):
    """A telephone number for dialling in: `code` is the country, `value` the number."""

    code: str
    location: str
    value: str
    geo: dict[str, float]


# `url` and `r` are in registrations, reports, recordings and files; in all of them they are personal or signed.
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
    """Return a copy of a response without the keys that let somebody in or download something, at any depth."""
    kept: Any = data
    if isinstance(data, dict):
        kept = {key: without_secrets(value) for key, value in data.items() if key not in SECRET_KEYS}
    elif isinstance(data, list):
        kept = [without_secrets(item) for item in data]
    return kept  # type: ignore[no-any-return]


def secrets_in(data: Any) -> set[str]:
    """Return all secret texts and numbers in a response, as texts, so that logs can mask them."""
    if isinstance(data, list):
        return set().union(*map(secrets_in, data))
    if not isinstance(data, dict):
        return set()
    found = {leaf for key, value in data.items() if key in SECRET_KEYS | {"token"} for leaf in _values_in(value)}
    return found.union(*(secrets_in(value) for key, value in data.items() if key not in SECRET_KEYS))


def _values_in(value: Any) -> set[str]:
    if isinstance(value, dict | list):
        return set().union(*map(_values_in, value.values() if isinstance(value, dict) else value))
    return {str(value)} if value else set()
