"""Moments and durations mean the same on ClickMeeting's side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.errors import ParseError

ZONES = st.sampled_from(
    [
        "Europe/Warsaw",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/St_Johns",
        "Africa/Casablanca",
        "UTC",
    ]
)
MOMENTS = st.integers(min_value=0, max_value=20 * 365 * 24 * 60).map(
    lambda minutes: (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).replace(tzinfo=None)
)


def meant(text: str, zone: str | None) -> datetime:
    """Read a start as ClickMeeting does: the zone's wall clock, unless the text has an offset."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone))


def readings(wall: datetime, zone: str) -> set[datetime]:
    """Return the instants at which the clocks of a zone show a time: one, none where it is skipped, or two."""
    both = {wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    return {instant for instant in both if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == wall}


def sent(when: datetime, zone: str | None) -> tuple[str, str | None] | None:
    """Return how a start goes out; None when it is refused."""
    try:
        return times.room_time("starts_at", when, zone)
    except ValueError:
        return None


@given(MOMENTS, ZONES, ZONES)
def test_what_goes_out_means_the_same_instant_whatever_the_rooms_zone(when, own_zone, room_zone):
    instant = when.replace(tzinfo=UTC).astimezone(ZoneInfo(own_zone))
    wall = instant.astimezone(ZoneInfo(room_zone)).replace(tzinfo=None, fold=0)
    found = sent(instant, room_zone)
    if len(readings(wall, room_zone)) == 2:
        assert found is None
    else:
        assert found == (wall.strftime("%Y-%m-%d %H:%M:%S"), room_zone)
        # in UTC, since Python never calls a time in a repeated hour equal to a time in another zone
        assert meant(*found).astimezone(UTC) == instant.astimezone(UTC)


@given(MOMENTS, ZONES)
def test_a_naive_time_is_the_wall_clock_of_the_given_zone_if_it_comes_once(wall, zone):
    found = sent(wall, zone)
    if len(readings(wall, zone)) == 1:
        assert found == (wall.strftime("%Y-%m-%d %H:%M:%S"), zone)
        assert {meant(*found).astimezone(UTC)} == readings(wall, zone)
    else:
        assert found is None


@pytest.mark.parametrize(("zone", "day"), [("Europe/Warsaw", "03-28"), ("Europe/Warsaw", "10-31"), ("UTC", "03-28")])
def test_around_a_change_of_the_clocks_every_minute_goes_out_right_or_not_at_all(zone, day):
    midnight = datetime.fromisoformat(f"2027-{day}")
    for minute in range(6 * 60):
        wall = midnight + timedelta(minutes=minute)
        found = sent(wall, zone)
        assert (found is not None) == (len(readings(wall, zone)) == 1), wall
        assert found is None or {meant(*found).astimezone(UTC)} == readings(wall, zone), wall


@given(MOMENTS, st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_a_bare_offset_goes_out_as_it_is_and_the_accounts_zone_stays(wall, minutes):
    assume(minutes)
    when = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text, zone = times.room_time("starts_at", when, None)
    assert zone is None
    assert meant(text, None) == when


@given(MOMENTS, ZONES)
def test_a_time_brings_its_own_zone_where_none_is_given(when, zone):
    instant = when.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert sent(instant, None) == sent(instant, zone)


@given(MOMENTS, ZONES)
def test_a_time_in_utc_means_the_same_instant(when, zone):
    instant = when.replace(tzinfo=UTC)  # in zones, times that clocks show twice are equal to none
    assert times.parse(times.utc_time("start_time", instant.astimezone(ZoneInfo(zone)))) == instant


@pytest.mark.parametrize(
    ("value", "timezone", "expected"),
    [
        ("2027-03-01T15:00", "Europe/Warsaw", ("2027-03-01 15:00:00", "Europe/Warsaw")),
        (" 2027-03-01 15:00:30 ", "Europe/Warsaw", ("2027-03-01 15:00:30", "Europe/Warsaw")),
        ("2027-03-01T15:00:00+01:00", "America/New_York", ("2027-03-01 09:00:00", "America/New_York")),
        ("2027-03-01T15:00:00+01:00", None, ("2027-03-01T15:00:00+01:00", None)),
        ("2027-03-01T15:00:00Z", None, ("2027-03-01 15:00:00", "UTC")),
        ("2027-03-01T15:00:00Z", "Europe/Warsaw", ("2027-03-01 16:00:00", "Europe/Warsaw")),
        (datetime(2027, 7, 1, 15, tzinfo=ZoneInfo("Europe/Warsaw")), None, ("2027-07-01 15:00:00", "Europe/Warsaw")),
        (datetime(2027, 7, 1, 15, 0, 0, 999, tzinfo=UTC), None, ("2027-07-01 15:00:00", "UTC")),
    ],
)
def test_a_start_is_sent_as_the_wall_clock_of_the_rooms_zone(value, timezone, expected):
    assert times.room_time("starts_at", value, timezone) == expected


@pytest.mark.parametrize(
    ("wall", "zone", "what"),
    [
        ("2027-03-28T02:30", "Europe/Warsaw", "does not exist"),
        ("2027-10-31T02:30", "Europe/Warsaw", "exists twice"),
        ("2027-03-14T02:30", "America/New_York", "does not exist"),
        ("2027-11-07T01:30", "America/New_York", "exists twice"),
        ("2027-10-03T02:15", "Australia/Lord_Howe", "does not exist"),
        ("2027-04-04T01:45", "Australia/Lord_Howe", "exists twice"),
    ],
)
def test_a_wall_clock_time_that_the_zone_skips_or_repeats_is_refused(wall, zone, what):
    expected = f"starts_at: {wall.replace('T', ' ')} {what} in {zone}, where the clocks change then."
    with pytest.raises(ValueError) as refusal:
        times.room_time("starts_at", wall, zone)
    assert str(refusal.value).startswith(expected)
    assert "Choose another time, or another timezone such as 'UTC'." in str(refusal.value)


def test_an_instant_that_falls_into_the_repeated_hour_is_refused_too():
    with pytest.raises(ValueError, match="exists twice in Europe/Warsaw"):
        times.room_time("starts_at", "2027-10-31T00:30:00Z", "Europe/Warsaw")


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "Europe", "europe/warsaw ", "\0", None, 5])
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(ValueError, match=r"^timezone must be an IANA time zone such as 'Europe/Warsaw'; got "):
        times.zone(zone)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(hours=1, minutes=20), "1:20"),
        (timedelta(days=1), "24:00"),
        ("PT90M", "1:30"),
        (" pt1h30m ", "1:30"),
        ("P1DT2H", "26:00"),
        ("1:30", "1:30"),
        ("1:5", "1:05"),
        ("0:20", "0:20"),
        ("10:00", "10:00"),
    ],
)
def test_a_duration_is_sent_as_hours_and_minutes(value, text):
    assert times.duration("duration", value) == text


