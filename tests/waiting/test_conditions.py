"""What counts as the end of a session: pure functions of an answer and a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.conditions import Condition, SessionEnded

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def session(number: int, end: datetime | None, **more: object) -> dict[str, object]:
    return {"id": number, "start_date": "2027-03-01T10:00:00+00:00", "end_date": end and end.isoformat(), **more}


def ended(since: datetime = NOON - timedelta(hours=3), **arguments: object) -> SessionEnded:
    return SessionEnded(room_id=1, since=since.isoformat(), **arguments)


def test_it_tells_which_session_it_was():
    condition = ended()
    seen = condition.seen([session(7, NOON - timedelta(hours=1), total_visitors=14, max_visitors=12)], NOON)
    assert seen == {
        "room_id": 1,
        "session_id": 7,
        "started_at": "2027-03-01T10:00:00+00:00",
        "ended_at": "2027-03-01T11:00:00+00:00",
        "total_visitors": 14,
        "max_visitors": 12,
    }


@pytest.mark.parametrize(
    ("sessions", "why"),
    [
        ([], "nobody came yet"),
        ([session(1, None)], "it is still running"),
        ([{"id": 1, "start_date": "2027-03-01T10:00:00+00:00"}], "it is still running, and its end is left out"),
        ([session(1, NOON - timedelta(hours=4))], "that was before"),
        ([session(1, NOON - timedelta(minutes=4))], "the reports may not be there yet"),
        ([session(1, NOON)], "a running session may have the present as its end"),
    ],
)
def test_not_yet(sessions, why):
    assert ended().seen(sessions, NOON) is None, why


def test_the_end_must_lie_back_as_long_as_wanted():
    condition = ended(settle=600)
    sessions = [session(1, NOON)]
    assert condition.seen(sessions, NOON + timedelta(seconds=599)) is None
    assert condition.seen(sessions, NOON + timedelta(seconds=600)) is not None


def test_of_several_it_is_the_first_in_whatever_order_they_come():
    first, second = session(1, NOON - timedelta(hours=2)), session(2, NOON - timedelta(hours=1))
    for sessions in ([first, second], [second, first]):
        assert ended().seen(sessions, NOON)["session_id"] == 1


def test_offsets_do_not_matter():
    in_warsaw = {"id": 1, "start_date": None, "end_date": "2027-03-01T12:54:00+01:00"}  # 11:54 UTC
    assert ended().seen([in_warsaw], NOON)["session_id"] == 1


def test_it_travels_as_plain_json():
    condition = ended(settle=60)
    assert Condition.from_json(json.loads(json.dumps(condition.to_json()))) == condition


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"room_id": "None"}, "room_id must be .* got 'None'"),
        ({"since": "2027-03-01T12:00"}, "since must be a time with its zone"),
        ({"settle": -1}, "settle must be .* got -1"),
    ],
)
def test_nonsense_is_refused_when_it_is_made(arguments, message):
    with pytest.raises(ValueError, match=message):
        SessionEnded(**{"room_id": 1, "since": "2027-03-01T12:00:00Z", **arguments})
