"""Export and load the answers to polls, against the sandbox."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.datasets.definitions import POLL_ANSWERS
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportPollAnswersOperator,
)
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator

START = datetime(2027, 2, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD, LONG = {"points": 1, "value": "Good"}, {"points": 0, "value": "Long"}
POLLS = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": [GOOD, LONG]}]}]
ADA = {"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (25, 60)], "polls": POLLS}
BOB = {"email": "bob@example.com", "nickname": "Bob"}
GUEST = {"nickname": "Guest", "polls": [{"name": "Quiz", "questions": [{"question": "2+2?", "answers": [GOOD]}]}]}


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(START + 3 * HOUR)
    return clickmeeting_sandbox


@pytest.fixture
def session(sandbox) -> dict[str, int]:
    """Hold a session in which Ada, who rejoins, and a guest answer polls, and Bob does not."""
    room_id = sandbox.add_room(name="Talk", starts_at=START)["id"]
    session_id = sandbox.play(room_id, start=START, end=START + HOUR, attendees=[ADA, BOB, GUEST])
    sandbox.forget_requests()
    return {"room_id": room_id, "session_id": session_id}


@pytest.fixture
def export(tmp_path):
    """Export, and return the result with the rows of the file."""

    def export(**arguments):
        operator = ClickMeetingExportPollAnswersOperator(task_id="x", path=f"{tmp_path}/answers.csv", **arguments)
        result = operator.execute({})
        text = (tmp_path / "answers.csv").read_bytes().decode()
        return json.loads(json.dumps(result)), [*csv.DictReader(io.StringIO(text, newline=""))]

    return export


@pytest.mark.parametrize("entries", ["first", "every"])
def test_a_row_per_person_poll_question_and_answer(sandbox, session, export, entries):
    sandbox.switch(polls=entries)
    result, rows = export()
    assert (result["rows"], result["rooms"], result["sessions"], result["failures"]) == (3, 1, 1, [])
    assert [*rows[0]] == POLL_ANSWERS.header
    names = ("email", "nickname", "role", "poll", "question", "answer", "points", "extra")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("ada@example.com", "Ada", "listener", "Feedback", "How was it?", "Good", "1", ""),
        ("ada@example.com", "Ada", "listener", "Feedback", "How was it?", "Long", "0", ""),
        ("", "Guest", "listener", "Quiz", "2+2?", "Good", "1", ""),
    ]
    assert len({row["entry"] for row in rows}) == 3
    assert sandbox.count("list_session_attendees") == 1


def test_entries_without_polls_are_no_failure(sandbox, session, export):
    sandbox.switch(polls="absent")
    result, rows = export(**session)
    assert (rows, result["failure_count"]) == ([], 0)


def test_keys_that_are_not_known_go_into_extra_without_secrets(sandbox, session, export):
    answer = GOOD | {"id": 9, "recording_url": "https://media.example/x?st=secret"}
    polls = [{"id": 5, "name": "Feedback", "questions": [{"question": "How?", "answers": [answer]}]}]
    sandbox.fault("list_session_attendees", "answer", json=[{"uid": "1", "email": "ada@example.com", "polls": polls}])
    _, (row,) = export(**session)
    assert json.loads(row["extra"]) == {"of_answer": {"id": 9}, "of_poll": {"id": 5}}


def test_what_cannot_be_read_fails_the_task_with_its_place_and_the_rest_is_written(sandbox, session, export, caplog):
    odd = [{"name": "Feedback", "questions": [{"question": "How?", "answers": [GOOD, "ada@example.com"]}]}]
    rows = [{"uid": "1", "email": "ada@example.com", "polls": odd}, {"uid": "2", "email": None, "polls": "odd"}]
    rows += [{"uid": "3", "polls": [{"name": "Q", "questions": [{"question": "?", "answers": [{"points": "many"}]}]}]}]
    sandbox.fault("list_session_attendees", "answer", times=2, json=rows)
    reasons = [
        "poll_answers, entry 1, poll 1, question 1, answer 2 must be an object, not a text",
        "poll_answers, entry 2: polls must be a list of objects, not a text",
        "poll_answers, row 2: points must be a whole number; got 'many'.",
    ]
    result, written = export(**session, max_failures=3)
    assert result["failures"] == [{**session, "reason": reason} for reason in reasons]
    assert [row["answer"] for row in written] == ["Good"]
    with pytest.raises(AirflowException, match="entry 2: polls must be a list") as caught:
        export(**session)
    assert "@" not in caplog.text + str(caught.value)


def test_pseudonyms_join_answers_with_attendees(session, export, connect, tmp_path):
    connect(conn_id="pseudonyms", password="a key")
    wanted = {"pseudonymise": ["email", "uid", "nickname", "answer"], "pseudonym_conn_id": "pseudonyms"}
    _, rows = export(**session, **wanted)
    people = ClickMeetingExportAttendeesOperator(
        task_id="x", path=f"{tmp_path}/people.jsonl", **session, **wanted | {"pseudonymise": ["email", "uid"]}
    )
    people.execute({})
    lines = (tmp_path / "people.jsonl").read_text().splitlines()
    assert {row["email"] for row in rows} - {""} <= {json.loads(line)["email"] for line in lines}
    text = (tmp_path / "answers.csv").read_text()
    assert [word for word in ("ada", "Ada", "Guest", "Good", "Long") if word in text] == []
    assert rows[0]["answer"] == rows[2]["answer"], "the same answer has the same hash"


def test_a_load_keeps_rows_of_a_session_whose_polls_cannot_be_read(sandbox, session, warehouse):
    def load(**arguments):
        operator = ClickMeetingToSqlOperator(
            task_id="x", dataset="poll_answers", sql_conn_id=warehouse.conn_id, table="loaded", **session, **arguments
        )
        return operator.execute({})

    assert load()["rows"] == 3
    entries = ClickMeetingHook().list_session_attendees(**session)
    sandbox.fault("list_session_attendees", "answer", json=[entries[0] | {"polls": POLLS}, {"uid": "9", "polls": 7}])
    assert load(max_failures=1)["failure_count"] == 1
    assert len(warehouse.rows()) == 3, "nothing is deleted"
    sandbox.fault("list_session_attendees", "answer", json=[entries[0]])
    load()
    assert sorted(row["answer"] for row in warehouse.rows()) == ["Good", "Long"]
