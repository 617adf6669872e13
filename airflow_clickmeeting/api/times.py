"""Moments and durations as people have them, to ClickMeeting's and back (reference 1.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_clickmeeting.api.validate import refuse

When = datetime | str
Duration = timedelta | int | str

WIRE = "%Y-%m-%d %H:%M:%S"


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        refuse("timezone", name, "an IANA time zone such as 'Europe/Warsaw'")


def moment(name: str, value: When) -> datetime:
    """Return a datetime, aware or naive, from itself or from an ISO 8601 string with a time of day."""
    if isinstance(value, datetime):
        return value
    expected = "a datetime or an ISO 8601 text such as '2027-03-01T15:00:00+01:00'"
    if not isinstance(value, str) or not re.search(r"\d[T ]\d", value):
        refuse(name, value, expected)
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        refuse(name, value, expected)


def instant(name: str, value: When) -> datetime:
    """Return an aware datetime; a naive one is refused."""
    if (when := moment(name, value)).tzinfo is None:
        refuse(name, value, "a time with its zone or UTC offset")
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
        refuse(name, value, "a time with its zone, or come with the parameter timezone, such as 'Europe/Warsaw'")
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


def duration(name: str, value: Duration) -> str:
    """Return a duration as `H:MM`, from a timedelta, minutes, or `H:MM` itself."""
    minutes = _minutes(value)
    if minutes is None or minutes <= 0:
        refuse(name, value, "a timedelta of whole minutes, a number of minutes or 'H:MM', and more than zero")
    return f"{minutes // 60}:{minutes % 60:02}"


def seconds(name: str, value: timedelta | float | str) -> timedelta:
    """Return a length of time from itself or from a number of seconds; less than nothing is refused."""
    return _length(name, value, "seconds")


def days(name: str, value: timedelta | float | str) -> timedelta:
    """Return a length of time from itself or from a number of days; less than nothing is refused."""
    return _length(name, value, "days")


def _length(name: str, value: timedelta | float | str, unit: str) -> timedelta:
    try:
        length = value if isinstance(value, timedelta) else timedelta(**{unit: float(value)})
    except (TypeError, ValueError, OverflowError):
        length = timedelta(-1)
    return length if length >= timedelta(0) else refuse(name, value, f"a timedelta or a number of {unit}, zero or more")


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


def _check_wall_clock(name: str, wall: datetime, room_zone: ZoneInfo) -> None:
    first, second = (wall.replace(tzinfo=room_zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return
    exists = first.astimezone(UTC).astimezone(room_zone).replace(tzinfo=None) == wall
    what = "exists twice" if exists else "does not exist"
    raise ValueError(
        f"{name}: {wall:%Y-%m-%d %H:%M} {what} in {room_zone.key}, where the clocks change then. "
        "Choose another time, or another timezone such as 'UTC'."
    )


def _minutes(value: Duration) -> int | None:
    if isinstance(value, timedelta):
        minutes, rest = divmod(value, timedelta(minutes=1))
        return None if rest else minutes
    if match := re.fullmatch(r"(\d+):([0-5]?\d)", text := str(value).strip()):
        return int(match[1]) * 60 + int(match[2])
    return int(text) if text.isdecimal() else None
