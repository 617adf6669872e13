"""Define the objects of a ClickMeeting account: rooms, sessions, recordings and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from airflow_clickmeeting.sandbox.clock import HALF_HOUR, floor

ACCOUNT_ZONE = "Europe/Warsaw"
ACCOUNT_HOST = "acme.clickmeeting.example"
FIRST_NAME, LAST_NAME, EMAIL = 1, 2, 3
HOST_COMES_EARLY = timedelta(minutes=5)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
ARCHIVED_AFTER = timedelta(days=183)


@dataclass(slots=True)
class Person:
    """Describe a person who may attend, or attended, a session of a room."""

    uid: int
    nickname: str
    email: str | None
    since: datetime = LONG_AGO
    role: str = "listener"
    rating: str | None = None
    rating_comment: str | None = None
    device: str | None = "Mozilla/5.0 (sandbox)"
    user_ip: str = "192.0.2.1"
    city: str | None = None
    country_iso3: str | None = "POL"
    polls: Sequence[Any] = ()


class Visit(NamedTuple):
    """Describe one entry of one person. A person who rejoins has several; only the first has the rating and polls."""

    person: Person
    join: datetime
    leave: datetime
    first: bool = True


class ChatLine(NamedTuple):
    """Describe one message in the chat of a session."""

    at: datetime
    email: str | None
    nickname: str
    message: str


@dataclass
class Report:
    """Describe the job that makes the PDF report of a session in one language."""

    code: str
    requested: datetime
    polls: int = 0


@dataclass
class Session:
    """Describe one session of a room. Only a session that the schedule created has a `host`."""

    id: int
    start: datetime
    end: datetime
    host: Person | None = None
    visits: list[Visit] = field(default_factory=list)
    crowd: int = 0
    first_uid: int = 0
    chat: list[ChatLine] = field(default_factory=list)
    reports: dict[str, Report] = field(default_factory=dict)
    totals: tuple[int, int] | None = None

    @property
    def automatic(self) -> bool:
        """Return whether the schedule created the session, and not a script."""
        return self.host is not None


@dataclass
class Recording:
    """Describe a recording. ClickMeeting processes it from `ended` to `ready_at`; its id determines its bytes."""

    id: int
    name: str
    size: int
    duration: int
    started: datetime
    ended: datetime
    ready_at: datetime
    session_id: int | None = None


class Field(NamedTuple):
    """Describe a question of the registration form."""

    id: int
    label: str
    required: bool = True


@dataclass
class Registration:
    """Describe the registration of one person for a room."""

    id: int
    email: str
    nickname: str
    at: datetime
    fields: dict[str, str | None]
    r: str
    confirmed: datetime | None


# The settings of a new room.
SETTINGS: dict[str, bool | str] = {
    "show_on_personal_page": True,
    "thank_you_emails_enabled": True,
    "connection_tester_enabled": False,
    "phonegateway_enabled": False,
    "recorder_autostart_enabled": False,
    "room_invite_button_enabled": True,
    "social_media_sharing_enabled": False,
    "connection_status_enabled": True,
    "thank_you_page_url": "",
}
# The three questions that every registration form has.
FIELDS = [Field(FIRST_NAME, "First Name"), Field(LAST_NAME, "Last Name"), Field(EMAIL, "Email Address")]


@dataclass
class Room:
    """Describe a room with its tokens, registrations, sessions and recordings."""

    id: int
    created_at: datetime
    updated_at: datetime
    name: str = ""
    name_url: str = ""
    room_type: str = "webinar"
    access_type: int = 1
    permanent_room: bool = False
    starts_at: datetime | None = None
    duration: timedelta = timedelta(hours=3)
    timezone: str = ACCOUNT_ZONE
    password: str = ""
    lobby_enabled: bool = True
    lobby_description: str | None = None
    registration_enabled: bool = False
    registration_template: int = 1
    skin_id: int | None = None
    set_status: str | None = None
    settings: dict[str, bool | str] = field(default_factory=SETTINGS.copy)
    fields: list[Field] = field(default_factory=FIELDS.copy)
    tokens: dict[str, str | None] = field(default_factory=dict)  # each with the e-mail address that it is bound to
    registrations: dict[str, Registration] = field(default_factory=dict)
    guests: dict[str, Person] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    recordings: dict[int, Recording] = field(default_factory=dict)
    held_start: datetime | None = None  # the scheduled start whose session was added already

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def pin(self) -> int:
        """Return the number that addresses the room in join links. It is not the id of the room."""
        return 890_000_000 + self.id

    @property
    def url(self) -> str:
        return f"https://{ACCOUNT_HOST}/{self.name_url}"

    @property
    def ends_at(self) -> datetime | None:
        """Return the scheduled end, or None for a permanent room."""
        return self.starts_at + self.duration if self.starts_at else None

    @property
    def retired_at(self) -> datetime | None:
        """Return the time at which ClickMeeting's half-hourly job makes the ended room inactive."""
        ends_at = self.ends_at
        return floor(ends_at, HALF_HOUR) + HALF_HOUR if ends_at else None

    def status(self, now: datetime) -> str:
        """Return `active` or `inactive`."""
        if self.set_status:
            return self.set_status
        retired_at = self.retired_at
        return "inactive" if retired_at and now >= retired_at else "active"

    def archived(self, now: datetime) -> bool:
        """Return whether the room has been inactive for more than six months."""
        since = self.updated_at if self.set_status else self.retired_at
        return since is not None and now - since > ARCHIVED_AFTER and self.status(now) == "inactive"


@dataclass
class StoredFile:
    """Describe a file of the library. A large file keeps its bytes in a temporary file."""

    id: int
    name: str
    size: int
    content: IO[bytes]
    uploaded_at: datetime
    room_id: int | None = None
