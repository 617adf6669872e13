"""Moments and durations as people have them, to ClickMeeting's and back (reference 1.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pendulum
from pendulum.tz.exceptions import AmbiguousTime, NonExistingTime
from pendulum.tz.timezone import Timezone

from airflow_clickmeeting.api.validate import bad_argument

When = datetime | str
Length = timedelta | str

WIRE = "%Y-%m-%d %H:%M:%S"


def zone(name: str) -> Timezone:
    """Return a time zone by its IANA name."""
    try:
        return Timezone(name)
    except (ValueError, OSError, TypeError):
        bad_argument("timezone", name, "an IANA time zone such as 'Europe/Warsaw'")


def moment(name: str, value: When) -> datetime:
    """Return a datetime, aware or naive, from itself or from an ISO 8601 string with a time of day."""
    if isinstance(value, datetime):
        return value
    expected = "a datetime or an ISO 8601 text such as '2027-03-01T15:00:00+01:00'"
    if not isinstance(value, str) or not re.search(r"\d[T ]\d", value):
        bad_argument(name, value, expected)
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        bad_argument(name, value, expected)


def instant(name: str, value: When) -> datetime:
    """Return an aware datetime; a naive one is refused."""
    if (when := moment(name, value)).tzinfo is None:
        bad_argument(name, value, "a time with its zone or UTC offset")
    return when


def room_time(name: str, value: When, timezone: str | None) -> tuple[str, str | None]:
    """Return a start as ClickMeeting takes it: the wall clock of a zone, and that zone's name.

    A time with a bare UTC offset and no `timezone` goes out with the offset, and the account's zone stays.

    :param name: the parameter, for errors.
    :param value: aware, or naive if `timezone` says whose wall clock it is.
    :param timezone: the room's zone; by default the one the time itself carries.
    :raises ValueError: for a naive time without a zone, and for a wall-clock time that the zone skips or repeats.
    """
    when = moment(name, value)
    if timezone is None and when.tzinfo is None:
        bad_argument(name, value, "a time with its zone, or come with the parameter timezone, such as 'Europe/Warsaw'")
    timezone = _zone_name(when) if timezone is None else timezone
    if timezone is None:
        return when.isoformat(timespec="seconds"), None
    room_zone = zone(timezone)
    wall = when.replace(tzinfo=None) if when.tzinfo is None else when.astimezone(room_zone).replace(tzinfo=None)
    _check_wall_clock(name, wall, room_zone)
    return wall.strftime(WIRE), timezone


def utc_time(name: str, value: When) -> str:
    """Return an aware time as the naive UTC text that some operations take."""
    return instant(name, value).astimezone(UTC).strftime(WIRE)


def duration(name: str, value: Length) -> str:
    """Return a room's duration as `H:MM`, from what `length` takes or from `H:MM` itself.

    :raises ValueError: naming the argument, also for a duration that is not of whole minutes.
    """
    also = ", 'H:MM'"
    if isinstance(value, str) and (match := re.fullmatch(r"([0-9]+):([0-5]?[0-9])", value.strip())):
        minutes, rest = int(match[1]) * 60 + int(match[2]), timedelta(0)
    else:
        minutes, rest = divmod(length(name, value, "minutes", also), timedelta(minutes=1))
    if rest or not minutes:
        bad_argument(name, value, "a length of whole minutes, and more than zero")
    return f"{minutes // 60}:{minutes % 60:02}"


def seconds(name: str, value: timedelta | float | str) -> timedelta:
    """Return a length of time as `length` does, or from a number of seconds, as Airflow's own parameters take it."""
    try:
        found = value if isinstance(value, timedelta) or _is_iso(value) else timedelta(seconds=float(value))
        return length(name, found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        bad_argument(name, value, "a timedelta, ISO 8601 text such as 'PT90S', or a number of seconds, zero or more")


def length(name: str, value: Length, unit: str = "days", also: str = "") -> timedelta:
    """Return a length of time from itself, or from ISO 8601 text such as `P30D` or `PT90M`.

    Years and months are refused, since their length differs.

    :param name: the argument, for errors.
    :param unit: `days` or `minutes`, for the error that says what to write instead of a bare number.
    :param also: what else the argument may be, for errors.
    :raises ValueError: naming the argument: for a bare number, which has no unit, and for less than nothing.
    """
    found: object = pendulum.parse(str(value).strip().upper(), exact=True) if _is_iso(value) else value
    if isinstance(found, timedelta) and found >= timedelta(0):
        return timedelta(days=found.days, seconds=found.seconds, microseconds=found.microseconds)
    iso = {"days": "P{}D", "minutes": "PT{}M"}[unit]
    expected = f"a timedelta{also} or ISO 8601 text such as {iso.format(30)!r}, zero or more"
    if not (number := str(value).strip()).isdecimal():
        bad_argument(name, value, expected)
    raise ValueError(
        f"{name} must be {expected}; got {value!r}, which has no unit. "
        f"Write timedelta({unit}={number}) or {iso.format(number)!r}."
    )


def in_words(moment: datetime, now: datetime) -> str:
    """Return how far a moment is from now, for people: `in 3 days`, `5 minutes ago`."""
    words = pendulum.format_diff(
        pendulum.instance(max(moment, now)) - pendulum.instance(min(moment, now)), absolute=True
    )
    return f"in {words}" if moment > now else f"{words} ago"


def _is_iso(value: object) -> bool:
    # years and months are left out, since their length differs
    return isinstance(value, str) and bool(
        re.fullmatch(r"P(\d+W|(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)", value.strip().upper())
    )


def parse(text: str) -> datetime:
    """Read an instant that ClickMeeting gave; its naive ones are UTC."""
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def _zone_name(when: datetime) -> str | None:
    """Return the IANA name of the zone a datetime carries; a bare offset has none."""
    if when.tzinfo is UTC:
        return "UTC"
    key = getattr(when.tzinfo, "key", None)
    return key if isinstance(key, str) else None


def _check_wall_clock(name: str, wall: datetime, room_zone: Timezone) -> None:
    try:
        room_zone.convert(wall, raise_on_unknown_times=True)
    except NonExistingTime:
        what = "does not exist"
    except AmbiguousTime:
        what = "exists twice"
    else:
        return
    raise ValueError(
        f"{name}: {wall:%Y-%m-%d %H:%M} {what} in {room_zone.key}, where the clocks change then. "
        "Choose another time, or another timezone such as 'UTC'."
    )
