"""Test reading any dataset, its parallel requests, and its progress in the log."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.datasets import collect as collecting
from airflow_clickmeeting.datasets.scope import Period, Scope
from airflow_clickmeeting.datasets.sources import SOURCES
from airflow_clickmeeting.parallel import OrderedExecutor
from airflow_clickmeeting.transfers.base import DatasetOperator

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def collect():
    """Read any dataset as an operator does, and return its rows."""

    def collect(dataset: str, context=None, log=None, **arguments):
        members = {"dataset": dataset, "execute": lambda *_: None, **({"log": log} if log else {})}
        operator = type("CollectOperator", (DatasetOperator,), members)(task_id="collect", **arguments)
        with operator.create_reader(context or {}) as reader:
            places = [place for _, own in reader.find_places() for place in own]
            rows = [row for _, found in reader.read_rows(places) for row in found or ()]
        return rows, operator.conclude(reader, len(rows))

    return collect


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.bulk(6, 2, 4)
    clickmeeting_sandbox.forget_requests()
    return clickmeeting_sandbox


@pytest.mark.parametrize("dataset", SOURCES)
def test_every_dataset_can_be_collected(sandbox, collect, dataset):
    rows, collected = collect(dataset)
    number = {"conferences": 6, "sessions": 12, "attendees": 48, "attendance": 48, "attendance_summaries": 12}
    assert len(rows) == number.get(dataset, 0)
    assert collected["rooms"] == 6
    assert collected["sessions"] == (12 if SOURCES[dataset]().of_sessions else 0)
    assert list({tuple(row) for row in rows}) in ([], [tuple(SOURCES[dataset]().dataset.header)])


@pytest.mark.parametrize(
    ("dataset", "argument"),
    [("conferences", "since"), ("conferences", "until"), ("conferences", "session_id"), ("recordings", "session_id")],
)
def test_an_argument_that_does_not_filter_the_dataset_is_refused(sandbox, collect, dataset, argument):
    value = 7 if argument == "session_id" else NOON
    with pytest.raises(ValueError, match=f"^{argument} must be left out: {dataset} cannot be filtered by it"):
        collect(dataset, room_id=1, **{argument: value})
    assert sandbox.count() == 0


def test_an_unknown_dataset_is_refused_with_the_valid_ones(sandbox, collect):
    with pytest.raises(ValueError, match="dataset must be one of 'conferences', 'sessions', 'attendees'"):
        collect("people")


def test_conferences_are_a_snapshot_whatever_the_data_interval(sandbox, collect):
    interval = {"data_interval_start": NOON, "data_interval_end": NOON + timedelta(days=1)}
    assert len(collect("conferences", interval)[0]) == 6


def test_max_parallel_limits_the_requests_at_a_time(sandbox, collect, mocker):
    running, most = set(), 0
    original = OrderedExecutor.submit

    def start(executor, *work):
        nonlocal most
        future = original(executor, *work)
        running.add(future)
        most = max(most, sum(each.running() for each in running))
        return future

    mocker.patch.object(OrderedExecutor, "submit", start)
    collect("attendees", max_parallel=3)
    assert 0 < most <= 3


def test_the_log_shows_the_progress(sandbox, collect, mocker, caplog):
    mocker.patch.object(collecting, "SECONDS_BETWEEN_LOGS", 0)
    with caplog.at_level(logging.INFO, logger="progress"):
        collect("attendees", log=logging.getLogger("progress"))
    assert "Searching for attendees of all rooms, of any time" in caplog.messages
    assert any(text.startswith("6 of 6 rooms searched, 0 rows") for text in caplog.messages)
    assert any(text.startswith("12 of 12 responses with attendees, 44 rows (") for text in caplog.messages)
    assert "@" not in caplog.text


def test_the_log_shows_the_progress_within_a_long_response(mocker):
    mocker.patch.object(collecting, "SECONDS_BETWEEN_LOGS", 0)
    logged = []
    progress = collecting.Progress(lambda text, *values: logged.append(text % values), "responses", 4)
    batches = [{"id": [1] * 1000}, {"id": [2] * 500}]
    assert list(progress.counted(batches)) == batches
    assert [text.split(" (")[0] for text in logged] == ["0 of 4 responses, 1000 rows", "0 of 4 responses, 1500 rows"]


def test_a_scope_is_formatted_for_logs():
    assert collecting.format_scope(Scope((1, 3), period=Period(NOON))) == f"2 rooms, from {NOON}"
    assert collecting.format_scope(Scope((3,), 7)) == "session 7"
    assert collecting.format_scope(Scope(period=Period(NOON, NOON))) == f"all rooms, from {NOON} and before {NOON}"
