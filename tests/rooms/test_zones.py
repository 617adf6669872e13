"""Every change of the clocks in the coming five years, in every zone that a room may have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from airflow_clickmeeting.api.room_form import room_form, start_of
from airflow_clickmeeting.rooms import drift
from airflow_clickmeeting.sandbox.operations.account import timezones

THIS_YEAR = datetime.now(UTC).year
FROM, TO = (datetime(year, 1, 1, tzinfo=UTC) for year in (THIS_YEAR, THIS_YEAR + 6))
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """Return the instants from which the clocks of a zone show another offset; no zone has two within a week."""
    zone = ZoneInfo(name)

    def offset(minutes: int) -> timedelta:
        return (FROM + minutes * MINUTE).astimezone(zone).utcoffset()

    found, last = [], offset(0)
    week = 7 * 24 * 60
    for begin in range(0, (TO - FROM) // MINUTE, week):
        early, late = begin, begin + week
        if (next_offset := offset(late)) == last:
            continue
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if offset(middle) == last else (early, middle)
        found.append(FROM + late * MINUTE)
        last = next_offset
    return tuple(found)


CHANGING = [name for name in timezones() if changes(name)]


def around(change: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, set[datetime]]]:
    """Yield wall-clock times before, in and after a change, each with the instants at which the clocks show it."""
    before, after = (when.astimezone(zone).utcoffset() for when in (change - MINUTE, change))
    low, high = (change.replace(tzinfo=None) + offset for offset in sorted((before, after)))
    for wall in (low - HOUR, low - MINUTE, low, low + (high - low) / 2, high - MINUTE, high, high + HOUR):
        wall = wall.replace(second=0)
        once = {(wall - offset).replace(tzinfo=UTC) for offset in (before, after)}
        yield wall, {each for each in once if each + each.astimezone(zone).utcoffset() == wall.replace(tzinfo=UTC)}


def meant(wall: datetime, name: str) -> datetime | None:
    """Return the instant that goes out for a wall-clock time; None when it is refused."""
    try:
        return start_of(room_form(starts_at=wall, timezone=name))
    except ValueError as refusal:
        if f"in {name}, where the clocks change then" not in str(refusal):
            raise
        return None


def test_the_table_is_not_empty():
    assert len(timezones()) > 400
    assert {"Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"} <= set(CHANGING)
    assert len(changes("Europe/Warsaw")) == 12


@pytest.mark.parametrize("name", CHANGING)
def test_a_wall_clock_time_means_what_the_clocks_there_show_or_is_refused(name):
    kinds = set()
    for change in changes(name):
        for wall, instants in around(change, ZoneInfo(name)):
            assert meant(wall, name) == (next(iter(instants)) if len(instants) == 1 else None), (wall, instants)
            kinds.add(len(instants))
    assert kinds == {0, 1, 2} or len(changes(name)) == 1, "skipped, shown once, shown twice"


@pytest.mark.parametrize("name", CHANGING)
def test_an_instant_means_itself_whatever_the_zone_it_is_given_in(name):
    for change in changes(name):
        for instant in (change - 25 * HOUR, change + 25 * HOUR):
            for given in (instant, instant.astimezone(ZoneInfo(name)), instant.astimezone(ZoneInfo("Asia/Kolkata"))):
                assert start_of(room_form(starts_at=given, timezone=name)) == instant


@pytest.mark.parametrize("name", timezones())
def test_a_room_that_was_made_so_has_not_drifted(name):
    zone = ZoneInfo(name)
    for change in changes(name) or (FROM + 180 * DAY,):
        start = change.astimezone(zone) + 25 * HOUR
        room = {
            "id": 1,
            "starts_at": start.isoformat(),
            "ends_at": (start.astimezone(UTC) + HOUR).astimezone(zone).isoformat(),
            "timezone": name,
            "permanent_room": False,
        }
        wanted = {"starts_at": start.replace(tzinfo=None), "timezone": name, "duration": "PT60M"}
        assert drift.differences(room, drift.wanted_values(**wanted)) == {}
        moved = wanted | {"starts_at": start.replace(tzinfo=None) + HOUR}
        assert set(drift.differences(room, drift.wanted_values(**moved))) == {"starts_at"}
