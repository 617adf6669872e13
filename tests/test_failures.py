"""Failures of a task that finishes the rest: bounded in the result, and one line for each reason in the log."""

from __future__ import annotations

import logging

import pytest

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.failures import FailureLog, allowed_failures, format_failure


@pytest.fixture
def failures(caplog) -> FailureLog:
    caplog.set_level(logging.INFO)
    return FailureLog(logging.getLogger("task"))


def test_the_first_hundred_are_kept_and_all_are_counted(failures):
    for row in range(1, 151):
        failures.add("it rained", row=row)
    assert failures.count == 150
    assert failures.kept == [{"row": row, "reason": "it rained"} for row in range(1, 101)]


def test_470_failures_for_one_reason_are_one_line_that_says_so(failures, caplog):
    for row in range(1, 471):
        failures.add("the room is full", row=row)
    failures.add("no e-mail address", row=471)
    failures.log_counts()
    assert caplog.messages == [
        "Failed: row 1: the room is full",
        "Failed: row 471: no e-mail address",
        "470 rows failed for one reason: the room is full",
    ]


def test_reasons_that_all_differ_do_not_fill_the_log(failures, caplog):
    for row in range(1, 1001):
        failures.add(f"cell {row} is odd", row=row)
    failures.add("cell 1 is odd", row=1001)
    failures.log_counts()
    assert failures.count == 1001
    assert caplog.messages[99:] == [
        "Failed: row 100: cell 100 is odd",
        "Failures with other reasons are only counted from here on",
        "2 rows failed for one reason: cell 1 is odd",
    ]


def test_more_than_may_fail_raise_and_name_the_first(failures):
    for row in range(1, 8):
        failures.add("it rained", row=row)
    failures.check(7, 10, "Wait for sun")
    failures.check(0.7, 10, "Wait for sun")
    with pytest.raises(AirflowException) as error:
        failures.check(6, 10, "Wait for sun")
    assert str(error.value) == (
        "7 of 10 rows failed (max_failures=6): row 1: it rained; row 2: it rained; row 3: it rained; "
        "row 4: it rained; row 5: it rained; and 2 more. Wait for sun, then clear this task."
    )


def test_an_error_of_clickmeeting_is_kept_for_who_raises_it(failures):
    error = NotFoundError(ApiError("not_found", "gone"), "get_conference")
    failures.add(error, room_id=3, session_id=7)
    assert failures.error is error
    assert failures.kept == [{"room_id": 3, "session_id": 7, "reason": "get_conference: gone"}]


@pytest.mark.parametrize(("max_failures", "allowed"), [(0, 0), (3, 3), (0.05, 10), (0.999, 199), (1, 1), (500.0, 500)])
def test_a_number_is_a_number_and_below_one_a_share(max_failures, allowed):
    assert allowed_failures(max_failures, 200) == allowed


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"row": 2, "reason": "x"}, "row 2: x"),
        ({"room_id": 3, "reason": "x"}, "room 3: x"),
        ({"room_id": 3, "session_id": 7, "reason": "x"}, "room 3, session 7: x"),
        ({"room_id": 3, "recording_id": 9, "reason": "x"}, "room 3, recording 9: x"),
        ({"reason": "x"}, "x"),
    ],
)
def test_a_failure_in_words(failure, words):
    assert format_failure(failure) == words