@given(st.integers(min_value=1, max_value=10_000))
def test_every_way_to_say_a_duration_is_the_same(minutes):
    text = times.duration("duration", f"PT{minutes}M")
    hours, rest = text.split(":")
    assert int(hours) * 60 + int(rest) == minutes
    assert len(rest) == 2
    assert text == times.duration("duration", timedelta(minutes=minutes)) == times.duration("duration", text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-09-10T15:00:00+02:00", datetime(2025, 9, 10, 13, tzinfo=UTC)),
        ("2025-09-10 13:00:00", datetime(2025, 9, 10, 13, tzinfo=UTC)),
    ],
)
def test_an_instant_of_clickmeetings_is_aware_and_its_naive_ones_are_utc(text, instant):
    assert times.parse(text) == instant


@pytest.mark.parametrize("value", [90, "90", " 90 "])
def test_a_duration_without_a_unit_is_refused_with_what_to_write(value):
    with pytest.raises(ValueError, match=r"which has no unit\. Write timedelta\(minutes=90\) or 'PT90M'\.$"):
        times.duration("duration", value)


@pytest.mark.parametrize("value", [timedelta(minutes=2), 120, 120.0, "120", " 120.0 ", "PT2M", "PT120S"])
def test_a_length_of_time_is_one_or_iso_text_or_seconds(value):
    assert times.seconds("rejoin_gap", value) == timedelta(minutes=2)


@pytest.mark.parametrize("value", [timedelta(-1), -1, "two", None, float("inf"), float("nan"), "P1M"])
def test_what_is_no_length_of_time_is_refused(value):
    with pytest.raises(ValueError, match=r"^rejoin_gap must be a timedelta, ISO 8601 text such as 'PT90S', or a numb"):
        times.seconds("rejoin_gap", value)


@pytest.mark.parametrize("value", [timedelta(hours=36), "P1DT12H", "PT36H", " p1dt12h "])
def test_a_length_of_time_is_one_or_iso_text(value):
    assert times.length("grace", value) == timedelta(hours=36)


@pytest.mark.parametrize(
    "value", [timedelta(-1), "-1", "two", "", None, float("nan"), True, "P", "PT", "P1Y", "P1M", "1.5"]
)
def test_what_is_no_length_is_refused(value):
    with pytest.raises(
        ValueError, match=r"^grace must be a timedelta or ISO 8601 text such as 'P30D', zero or more; got "
    ):
        times.length("grace", value)


@pytest.mark.parametrize("value", [30, "30"])
def test_a_length_without_a_unit_is_refused_with_what_to_write(value):
    with pytest.raises(ValueError, match=r"which has no unit\. Write timedelta\(days=30\) or 'P30D'\.$"):
        times.length("grace", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=7), "P7D"),
        (timedelta(hours=24), "P1D"),
        (timedelta(hours=1), "PT1H"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "P1DT2H3M4S"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(seconds=15), "PT15S"),
        (timedelta(0), "P0D"),
        (timedelta(milliseconds=1500), "PT1S"),
    ],
)
def test_a_length_as_iso_text(value, text):
    assert times.iso_length(value) == text


@given(st.integers(min_value=0, max_value=10**9))
def test_a_length_as_iso_text_is_read_back(seconds):
    assert times.length("grace", times.iso_length(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("later", "words"),
    [(timedelta(days=3), "in 3 days"), (timedelta(hours=1), "in 1 hour"), (timedelta(minutes=-5), "5 minutes ago")],
)
def test_how_far_a_moment_is_from_now_is_said_in_words(later, words):
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert times.in_words(now + later, now) == words


@pytest.mark.parametrize("odd", ["soon", "", None, 0, True, [], {}, "0000-00-00 00:00:00", "2027-13-01T00:00:00"])
def test_what_clickmeeting_returns_as_a_time_and_is_none_is_an_error(odd):
    with pytest.raises(ParseError, match=r"^expected an ISO 8601 time, got "):
        times.parse(odd)


@pytest.mark.parametrize("odd", ["0001-01-01T00:00:00+14:00", "1969-12-31", "9999-12-31T23:59:59-12:00"])
def test_a_time_with_which_nothing_can_be_computed_is_an_error(odd):
    with pytest.raises(ParseError, match=r"^expected a time from 1970 to 9990, got "):
        times.parse(odd)


def test_times_without_an_offset_are_utc():
    assert times.parse("2027-03-01T15:00:00") == datetime(2027, 3, 1, 15, tzinfo=UTC)
    assert times.parse("2027-03-01T15:00:00+01:00").utcoffset() == timedelta(hours=1)
