"""One odd row does not sink the rest; an odd session or argument is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

ADA = "ada@example.com"


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"end_date": "2027-03-01T14:00:00+01:00"}, "end_date '2027-03-01T14:00:00+01:00' is before start_date"),
        ({"end_date": "0000-00-00 00:00:00"}, "end_date '0000-00-00 00:00:00' is not an ISO 8601 time"),
        ({"end_date": 0}, "end_date 0 is not an ISO 8601 time"),
        ({"start_date": None}, "start_date None is not an ISO 8601 time"),
        ({"start_date": 1803909600}, "start_date 1803909600 is not an ISO 8601 time"),
        ({"start_date": "0001-01-01T00:00:00+14:00"}, "start_date '0001-01-01T00:00:00+14:00' is not an ISO 8601 time"),
    ],
    ids=["ends before it starts", "no date", "a number as its end", "no start", "a number", "before all time"],
)
def test_an_entry_that_cannot_be_read_is_left_out_and_reported(attend, visit, odd, why):
    found = attend(visit("odd@example.com", 0, 60, uid="6000009") | odd, visit(ADA, 0, 60))
    assert [row["person"] for row in found.rows] == [ADA]
    (skipped,) = found.skipped
    assert skipped.startswith(f"attendee with uid '6000009': {why}")


def test_what_was_left_out_is_told_in_an_order_of_its_own(attend, visit):
    odd = [visit(ADA, 60, 0, uid="2"), visit(ADA, 60, 0, uid="1")]
    assert attend(*odd).skipped == sorted(attend(*odd).skipped) == attend(*reversed(odd)).skipped


def test_an_entry_without_start_is_left_out(attend, at):
    assert attend({"uid": "6", "end_date": at(60)}).skipped == [
        "attendee with uid '6': start_date None is not an ISO 8601 time"
    ]


def test_rows_of_nobody_are_left_out_and_reported(attend, visit, registration):
    found = attend(visit(None, 0, 60, uid=None), registrations=[registration(None, id=None)])
    assert found.rows == []
    assert found.skipped == [
        "attendee with uid None: it has no email and no uid",
        "registration with id None: it has no email and no id",
    ]


@pytest.mark.parametrize("rating", ["excellent", "", "4.5"])
def test_a_rating_that_is_no_whole_number_is_none(attend, visit, rating):
    found = attend(visit(ADA, 0, 60, rating=rating))
    assert (found.rows[0]["rating"], found.skipped) == (None, [])


@pytest.mark.parametrize(
    ("session", "why"),
    [
        ({"end_date": "2027-03-01T14:00:00+01:00"}, "session 7: end_date .* is before start_date"),
        ({"start_date": None}, "session 7: start_date None is not an ISO 8601 time"),
        ({"end_date": None}, "session 7: it has no end_date yet; set until"),
    ],
)
def test_a_session_whose_times_cannot_be_read_is_refused(attend, session, why):
    with pytest.raises(ValueError, match=why):
        attend(session=session)


@pytest.mark.parametrize(
    "wrong",
    [{"rejoin_gap": timedelta(minutes=-1)}, {"rejoin_gap": "a while"}, {"until": "2027-03-01 15:30"}],
    ids=["negative", "a text", "naive"],
)
def test_a_wrong_argument_is_named(attend, wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        attend(**wrong)
