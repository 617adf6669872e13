"""Convert times and lengths of time from arguments to the form that ClickMeeting takes, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pendulum
from pendulum.tz.exceptions import AmbiguousTime, NonExistingTime
from pendulum.tz.timezone import Timezone

from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.validate import bad_argument, shown

When = datetime | str
Length = timedelta | str

#: how ClickMeeting takes times without an offset
API_FORMAT = "%Y-%m-%d %H:%M:%S"


def zone(name: str) -> Timezone:
    """Return a time zone by its IANA name.

    :raises ValueError: if there is no such time zone, naming the argument `timezone`.
    """
    try:
        return Timezone(name)
    except (ValueError, OSError, TypeError):
        bad_argument("timezone", name, "an IANA time zone such as 'Europe/Warsaw'")


def _to_datetime(name: str, value: When) -> datetime:
    """Return an argument as a datetime, aware or naive; ISO 8601 text must have a time of day.

    :param name: the argument's name, for the error.
    :param value: the argument.
    :raises ValueError: for anything else.
    """
    if isinstance(value, datetime):
        return value
    # a date alone is rejected: fromisoformat would add midnight, which the author did not write
    expected = "a datetime or an ISO 8601 text such as '2027-03-01T15:00:00+01:00'"
    if not isinstance(value, str) or not re.search(r"\d[T ]\d", value):
        bad_argument(name, value, expected)
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        bad_argument(name, value, expected)


def instant(name: str, value: When) -> datetime:
    """Return an argument as an aware datetime.

    :param name: the argument's name, for the error.
    :param value: a datetime, or ISO 8601 text with a time of day.
    :raises ValueError: for anything else, and for a time without a zone or offset.
    """
    if (when := _to_datetime(name, value)).tzinfo is None:
        bad_argument(name, value, "a time with its zone or UTC offset")
    return when


def room_time(name: str, value: When, timezone: str | None) -> tuple[str, str | None]:
    """Return a room's start as ClickMeeting takes it: a wall-clock time, and the name of its time zone.

    If the time has only a UTC offset and there is no `timezone`, the result is ISO 8601 text with the offset, and None.
    ClickMeeting then uses the account's time zone.

    :param name: the argument's name, for errors.
    :param value: an aware time; or a naive one, which is a wall-clock time in `timezone`.
    :param timezone: the IANA name of the room's time zone; by default that of the time.
    :raises ValueError: for a naive time without a zone; and for a wall-clock time that does not exist in the zone, or
        exists twice, because the clocks change.
    """
    when = _to_datetime(name, value)
    if timezone is None and when.tzinfo is None:
        bad_argument(name, value, "a time with its zone, or come with the parameter timezone, such as 'Europe/Warsaw'")
    timezone = _zone_name(when) if timezone is None else timezone
    if timezone is None:
        return when.isoformat(timespec="seconds"), None
    room_zone = zone(timezone)
    wall = when.replace(tzinfo=None) if when.tzinfo is None else when.astimezone(room_zone).replace(tzinfo=None)
    _check_wall_clock(name, wall, room_zone)
    return wall.strftime(API_FORMAT), timezone


def utc_time(name: str, value: When) -> str:
    """Return an aware time as UTC text without an offset, which some operations take."""
    return instant(name, value).astimezone(UTC).strftime(API_FORMAT)


def duration(name: str, value: Length) -> str:
    """Return a room's duration as `H:MM`, from a timedelta, ISO 8601 text such as `PT90M`, or `H:MM`.

    :param name: the argument's name, for errors.
    :param value: the argument.
    :raises ValueError: for anything else, and for a duration of zero or not of whole minutes.
    """
    also = ", 'H:MM'"
    if isinstance(value, str) and (match := re.fullmatch(r"([0-9]+):([0-5]?[0-9])", value.strip())):
        minutes, rest = int(match[1]) * 60 + int(match[2]), timedelta(0)
    else:
        minutes, rest = divmod(length(name, value, "minutes", also), timedelta(minutes=1))
    if rest or not minutes:
        bad_argument(name, value, "a length of time in whole minutes, and more than zero")
    return f"{minutes // 60}:{minutes % 60:02}"


def seconds(name: str, value: timedelta | float | str) -> timedelta:
    """Return a length of time from a timedelta, ISO 8601 text such as `PT90S`, or a number of seconds.

    Airflow's own parameters take seconds, so the few parameters that resemble them do, too.

    :param name: the argument's name, for errors.
    :param value: the argument.
    :raises ValueError: for anything else, and for a negative length.
    """
    try:
        found = value if isinstance(value, timedelta) or _is_iso(value) else timedelta(seconds=float(value))
        return length(name, found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        bad_argument(name, value, "a timedelta, ISO 8601 text such as 'PT90S', or a number of seconds, zero or more")


def length(name: str, value: Length, unit: str = "days", also: str = "") -> timedelta:
    """Return a length of time from a timedelta, or from ISO 8601 text such as `P30D` or `PT90M`.

    :param name: the argument's name, for errors.
    :param value: the argument.
    :param unit: `days` or `minutes`: the unit in the error for a number, which says what to write instead.
    :param also: what else the argument may be, for errors.
    :raises ValueError: for a number, which has no unit; for a negative length; and for ISO 8601 text with years or
        months, since these do not have a fixed length.
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


def iso_length(value: timedelta) -> str:
    """Return a length of time as ISO 8601 text, such as `P7D` or `PT1H30M`, which `length` takes.

    :param value: zero or more; fractions of a second are left out.
    """
    minutes, seconds = divmod(value.seconds, 60)
    parts = zip((*divmod(minutes, 60), seconds), "HMS", strict=True)
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    days = f"{value.days}D" if value.days or not time else ""
    return f"P{days}T{time}" if time else f"P{days}"


def in_words(moment: datetime, now: datetime) -> str:
    """Return the time between a moment and now in words, such as `in 3 days` or `5 minutes ago`."""
    words = pendulum.format_diff(
        pendulum.instance(max(moment, now)) - pendulum.instance(min(moment, now)), absolute=True
    )
    return f"in {words}" if moment > now else f"{words} ago"


def _is_iso(value: object) -> bool:
    # without years and months, since these do not have a fixed length
    return isinstance(value, str) and bool(
        re.fullmatch(r"P(\d+W|(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)", value.strip().upper())
    )


def parse(text: str) -> datetime:
    """Return a time that ClickMeeting returned as an aware datetime; its times without an offset are UTC.

    :raises ParseError: for anything else, and for a time before 1970 or after 9990, with which nothing can be computed.
    """
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ParseError(f"expected an ISO 8601 time, got {shown(text)}") from None
    if not 1970 <= when.year < 9990:
        raise ParseError(f"expected a time from 1970 to 9990, got {shown(text)}")
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def _zone_name(when: datetime) -> str | None:
    """Return the IANA name of a datetime's time zone; None if it has only a UTC offset."""
    if when.tzinfo is UTC:
        return "UTC"
    key = getattr(when.tzinfo, "key", None)
    return key if isinstance(key, str) else None


def _check_wall_clock(name: str, wall: datetime, room_zone: Timezone) -> None:
    try:
        room_zone.convert(wall, raise_on_unknown_times=True)
    except NonExistingTime:
        trouble = "does not exist"
    except AmbiguousTime:
        trouble = "exists twice"
    else:
        return
    raise ValueError(
        f"{name}: {wall:%Y-%m-%d %H:%M} {trouble} in {room_zone.key}, where the clocks change then. "
        "Choose another time, or another timezone such as 'UTC'."
    )
