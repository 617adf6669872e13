"""Assets and their watchers, which start DAGs when something happened on ClickMeeting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow.sdk import Asset, AssetWatcher

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.times import Length
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.triggers.watcher import Found, Watcher

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.api.types import Recording, Registration, Room, Session
    from airflow_clickmeeting.triggers.attendees import Person
    from airflow_clickmeeting.triggers.cursor import Event
    from airflow_clickmeeting.triggers.feeds import Snapshot

__all__ = [
    "WATCHERS",
    "ClickMeetingAttendeeJoinedTrigger",
    "ClickMeetingAttendeeLeftTrigger",
    "ClickMeetingConferenceCreatedTrigger",
    "ClickMeetingRecordingReadyTrigger",
    "ClickMeetingRegistrationTrigger",
    "ClickMeetingSessionEndedTrigger",
    "ClickMeetingSessionStartedTrigger",
    "ClickMeetingStartsSoonTrigger",
    "clickmeeting_asset",
]

DEFAULT_INTERVAL = 60.0
MIN_INTERVAL = 5.0
#: how long before the start of a room `starts_soon` happens, if the asset does not say it
DEFAULT_BEFORE = (timedelta(days=7), timedelta(days=1), timedelta(hours=1))
#: a length of time before a start must have so many intervals; in a shorter one there might be no poll
MIN_POLLS = 3


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


class _SettlingWatcher(Watcher):
    """Base of the watchers of ends, which may change for a while.

    :param settle: seconds that must have passed since the end.
    """

    def __init__(self, *, settle: float = 300, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settle = settle

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database, with `settle`."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "settle": self.settle}


class ClickMeetingSessionEndedTrigger(_SettlingWatcher):
    """Fires when a session has ended and its reports are complete.

    The payload has `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.

    :param settle: the session must have ended this many seconds ago; then the attendee list must be the same at two
        polls in a row. With zero, the end counts at once.
    """

    event_name = "session_ended"
    feed = "sessions"

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


class ClickMeetingAttendeeJoinedTrigger(Watcher):
    """Fires when a person joined a session for the first time, once for each person and session.

    The payload has `session_id`, `joined_at`, `role` and `uid`, the visitor's id, but no name and no e-mail address.
    Entries with the same address, or with the same `uid`, are of one person.
    """

    event_name = "attendee_joined"
    feed = "attendees"
    lookback = timedelta(days=1)

    def read_item(self, room_id: int, item: Person, now: datetime) -> Found:
        """Return the first join of a person."""
        return _moment(item["start_date"]), _person_facts(item)


class ClickMeetingAttendeeLeftTrigger(_SettlingWatcher):
    """Fires when a person has left a session and has not come back, once for each person and session.

    The payload has `left_at`, and what that of `attendee_joined` has. Who comes back later has no second event.

    :param settle: the person must have been away for this many seconds. With zero, a leave counts at once.
    """

    event_name = "attendee_left"
    feed = "attendees"
    lookback = timedelta(days=1)

    def read_item(self, room_id: int, item: Person, now: datetime) -> Found | None:
        """Return when a person left who has been away for `settle` seconds."""
        from airflow_clickmeeting.api.facts import over_for

        if not over_for({"end_date": item["end_date"]}, self.settle, now):
            return None
        return _moment(item["end_date"]), {**_person_facts(item), "left_at": item["end_date"]}


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


class ClickMeetingStartsSoonTrigger(Watcher):
    """Fires at moments before the planned start of each room, such as a day and an hour before it.

    Each event is of one room, one start and one length of time. If a room moves to another start, the moments before
    that start are new ones. A moment that is more than an hour ago when the watcher first sees the start is not
    reported, unless the watcher did not run; and none is reported once the start has come, for a permanent room, or for
    a room that is inactive or deleted.

    The payload has `starts_at`, `ends_at`, `timezone`, and `before` as ISO 8601 text, such as `P7D`.

    :param before: lengths of time: timedeltas, or ISO 8601 text. A day has 24 hours, also when the clocks change.
    """

    event_name = "starts_soon"
    feed = "conferences"
    # rooms that begin sooner than they were planned before, and those that a poll or two did not show
    lookback = timedelta(hours=1)
    follows_clock = True

    def __init__(self, *, before: Sequence[Length] = DEFAULT_BEFORE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before = [times.length("before", each) for each in before]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments for Airflow's database, with `before` as texts."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "before": [*map(times.iso_length, self.before)]}

    def items(self, snapshot: Snapshot) -> Iterator[tuple[int, str, tuple[Room, datetime, str] | ParseError]]:
        """Yield the rooms whose start is ahead, with each moment that has come and its length of time."""
        lengths = [(before, times.iso_length(before)) for before in self.before]
        for room_id, room in snapshot.rooms.items():
            written = room.get("starts_at")
            if not written or room.get("permanent_room") is True or room.get("status", "active") != "active":
                continue
            try:
                start = times.parse(written)
            except ParseError as error:
                yield room_id, str(room_id), error
                continue
            if start <= snapshot.now:
                continue
            for before, text in lengths:
                if start - before <= snapshot.now:
                    # the same start may be written with another offset
                    utc = f"{start.astimezone(UTC):%Y%m%dT%H%M%SZ}"
                    yield room_id, f"{room_id}-{utc}-{text}", (room, start - before, text)

    def read_item(self, room_id: int, item: tuple[Room, datetime, str] | ParseError, now: datetime) -> Found:
        """Return a moment before the start of a room."""
        if isinstance(item, ParseError):
            raise item
        room, moment, before = item
        return moment, {**{key: room.get(key) for key in ("starts_at", "ends_at", "timezone")}, "before": before}


WATCHERS: dict[str, type[Watcher]] = {
    each.event_name: each
    for each in (
        ClickMeetingConferenceCreatedTrigger,
        ClickMeetingRegistrationTrigger,
        ClickMeetingSessionStartedTrigger,
        ClickMeetingSessionEndedTrigger,
        ClickMeetingAttendeeJoinedTrigger,
        ClickMeetingAttendeeLeftTrigger,
        ClickMeetingRecordingReadyTrigger,
        ClickMeetingStartsSoonTrigger,
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
    before: Sequence[Length] | None = None,
) -> Asset:
    """Return an asset, with its watcher, that gets an event whenever something happened on ClickMeeting.

    Schedule a DAG on it with `schedule=[clickmeeting_asset(...)]`. Each event's `extra["payload"]` holds a stable `id`,
    the `event`, `room_id`, `room_name`, and what the watcher's class adds. One run of the DAG may get several events.

    :param event: `conference_created`, `registration`, `session_started`, `session_ended`, `attendee_joined`,
        `attendee_left`, `recording_ready` or `starts_soon`.
    :param clickmeeting_conn_id: the connection.
    :param room_id: the only room to watch, or `all` (default) for all rooms of the account.
    :param room_name: a pattern such as `Weekly*` for the names of the rooms to watch, or `all`; case does not matter.
    :param name: the asset's name, under which the watcher stores what it has reported; by default it is made of the
        other arguments. Two assets with different arguments must not have the same name, because Airflow would let
        their watchers end each other.
    :param interval: seconds between two polls, at least five. Watchers with the same interval share their requests.
    :param settle: for `session_ended`: the session must have ended this many seconds ago, by default 300; then the
        attendee list must be the same at two polls in a row. With zero, the end counts at once. For
        `attendee_left`: how many seconds ago the person must have left.
    :param before: only for `starts_soon`: how long before the planned start of a room to create an event, as a list of
        timedeltas, or of ISO 8601 texts such as `P1D`; by default seven days, one day and one hour. Each must be at
        least three intervals.
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
        if not issubclass(watcher, _SettlingWatcher) or not settle >= 0:
            validate.bad_argument("settle", settle, "zero or more seconds, and only for session_ended or attendee_left")
        options["settle"] = settle
    if before is not None:
        options["before"] = _lengths(before, watcher, timedelta(seconds=MIN_POLLS * interval))
    identity = _identity(event, **options)
    # the connection comes first, because it is the namespace in lineage
    uri = f"clickmeeting://{quote(identity)}" + (f"?{urlencode({'name': name})}" if name else "")
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


def _lengths(before: Sequence[Length], watcher: type[Watcher], least: timedelta) -> list[str]:
    """Return the argument `before` as different texts, the longest length first."""
    if watcher is not ClickMeetingStartsSoonTrigger:
        validate.bad_argument("before", before, "left out, except for starts_soon")
    lengths = {times.length("before", each) for each in validate.rows("before", before, "lengths of time")}
    for each in lengths:
        if each < least:
            validate.bad_argument(
                "before", each, f"{MIN_POLLS} intervals ({least}) or more, so that polls come before the start"
            )
    return [times.iso_length(each) for each in sorted(lengths, reverse=True)]


def _identity(
    event: str,
    *,
    clickmeeting_conn_id: str,
    interval: float,
    room_id: int | None = None,
    room_name: str | None = None,
    settle: float | None = None,
    before: Sequence[str] | None = None,
) -> str:
    """Return a text that differs for assets with different arguments, and is short for the defaults."""
    rooms = [] if room_id is None else [str(room_id)]
    if room_name is not None:
        rooms = [f"name={room_name}" if room_name.isdecimal() else room_name]
    numbers = {"interval": None if interval == DEFAULT_INTERVAL else interval, "settle": settle}
    return "/".join(
        [
            clickmeeting_conn_id,
            event,
            *rooms,
            *[f"{key}={value:g}" for key, value in numbers.items() if value is not None],
            *([f"before={','.join(before)}"] if before else []),
        ]
    )


def _person_facts(item: Person) -> dict[str, Any]:
    return {
        "session_id": item["session_id"],
        "uid": item["uid"],
        "role": item["role"],
        "joined_at": item["start_date"],
    }


def _moment(written: str | None) -> datetime | None:
    return times.parse(written) if written else None
