"""A night without news takes a few lines of log, with a final count, however many rooms the account has."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from thorough import everyday

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingPurgeConferencesOperator
from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingListRoomsWithSessionsOperator
from airflow_clickmeeting.operators.tokens import ClickMeetingGenerateTokensOperator
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator

ROOMS = 300
MAX_LINES = 8


@pytest.fixture
def account(clickmeeting_sandbox, connect):
    """An account of three hundred rooms, with a session each."""
    connect(clickmeeting_sandbox)
    clickmeeting_sandbox.bulk(ROOMS, 1, 2)
    return clickmeeting_sandbox


@pytest.fixture
def room_id(clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox)
    room = {"name": "Talk", "permanent_room": True, "access_type": 3, "registration": {"enabled": 1}}
    return clickmeeting_sandbox.add_room(**room)["id"]


@pytest.fixture
def lines(caplog, mocker) -> Callable[..., list[str]]:
    """Execute an operator, and return what somebody who watches the task sees of it: the lines from INFO on."""
    log = logging.getLogger("task")
    mocker.patch.object(ClickMeetingHook, "log", log)

    def lines(kind: type, **arguments: object) -> list[str]:
        operator = type(kind.__name__, (kind,), {"log": log})(task_id="task", **arguments)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            operator.execute({})
        return [text for name, _, text in caplog.record_tuples if name == "task" and "Task Runner" not in text]

    return lines


def test_an_archive(lines, account, tmp_path):
    said = lines(ClickMeetingArchiveRecordingsOperator, folder=str(tmp_path), room_id="all")
    assert account.count("list_recordings") == ROOMS
    assert len(said) <= MAX_LINES
    assert said[-1] == f"Recordings of {ROOMS} rooms: 0 archived, 0 unchanged, 0 deleted, 0 pending, 0 bytes, 0 failed"


def test_an_export(lines, account, tmp_path):
    said = lines(ClickMeetingExportAttendeesOperator, path=f"{tmp_path}/attendees.csv")
    assert account.count("list_session_attendees") == ROOMS
    assert len([line for line in said if "s left" not in line]) <= MAX_LINES  # every five seconds, the progress
    assert said[-1].startswith(f"Wrote {2 * ROOMS} rows of attendees to 1 files: ")


def test_a_load(lines, account, tmp_path, connect):
    connect(conn_id="warehouse", conn_type="sqlite", host=str(tmp_path / "warehouse.db"), password=None)
    said = lines(ClickMeetingToSqlOperator, dataset="sessions", table="sessions", sql_conn_id="warehouse")
    assert account.count("list_sessions") == ROOMS
    assert len([line for line in said if "s left" not in line]) <= MAX_LINES
    assert said[-1] == f"Wrote {ROOMS} rows of sessions to the table sessions"


@pytest.mark.parametrize("dry_run", everyday([False, True]))
def test_a_purge(lines, account, dry_run):
    account.advance(timedelta(days=60))
    arguments = {"older_than": "P30D", "status": "all", "dry_run": dry_run, "max_deletions": ROOMS}
    said = lines(ClickMeetingPurgeConferencesOperator, **arguments)
    said = [line for line in said if not line.startswith("Audit: ")]  # two for each deletion
    assert len(said) <= MAX_LINES
    what = "to be deleted in a real run" if dry_run else "deleted"
    assert said[-1] == f"{ROOMS} of {ROOMS} rooms are old: {ROOMS} {what}, 0 kept or failed"


def test_the_search_for_rooms_with_sessions(lines, account):
    said = lines(ClickMeetingListRoomsWithSessionsOperator)
    assert account.count("list_sessions") == ROOMS
    assert len(said) <= MAX_LINES
    assert f"{ROOMS} rooms have sessions from None before None" in "".join(said)


@pytest.mark.parametrize(
    ("kind", "arguments", "count"),
    [
        (ClickMeetingBulkRegisterParticipantsOperator, {}, "{} rows: {} created, {} already there"),
        (ClickMeetingBulkCreateContactsOperator, {"room_id": None}, "{} rows: {} created, {} already there"),
        (
            ClickMeetingBulkSendInvitationsOperator,
            {"batch_size": 5},
            "Invitations to room {room}: {} rows: {} sent, {} already sent by earlier runs",
        ),
    ],
    ids=["registrations", "contacts", "invitations"],
)
def test_the_second_run_of_a_list_says_that_all_are_there(lines, room_id, tmp_path, kind, arguments, count):
    path = tmp_path / "people.csv"
    people = "".join(f"Ada,Lovelace,ada{number}@example.com\n" for number in range(30))
    path.write_text(f"First Name,Last Name,E-mail\n{people}")
    arguments = {"room_id": room_id, "people": str(path), "ledger": f"{tmp_path}/ledger.jsonl", **arguments}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    first, second = (lines(kind, **arguments) for _ in range(2))
    assert first[-1] == count.format(30, 30, 0, room=room_id)
    assert second[-1] == count.format(30, 0, 30, room=room_id)
    assert len(second) <= MAX_LINES


def test_the_second_run_that_tops_up_tokens_says_so(lines, room_id):
    first, second = (lines(ClickMeetingGenerateTokensOperator, room_id=room_id, at_least=3) for _ in range(2))
    assert f"Tokens of room {room_id}: 3 generated, 0 already there and unused" in first
    assert f"Tokens of room {room_id}: 0 generated, 3 already there and unused" in second
