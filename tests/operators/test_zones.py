"""What a DAG's author meant is what the sandbox's room says, around the changes of the clocks in the coming years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckDriftOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingUpdateConferenceOperator,
)

HOUR = timedelta(hours=1)
ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Chisinau",
    "Europe/Warsaw",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "UTC",
]


def next_changes(zone: ZoneInfo, most: int = 2) -> list[datetime]:
    """Return the days on which the clocks of a zone change next, at noon there; any day where they never do."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=9)
    days = [noon + timedelta(days=day) for day in range(400)]
    changing = [day for day in days if _offset(day, zone) != _offset(day - timedelta(days=1), zone)]
    return (changing or days)[:most]


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta:
    return wall.replace(tzinfo=zone).utcoffset()


def wall_times(zone: ZoneInfo) -> list[datetime]:
    """Return times on the eve of a change, and soon after it."""
    return [day + hours * HOUR for day in next_changes(zone) for hours in (-18, -12.5, 0, 6)]


@pytest.fixture(autouse=True)
def today(sandbox):
    sandbox.set_time(datetime.now(UTC))


@pytest.mark.parametrize("name", ZONES)
def test_a_room_starts_when_its_zones_clocks_show_what_was_said(run, name):
    zone = ZoneInfo(name)
    for wall in wall_times(zone):
        if _offset(wall, zone) != wall.replace(tzinfo=zone, fold=1).utcoffset():
            continue  # refused: tests/rooms/test_zones.py
        said = {"starts_at": wall, "timezone": name, "duration": "PT60M"}
        room = run(ClickMeetingCreateConferenceOperator, name=f"Talk {wall}", **said)
        starts_at = datetime.fromisoformat(room["starts_at"])
        assert (starts_at.replace(tzinfo=None), room["timezone"]) == (wall, name)
        assert starts_at == wall.replace(tzinfo=zone)
        assert datetime.fromisoformat(room["ends_at"]) - starts_at == HOUR
        assert run(ClickMeetingCheckDriftOperator, room_id=room["id"], **said) == {"drifted": False, "differences": {}}


@pytest.mark.parametrize("name", ZONES)
def test_a_room_is_moved_over_a_change_and_keeps_its_hour(run, name):
    zone = ZoneInfo(name)
    day = next_changes(zone)[0]
    room_id = run(ClickMeetingCreateConferenceOperator, name="Talk", starts_at=day, timezone=name)["id"]
    for wall in (day - 7 * 24 * HOUR, day + 7 * 24 * HOUR):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=room_id, starts_at=wall, timezone=name)
        assert datetime.fromisoformat(room["starts_at"]) == wall.replace(tzinfo=zone)
        assert room["starts_at"].startswith(wall.isoformat())
