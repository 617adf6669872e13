"""Sentences about waiting, which are the same in all modes: what is awaited, what changed, and how long it took.

Names and texts that come from ClickMeeting are shortened, and cannot look like lines of a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_clickmeeting.api import times, urls
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.redact import mask, without_addresses
from airflow_clickmeeting.api.types import Room
from airflow_clickmeeting.exceptions import AuthenticationError, ClickMeetingError, NotFoundError

#: the most characters of a room's name, and of any other text, in a line
MAX_NAME, MAX_TEXT = 80, 500
#: what two clocks may differ without a word about it: the `Date` of a response has whole seconds, and is late
SAME_TIME = timedelta(minutes=1)
#: what errors mean after a poll that worked
MEANWHILE: dict[type, str] = {
    NotFoundError: (
        "Earlier polls found it, so somebody has deleted it on ClickMeeting, or the connection has the key of another "
        "account now. If the webinar was cancelled, mark this task as success or as failed instead of clearing it"
    ),
    AuthenticationError: "Earlier polls worked, so somebody has changed the key on ClickMeeting or in the connection",
}


def clean(text: str, most: int = MAX_TEXT, end: str = "...") -> str:
    """Return a text in one line, shortened, without secrets and e-mail addresses.

    :param most: the most characters before `end`.
    :param end: what stands in the place of the rest.
    """
    masked = without_addresses(mask(text[: 10 * most]))
    return masked if len(masked) <= most else f"{masked[:most]}{end}"


def format_length(seconds: float) -> str:
    """Return a length of time such as `58 s`, `12 min`, `3 h 12 min` or `6 d 5 h`."""
    if seconds < 120:
        return f"{round(seconds, 1 if seconds < 10 else None):g} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def format_moment(moment: datetime) -> str:
    """Return a time with the zone it is in, or with its offset."""
    return f"{moment:%Y-%m-%d %H:%M} {_zone_name(moment)}"


def _zone_name(moment: datetime) -> str:
    return getattr(moment.tzinfo, "key", None) or str(moment.tzname())


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RoomPlan:
    """What lines say about a room.

    :param name: the name as a line shows it; empty if nothing is known about the room.
    :param starts_at: the planned start in the room's zone; None for a permanent room.
    :param ends_at: the planned end in the room's zone.
    :param url: the public URL, for the link in Airflow's UI.
    """

    name: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    url: str = field(default="", compare=False)

    @classmethod
    def of(cls, room: Room) -> RoomPlan:
        """Return the plan of a room; a time that cannot be read is left out."""
        name = clean(str(room.get("name") or room.get("id")), MAX_NAME)
        url = urls.public_room_url(room.get("room_url"))
        return cls(name, _local_time(room, "starts_at"), _local_time(room, "ends_at"), url)

    def describe(self, now: datetime) -> str:
        """Return the name, the planned times, and how far the start is from now."""
        if self.starts_at is None:
            return f"Room '{self.name}' has no planned times"
        until = ""
        if self.ends_at is not None:
            same_day = self.ends_at.date() == self.starts_at.date()
            until = f" to {self.ends_at:%H:%M}" if same_day else f" to {self.ends_at:%Y-%m-%d %H:%M}"
        planned = f"{self.starts_at:%Y-%m-%d %H:%M}{until} {_zone_name(self.starts_at)}"
        start = f"the start {'is' if self.starts_at > now else 'was'} {times.in_words(self.starts_at, now)}"
        return f"Room '{self.name}' is planned for {planned}; {start}"


def _local_time(room: Room, key: str) -> datetime | None:
    try:
        moment = times.parse(str(room[key]))  # type: ignore[literal-required]
    except (KeyError, ParseError):
        return None
    try:
        return moment.astimezone(times.zone(str(room.get("timezone"))))
    except ValueError:
        return moment


def format_time_there(now: datetime, local: datetime, plan: RoomPlan | None) -> str:
    """Return the time at ClickMeeting in the room's zone, and that of this machine if it is another.

    :param now: the time by ClickMeeting's clock.
    :param local: the time by this machine's clock.
    :param plan: the room, whose zone is used; otherwise UTC.
    """
    zone = plan.starts_at.tzinfo if plan and plan.starts_at else UTC
    there = f"at ClickMeeting it is {format_moment(now.astimezone(zone))}"
    if abs(now - local) <= SAME_TIME:
        return there
    return f"{there}; this machine's clock says {format_moment(local.astimezone(zone))}"


def format_next(pause: float) -> str:
    """Return when the next poll comes; a pause of zero means that the time is up."""
    return f"next poll within {format_length(pause)}" if pause else "the time is up"


def format_counts(waited: Mapping[str, Any]) -> str:
    """Return how long a sensor has waited, with its polls.

    :param waited: `seconds`, `polls` and `failed`; nothing in the event of a trigger that an older version started.
    """
    if "seconds" not in waited:
        return "the number of polls is unknown"
    polls, failed = waited["polls"], waited["failed"]
    count = f"{polls:,} poll{'s' * (polls != 1)}{f', {failed:,} failed' * bool(failed)}"
    return f"waited {format_length(waited['seconds'])}, {count}"


def format_result(waited: Mapping[str, Any], awaited: str, result: Mapping[str, Any]) -> str:
    """Return the line about a condition that is met."""
    return f"The wait is over: {awaited}; {format_counts(waited)}. Result: {clean(str(result))}"


def format_end(waited: Mapping[str, Any], awaited: str, error: BaseException | None = None) -> str:
    """Return the line about a wait that fails, with what the last poll that worked found.

    :param waited: as in `format_counts`, and `state`: what the last poll that worked found.
    :param awaited: the condition's description.
    :param error: what ends the wait; None if the time is up.
    """
    state = waited.get("state")
    found = f"; the last poll that worked found: {state}" if state else ""
    was_there = waited.get("polls", 0) > waited.get("failed", 0)
    meanwhile = MEANWHILE.get(type(error)) if was_there else None
    return f"Stopped waiting for {awaited}: {format_counts(waited)}{found}{f'. {meanwhile}' if meanwhile else ''}"


def reason_of(error: BaseException) -> str:
    """Return what happened, without what to do about it, since a sensor that continues needs nothing."""
    return (error.summary if isinstance(error, ClickMeetingError) else clean(repr(error))).rstrip(".")
