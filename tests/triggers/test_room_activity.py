"""When a room is polled again: for its sessions, for its recordings, and for its registrations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_clickmeeting.triggers.cursor import EVERYTHING, NOTHING
from airflow_clickmeeting.triggers.room_activity import FAR_AHEAD_PAUSE, KnownRoom, most_urgent, update_rooms

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def permanent(**known: Any) -> KnownRoom:
    return KnownRoom({"id": 1, "status": "active"}, **({"last_polled_at": NOON - MINUTE} | known))


def starting(at: datetime, **known: Any) -> KnownRoom:
    return KnownRoom(
        {"id": 1, "status": "active", "starts_at": at.isoformat()}, **({"last_polled_at": NOON - MINUTE} | known)
    )


def over(since: datetime, **known: Any) -> KnownRoom:
    """A room that became inactive some time ago."""
    return KnownRoom(
        {"id": 1, "status": "inactive", "starts_at": (since - HOUR).isoformat()}, inactive_since=since, **known
    )


def registration(enabled: bool | None, **known: Any) -> KnownRoom:
    return KnownRoom({"id": 1} if enabled is None else {"id": 1, "registration_enabled": enabled}, **known)


YES, NO = True, False

# at noon; where nothing else is said, the room was polled a minute ago
AGAIN = {
    #                                                                         sessions  recordings
    "a new room": (permanent(last_polled_at=None), YES, YES),
    "a permanent room": (permanent(), YES, YES),
    "one that starts tomorrow": (starting(NOON + DAY), NO, NO),
    "one that starts tomorrow, polled 59 minutes ago": (
        starting(NOON + DAY, last_polled_at=NOON - 59 * MINUTE),
        NO,
        NO,
    ),
    "one that starts tomorrow, polled an hour ago": (starting(NOON + DAY, last_polled_at=NOON - HOUR), YES, YES),
    "one that starts tomorrow, where people are already": (starting(NOON + DAY, running=True), YES, YES),
    "one that starts in 61 minutes": (starting(NOON + 61 * MINUTE), NO, NO),
    "one that starts in an hour": (starting(NOON + HOUR), YES, YES),
    "one that has started": (starting(NOON - MINUTE), YES, YES),
    "one that is long past its start": (starting(NOON - 5 * HOUR), YES, YES),
    "over for a minute": (over(NOON - MINUTE, last_polled_at=NOON - 2 * MINUTE), YES, YES),
    "over for an hour, polled before that hour was full": (over(NOON - HOUR, last_polled_at=NOON - SECOND), YES, YES),
    "over for an hour, polled since": (over(NOON - HOUR - MINUTE, last_polled_at=NOON - MINUTE), NO, YES),
    "over for a day, polled since": (over(NOON - DAY - MINUTE, last_polled_at=NOON - MINUTE), NO, NO),
    "over for a day, where people still are": (
        over(NOON - DAY - MINUTE, last_polled_at=NOON - MINUTE, running=True),
        YES,
        YES,
    ),
    "over for a week, with a session that has no end": (
        over(NOON - 7 * DAY, last_polled_at=NOON - MINUTE, running=True),
        NO,
        NO,
    ),
    # of those that were over when the watcher started
    "over for seven days, never polled": (over(NOON - 7 * DAY), YES, YES),
    "over for longer, never polled": (over(NOON - 7 * DAY - SECOND), NO, NO),
    # a clock that was set
    "one that starts tomorrow, and it was later when it was polled": (
        starting(NOON + DAY, last_polled_at=NOON + MINUTE),
        YES,
        YES,
    ),
    "over from a later moment on than now": (over(NOON + HOUR, last_polled_at=NOON), YES, YES),
}


@pytest.mark.parametrize(("room", "sessions", "recordings"), AGAIN.values(), ids=AGAIN.keys())
def test_a_room_is_polled_again_if_something_can_have_changed(room, sessions, recordings):
    assert room.may_have_new_sessions(NOON) is sessions
    assert room.may_have_new_recordings(NOON) is recordings


REGISTRATION = {
    "registration is on": (registration(True, last_polled_at=NOON - SECOND), YES),
    "registration is off": (registration(False), NO),
    "ClickMeeting does not say": (registration(None), YES),
    "over since it was polled": (registration(True, last_polled_at=NOON - MINUTE, inactive_since=NOON - SECOND), YES),
    "over, and polled since": (registration(True, last_polled_at=NOON - SECOND, inactive_since=NOON - MINUTE), NO),
    "over, and registration is off": (
        registration(False, last_polled_at=NOON - MINUTE, inactive_since=NOON - SECOND),
        NO,
    ),
    "over for seven days, never polled": (registration(True, inactive_since=NOON - 7 * DAY), YES),
    "over for longer, never polled": (registration(True, inactive_since=NOON - 7 * DAY - SECOND), NO),
}


@pytest.mark.parametrize(("room", "expected"), REGISTRATION.values(), ids=REGISTRATION.keys())
def test_registrations_are_polled_while_somebody_can_register(room, expected):
    assert room.may_have_new_registrations(NOON) is expected


# at noon, of rooms that were polled two hours ago: the pause that each should have between two polls
PAUSES = {
    "where a session goes on": (permanent(running=True, last_event_at=NOON - DAY), MINUTE),
    "where something happened half an hour ago": (permanent(last_event_at=NOON - HOUR / 2), MINUTE),
    "where something happened two hours ago": (permanent(last_event_at=NOON - 2 * HOUR), 2 * MINUTE),
    "where something happened yesterday": (permanent(last_event_at=NOON - DAY), 10 * MINUTE),
    "where nothing happened": (permanent(), 10 * MINUTE),
    "that starts in an hour": (starting(NOON + HOUR), MINUTE),
    "that starts in a day": (starting(NOON + DAY), 24 * MINUTE),
    "that starts in a month": (starting(NOON + 30 * DAY), 2 * HOUR),
    "that starts in a month, and whose start cannot be read": (
        KnownRoom({"id": 1, "starts_at": "soon"}, last_polled_at=NOON),
        10 * MINUTE,
    ),
    "that goes on": (
        KnownRoom({"id": 1, "starts_at": (NOON - 3 * HOUR).isoformat(), "ends_at": (NOON + 3 * HOUR).isoformat()}),
        MINUTE,
    ),
    "that was over four hours ago": (over(NOON - 4 * HOUR), 4 * MINUTE),
}


@pytest.mark.parametrize(("room", "pause"), PAUSES.values(), ids=PAUSES.keys())
def test_the_pause_between_two_polls_follows_from_what_happens_in_a_room(room, pause):
    room.tried_at = NOON - 2 * HOUR
    assert room.urgency(NOON, FAR_AHEAD_PAUSE) == pytest.approx(2 * HOUR / pause)


def test_without_longer_pauses_far_ahead_ten_minutes_are_the_longest():
    room = starting(NOON + 30 * DAY)
    room.tried_at = NOON - HOUR
    assert room.urgency(NOON) == 6


def test_a_room_that_was_never_polled_is_urgent_and_more_so_as_time_goes_by():
    never, running, quiet = permanent(listed_at=NOON), permanent(running=True), permanent()
    for each, minutes in ((running, 4), (quiet, 40)):
        each.tried_at = NOON - minutes * MINUTE
    assert running.urgency(NOON) < never.urgency(NOON) == 5
    assert quiet.urgency(NOON) < never.urgency(NOON)
    assert running.urgency(NOON + 2 * MINUTE) > never.urgency(NOON + 2 * MINUTE)
    assert never.urgency(NOON + HOUR) == 11
    assert permanent().urgency(NOON) == 5


class TestMostUrgent:
    def test_all_rooms_if_they_are_few(self):
        rooms = [permanent(), permanent()]
        assert most_urgent(rooms, 2, NOON) == (rooms, EVERYTHING)

    def test_the_most_urgent_of_many_and_when_the_others_were_polled(self):
        waits = [permanent(tried_at=NOON - minutes * MINUTE) for minutes in (3, 1, 4, 2)]
        assert most_urgent(waits, 2, NOON) == ([waits[2], waits[0]], NOON - 2 * MINUTE)

    def test_or_that_one_of_the_others_never_was(self):
        assert most_urgent([permanent(), permanent(tried_at=NOON)], 0, NOON) == ([], NOTHING)

    def test_a_room_that_fails_does_not_keep_out_others(self):
        failed = permanent(last_polled_at=NOON - 30 * DAY, tried_at=NOON - MINUTE)
        other = permanent(tried_at=NOON - 2 * MINUTE)
        assert most_urgent([failed, other], 1, NOON) == ([other], NOON - MINUTE)


@pytest.fixture
def known() -> dict[int, KnownRoom]:
    """Room 1 as it is known at noon: active, and polled."""
    rooms: dict[int, KnownRoom] = {}
    update_rooms(rooms, [{"id": 1, "name": "Talk", "status": "active"}], NOON)
    rooms[1].last_polled_at = NOON
    return rooms


def test_a_new_room_was_never_polled(known):
    update_rooms(known, [{"id": 1, "status": "active"}, {"id": 2, "status": "active"}], NOON)
    assert known[2] == KnownRoom({"id": 2, "status": "active"})


def test_a_room_without_a_status_is_active(known):
    update_rooms(known, [{"id": 1}], NOON)
    assert known[1].inactive_since is None


def test_what_is_listed_of_a_room_is_renewed_and_what_is_known_of_its_past_stays(known):
    update_rooms(known, [{"id": 1, "name": "New name", "status": "active"}], NOON + MINUTE)
    assert known[1] == KnownRoom({"id": 1, "name": "New name", "status": "active"}, last_polled_at=NOON)


def test_a_room_that_is_not_among_the_active_ones_any_more_became_inactive_just_now(known):
    update_rooms(known, [], NOON + MINUTE)
    assert known[1].inactive_since == NOON + MINUTE


@pytest.mark.parametrize("listed", [[], [{"id": 1, "status": "inactive"}]], ids=["not listed", "listed as inactive"])
def test_it_is_inactive_since_then_however_often_it_is_listed(known, listed):
    update_rooms(known, [], NOON + MINUTE)
    update_rooms(known, listed, NOON + HOUR)
    assert known[1].inactive_since == NOON + MINUTE


def test_a_room_that_ends_between_two_listings_of_all_rooms_became_inactive_just_now(known):
    update_rooms(known, [{"id": 1, "status": "inactive", "updated_at": "2027-02-01T09:00:00+00:00"}], NOON + MINUTE)
    assert known[1].inactive_since == NOON + MINUTE


def test_a_room_that_was_inactive_when_the_watcher_started_became_inactive_when_it_was_last_changed():
    rooms: dict[int, KnownRoom] = {}
    update_rooms(rooms, [{"id": 1, "status": "inactive", "updated_at": "2027-01-31T15:30:01+01:00"}], NOON)
    assert rooms[1].inactive_since == datetime(2027, 1, 31, 14, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize("written", [{}, {"updated_at": ""}, {"updated_at": "lately"}], ids=str)
def test_or_just_now_if_clickmeeting_does_not_say_when_or_not_readably(written):
    rooms: dict[int, KnownRoom] = {}
    update_rooms(rooms, [{"id": 1, "status": "inactive", **written}], NOON)
    assert rooms[1].inactive_since == NOON


def test_a_room_that_was_reopened_is_polled_again(known):
    update_rooms(known, [], NOON)
    known[1].last_polled_at = NOON + DAY
    assert not known[1].may_have_new_sessions(NOON + DAY)
    update_rooms(known, [{"id": 1, "status": "active"}], NOON + DAY)
    assert known[1].inactive_since is None
    assert known[1].may_have_new_sessions(NOON + DAY)


def test_one_that_ends_a_second_time_is_polled_for_another_hour(known):
    update_rooms(known, [], NOON)
    update_rooms(known, [{"id": 1, "status": "active"}], NOON + DAY)
    update_rooms(known, [], NOON + 2 * DAY)
    known[1].last_polled_at = NOON + 2 * DAY + 59 * MINUTE
    assert known[1].may_have_new_sessions(NOON + 2 * DAY + HOUR)


def test_a_clock_that_jumps_ahead_and_back_hides_nothing(known):
    ahead = NOON + 30 * DAY
    room = {"id": 1, "status": "active", "starts_at": (NOON + 2 * HOUR).isoformat()}
    update_rooms(known, [room], ahead)
    known[1].last_polled_at = ahead
    for minutes in (0, 60, 120):
        now = NOON + minutes * MINUTE
        update_rooms(known, [room], now)
        assert known[1].may_have_new_sessions(now)
    # and it ends while the clock is a month ahead
    update_rooms(known, [], ahead)
    known[1].last_polled_at = now
    assert known[1].may_have_new_sessions(now + MINUTE)
