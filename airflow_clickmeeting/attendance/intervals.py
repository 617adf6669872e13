"""Read, merge, clip and count intervals of time; pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from operator import ge
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.errors import ParseError

Interval = tuple[datetime, datetime]

NOTHING, MINUTE = timedelta(0), timedelta(minutes=1)


def interval_of(row: Mapping[str, Any], until: datetime | None = None) -> Interval:
    """Return the start and the end of a session or an entry in UTC.

    :param until: the end if the row has none, such as now.
    :raises ParseError: naming the value that cannot be read.
    :raises ValueError: if both are missing.
    """
    start = moment_of(row, "start_date")
    if row.get("end_date") not in (None, ""):
        if (end := moment_of(row, "end_date")) < start:
            raise ParseError(f"end_date {row['end_date']!r} is before start_date {row['start_date']!r}")
        return start, end
    if until is None:
        raise ValueError("it has no end_date yet; set until, the end to assume for a running session")
    return start, max(start, until)


def moment_of(row: Mapping[str, Any], key: str) -> datetime:
    """Return a time of a row in UTC.

    :raises ParseError: naming the key and the value, if it cannot be read.
    """
    try:
        return _utc(row[key])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ParseError(f"{key} {row.get(key)!r} is not an ISO 8601 time") from None


# ClickMeeting rounds times to minutes, so a session has few different ones, and most are found in the cache.
@lru_cache(maxsize=10_000)
def _utc(text: str) -> datetime:
    return times.parse(text).astimezone(UTC)


def merged(intervals: Iterable[Interval], continues: Callable[[datetime, datetime], bool] = ge) -> list[Interval]:
    """Return sorted intervals with each one that continues the one before it merged into that.

    :param intervals: intervals in the order of their starts.
    :param continues: takes the end of an interval and the start of the next one, and returns whether the two are one;
        by default, those that overlap or adjoin are.
    """
    found: list[Interval] = []
    for start, end in intervals:
        if found and continues(found[-1][1], start):
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def clipped(interval: Interval, within: Interval) -> Interval:
    """Return the part of an interval that is within another one; it is empty if none is."""
    start, end = interval
    first, last = within
    return min(max(start, first), last), min(max(end, first), last)


def gaps(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the times between sorted intervals that do not overlap."""
    return [(end, start) for (_, end), (start, _) in pairwise(intervals)]


def total(intervals: Iterable[Interval]) -> timedelta:
    """Return the lengths of intervals added up."""
    return sum((end - start for start, end in intervals), NOTHING)


def count_present(intervals: Iterable[Interval]) -> Iterator[tuple[datetime, int]]:
    """Yield each time at which the number of intervals that hold it changes, with the new number.

    At its exact time, a start counts already and an end does not count any more.
    """
    changes: Counter[datetime] = Counter()
    for start, end in intervals:
        changes[start] += 1
        changes[end] -= 1
    count = 0
    for moment in sorted(changes):
        if changes[moment]:
            count += changes[moment]
            yield moment, count
