"""Assets and their watchers, which start DAGs when something happened on ClickMeeting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetWatcher

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.triggers.watcher import Found, Watcher

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Recording, Registration, Room, Session
    from airflow_clickmeeting.triggers.cursor import Event
    from airflow_clickmeeting.triggers.feeds import Snapshot

__all__ = [
    "WATCHERS",
    "ClickMeetingConferenceCreatedTrigger",
    "ClickMeetingRecordingReadyTrigger",
    "ClickMeetingRegistrationTrigger",
    "ClickMeetingSessionEndedTrigger",
    "ClickMeetingSessionStartedTrigger",
    "clickmeeting_asset",
]

DEFAULT_INTERVAL = 60.0
MIN_INTERVAL = 5.0


class ClickMeetingConferenceCreatedTrigger(Watcher):
    """Fires when somebody created a room.

    The payload has `room_type`, `permanent_room`, `created_at`, `starts_at`, `ends_at` and `timezone`.
    """

    event_name = "conference_created"
    feed = "conferences"

    def items(self, snapshot: Snapshot) -> Iterator[tuple[int, str, Room]]:
        """Yield the rooms."""
        return ((room_id, str(room_id), room) for room_id, room in snapshot.rooms.items())

    def read_item(self, room_id: int, item: Room, now: datetime) -> Found:
        """Return the creation of a room."""
        names = ("room_type", "permanent_room", "created_at", "starts_at", "ends_at", "timezone")
        return _moment(item.get("created_at")), {key: item.get(key) for key in names}


class ClickMeetingRegistrationTrigger(Watcher):
    """Fires when somebody registered.

    The payload has `registration_id` and `registered_at`, but no name and no e-mail address.
    """

    event_name = "registration"
    feed = "registrations"
    lookback = timedelta(days=1)

    def read_item(self, room_id: int, item: Registration, now: datetime) -> Found:
        """Return the registration."""
        facts = {"registration_id": item["id"], "registered_at": item["registration_date"]}
        return _moment(item["registration_date"]), facts


class ClickMeetingSessionStartedTrigger(Watcher):
    """Fires when a session started. The payload has `session_id` and `started_at`."""

    event_name = "session_started"
    feed = "sessions"

    def read_item(self, room_id: int, item: Session, now: datetime) -> Found:
        """Return the start of a session, whether it is over or not."""
        return _moment(item.get("start_date")), {"session_id": item["id"], "started_at": item.get("start_date")}


class ClickMeetingSessionEndedTrigger(Watcher):
    """Fires when a session has ended and its reports are complete.

    The payload has `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.

    :param settle: the session must have ended this many seconds ago; then the attendee list must be the same at two
        polls in a row. With zero, the end counts at once.
    """

    event_name = "session_ended"
    feed = "sessions"

    def __init__(self, *, settle: float = 300, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settle = settle

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database, with `settle`."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "settle": self.settle}

    def read_item(self, room_id: int, item: Session, now: datetime) -> Found | None:
        """Return the end of a session that ended at least `settle` seconds ago."""
        from airflow_clickmeeting.api.facts import over_for, session_facts

        return (_moment(item["end_date"]), session_facts(room_id, item)) if over_for(item, self.settle, now) else None

    def confirm_with(self, event: Event) -> Call[str] | None:
        """Return the call for the fingerprint of the session's attendee list."""
        from airflow_clickmeeting.api import calls
        from airflow_clickmeeting.waiting.conditions import fingerprint_call

        if not self.settle:
            return None
        return fingerprint_call(calls.list_session_attendees(event.room_id, event.facts["session_id"]))


class ClickMeetingRecordingReadyTrigger(Watcher):
    """Fires when ClickMeeting has processed a recording: its size is known, and the same at two polls in a row.

    The payload has `recording_id`, `name`, `started_at`, `duration` in seconds and `size` in bytes, but not the link,
    which expires after minutes.
    """

    event_name = "recording_ready"
    feed = "recordings"
    # an event has the date of the recording's start, and the recording may be ready a day later
    lookback = timedelta(days=30)

    def read_item(self, room_id: int, item: Recording, now: datetime) -> Found | None:
        """Return a recording that has a size."""
        from airflow_clickmeeting.api.facts import recorded, recorded_at, recording_facts

        return (recorded_at(item), recording_facts(item)) if recorded(item) else None

    def confirm_with(self, event: Event) -> str:
        """Return the size, which may grow while ClickMeeting processes the recording."""
        return str(event.facts["size"])


WATCHERS: dict[str, type[Watcher]] = {
    each.event_name: each
    for each in (
        ClickMeetingConferenceCreatedTrigger,
        ClickMeetingRegistrationTrigger,
        ClickMeetingSessionStartedTrigger,
        ClickMeetingSessionEndedTrigger,
        ClickMeetingRecordingReadyTrigger,
    )
}


def clickmeeting_asset(
    event: str,
    *,
    clickmeeting_conn_id: str = DEFAULT_CONN_ID,
    room_id: Id = validate.ALL,
    room_name: str = validate.ALL,
    name: str | None = None,
    interval: float = DEFAULT_INTERVAL,
    settle: float | None = None,
) -> Asset:
    """Return an asset, with its watcher, that gets an event whenever something happened on ClickMeeting.

    Schedule a DAG on it with `schedule=[clickmeeting_asset(...)]`. Each event's `extra["payload"]` holds a stable `id`,
    the `event`, `room_id`, `room_name`, and what the watcher's class adds. One run of the DAG may get several events.

    :param event: `conference_created`, `registration`, `session_started`, `session_ended` or `recording_ready`.
    :param clickmeeting_conn_id: the connection.
    :param room_id: the only room to watch, or `all` (default) for all rooms of the account.
    :param room_name: a pattern such as `Weekly*` for the names of the rooms to watch, or `all`; case does not matter.
    :param name: the asset's name, under which the watcher stores what it has reported; by default it is made of the
        other arguments. Two assets with different arguments must not have the same name, because Airflow would let
        their watchers end each other.
    :param interval: seconds between two polls, at least five. Watchers with the same interval share their requests.
    :param settle: only for `session_ended`: the session must have ended this many seconds ago, by default 300; then the
        attendee list must be the same at two polls in a row. With zero, the end counts at once.
    """
    validate.one_of("event", event, WATCHERS)
    watcher = WATCHERS[event]
    options: dict[str, Any] = {"clickmeeting_conn_id": clickmeeting_conn_id, "interval": interval}
    if not interval >= MIN_INTERVAL:
        validate.bad_argument("interval", interval, f"{MIN_INTERVAL:g} seconds or more")
    if not validate.is_all(room_id):
        if watcher is ClickMeetingConferenceCreatedTrigger or not validate.is_all(room_name):
            validate.bad_argument("room_id", room_id, "left out for conference_created, and with room_name")
        options["room_id"] = validate.identifier("room_id", room_id, also="'all'")
    if not validate.is_all(room_name):
        options["room_name"] = validate.filled("room_name", room_name)
    if settle is not None:
        if watcher is not ClickMeetingSessionEndedTrigger or not settle >= 0:
            validate.bad_argument("settle", settle, "zero or more seconds, and only for session_ended")
        options["settle"] = settle
    identity = _identity(event, **options)
    uri = f"clickmeeting://{quote(f'{name}/{identity}' if name else identity)}"
    name = name or identity
    if _uris.setdefault(name, uri) != uri:
        raise ValueError(
            f"name must be another one: {name!r} is already the name of an asset with other arguments. Two watchers "
            "with one name would end each other; leave name out to get a name made of the arguments."
        )
    trigger = watcher(asset_name=name, **options)
    return Asset(name=name, uri=uri, watchers=[AssetWatcher(name=event, trigger=trigger)])


#: the URI of each asset that this process has created, by name
_uris: dict[str, str] = {}


def _identity(
    event: str,
    *,
    clickmeeting_conn_id: str,
    interval: float,
    room_id: int | None = None,
    room_name: str | None = None,
    settle: float | None = None,
) -> str:
    """Return a text that differs for assets with different arguments, and is short for the defaults."""
    rooms = [] if room_id is None else [str(room_id)]
    if room_name is not None:
        rooms = [f"name={room_name}" if room_name.isdecimal() else room_name]
    others = {"interval": None if interval == DEFAULT_INTERVAL else interval, "settle": settle}
    return "/".join(
        [
            clickmeeting_conn_id,
            event,
            *rooms,
            *[f"{key}={value:g}" for key, value in others.items() if value is not None],
        ]
    )


def _moment(written: str | None) -> datetime | None:
    return times.parse(written) if written else None
