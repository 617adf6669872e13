"""Find what an account holds of one person, against the sandbox."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from airflow.sdk import DAG, Asset

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import AuthenticationError, NotFoundError, WrongArgumentError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.transfers.person import ClickMeetingExportPersonOperator

NOW = datetime(2027, 2, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = "Ada.Lovelace@example.com"
POLLS = [{"name": "Feedback", "questions": [{"question": "How?", "answers": [{"points": 1, "value": "Good"}]}]}]


class Account(NamedTuple):
    """Ada registered for the talk and entered twice, has a token of the board's room, and is at the party now."""

    talk: int
    board: int
    party: int
    other: int
    session: int
    running: int
    token: str


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(NOW)
    return clickmeeting_sandbox


@pytest.fixture
def account(sandbox) -> Account:
    hook = ClickMeetingHook()
    talk = sandbox.add_room(name="Talk", permanent_room=1, registration={"enabled": True})["id"]
    board = sandbox.add_room(name="Board", permanent_room=1, access_type=3)["id"]
    party = sandbox.add_room(name="Party", permanent_room=1)["id"]
    other = sandbox.add_room(name="Other", permanent_room=1)["id"]
    for name, address in (("Ada", ADA), ("Bob", "bob@example.com")):
        hook.register_participant(talk, registration={1: name, 2: "Example", 3: address})
    hook.send_invitation(board, attendees=[ADA])
    ada = {"email": ADA.upper(), "nickname": "Ada", "visits": [(0, 20), (25, 60)], "polls": POLLS, "rating": 5}
    people = [ada, {"email": "bob@example.com"}, {"nickname": "Ada"}]
    when = {"start": NOW - 24 * HOUR, "end": NOW - 23 * HOUR}
    session = sandbox.play(talk, attendees=people, chat=[{"email": ADA, "message": "Hello"}], **when)
    sandbox.play(other, attendees=[{"email": "bob@example.com"}], chat=["Hello"], **when)
    running = sandbox.play(party, start=NOW - HOUR, end=NOW + HOUR, attendees=[{"email": ADA}])
    (token,) = (each["token"] for each in hook.list_tokens(board))
    sandbox.forget_requests()
    return Account(talk, board, party, other, session, running, token)


@pytest.fixture
def find(tmp_path) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Search for Ada, and return the result and the content of the file."""

    def find(**arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        wanted = {"email_address": ADA.lower(), "path": f"{tmp_path}/person.json"} | arguments
        result = ClickMeetingExportPersonOperator(task_id="x", **wanted).execute({})
        assert json.loads(json.dumps(result)) == result
        return result, json.loads((tmp_path / "person.json").read_text())

    return find


def test_everything_of_a_person_in_the_whole_account(account, find, tmp_path):
    result, content = find()
    assert result == {
        "path": str(tmp_path / "person.json"),
        "registrations": 1,
        "attendances": 3,
        "tokens": 1,
        "chats": 1,
        "rooms": 4,
        "sessions": 3,
        "complete": True,
        "failures": [],
        "failure_count": 0,
    }
    (registration,), (token,), (chat,) = content["registrations"], content["tokens"], content["chats"]
    assert (registration["room_id"], registration["room_name"], registration["email"]) == (account.talk, "Talk", ADA)
    assert registration["fields"]["Last Name"] == "Example"
    assert (token["room_id"], token["sent_to_email"]) == (account.board, ADA)
    assert chat["id"] == account.session
    where = [(each["room_id"], each["session_id"]) for each in content["attendances"]]
    assert sorted(where) == [(account.talk, account.session)] * 2 + [(account.party, account.running)]
    assert [each["rating"] for each in content["attendances"] if each["room_id"] == account.talk] == ["5", None]
    assert content["attendances"][0]["polls"] == POLLS
    assert content["email_address"] == ADA.lower()
    assert content["searched_at"] == NOW.isoformat()
    assert content["complete"] is True
    assert content["searched"] == {
        "rooms": 4,
        "registrations": 2,
        "rooms with tokens": 1,
        "tokens": 1,
        "sessions": 3,
        "attendances": 6,
        "chats": 2,
    }
    assert (content["failures"], content["not_read"]) == ([], [])
    assert content["not_searched"][0] == "The address book and sent invitations: the API does not list them."


def test_nothing_of_anybody_else_is_in_the_file(account, find, tmp_path):
    find()
    text = (tmp_path / "person.json").read_text()
    assert "bob" not in text.lower()


@pytest.mark.parametrize("attended", [True, False])
def test_the_number_of_requests(sandbox, account, find, attended):
    """As the documentation says: the list of rooms, two per room, one per room with tokens and session, and one."""
    find(**{} if attended else {"email_address": "nobody@example.com"})
    assert sandbox.counts == {
        "list_conferences": 2 + 1,  # a page of active rooms, an empty one of inactive ones; all but the last once more
        "list_registrations": 4,
        "list_tokens": 1,
        "list_sessions": 4,
        "list_session_attendees": 3,
        **({"list_chats": 1} if attended else {}),
    }
    assert {request["method"] for request in sandbox.log()} == {"GET"}


def test_the_number_of_requests_in_one_room(sandbox, account, find):
    result, content = find(room_id=account.talk)
    assert (result["attendances"], result["rooms"]) == (2, 1)
    assert content["searched"]["rooms"] == 1
    counts = {"list_registrations": 1, "list_sessions": 1, "list_session_attendees": 1, "list_chats": 1}
    assert sandbox.counts == counts | {"get_conference": 1}


def test_a_second_run_writes_the_same_data(account, find):
    (result, content), (again, same) = find(), find()
    assert (result, content | {"searched_at": None}) == (again, same | {"searched_at": None})


def test_who_is_not_known_has_empty_lists(account, find):
    result, content = find(email_address="nobody@example.com")
    assert (result["complete"], result["attendances"]) == (True, 0)
    kinds = ("registrations", "attendances", "tokens", "chats")
    assert [content[kind] for kind in kinds] == [[]] * 4


def test_an_address_in_a_field_of_the_form_counts(sandbox, account, find):
    registration = {"id": 7, "email": "office@example.com", "fields": {"Colleague": f" {ADA} ", "Age": None}}
    sandbox.fault("list_registrations", "answer", json=[registration])
    assert find(room_id=account.talk)[0]["registrations"] == 1


@pytest.mark.parametrize("include_secrets", [False, True])
def test_what_lets_somebody_in_is_in_the_file_on_demand_only(account, find, tmp_path, include_secrets):
    _, content = find(include_secrets=include_secrets)
    assert ("token" in content["tokens"][0]) is include_secrets
    assert ("url" in content["registrations"][0]) is include_secrets
    assert (account.token in (tmp_path / "person.json").read_text()) is include_secrets


def test_only_the_owner_reads_the_file(account, find, tmp_path):
    find()
    assert (tmp_path / "person.json").stat().st_mode & 0o777 == 0o600


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        "operation", ["list_registrations", "list_tokens", "list_sessions", "list_session_attendees", "list_chats"]
    )
    def test_it_fails_the_task_and_an_older_file_stays(self, sandbox, account, find, tmp_path, operation):
        find()
        before = (tmp_path / "person.json").read_bytes()
        sandbox.advance(HOUR)
        sandbox.fault(operation, "status", status=403)
        with pytest.raises(AirflowException, match=r"1 of \d+ items failed \(max_failures=0\)") as caught:
            find()
        assert "No file was written, and a retry searches everything again." in str(caught.value)
        assert "@" not in str(caught.value)
        assert (tmp_path / "person.json").read_bytes() == before

    def test_with_max_failures_the_file_names_it(self, sandbox, account, find):
        sandbox.fault("list_sessions", "status", status=403)
        sandbox.fault("list_chats", "status", status=403)
        result, content = find(max_failures=2)
        assert (result["complete"], result["failure_count"], content["complete"]) == (False, 2, False)
        assert content["not_read"][0] == {"room_id": None, "session_id": None}, "the index of chats"
        assert content["not_read"][1]["room_id"] in account
        assert [*content["failures"]] == result["failures"]
        assert "list_sessions: FORBIDDEN" in content["failures"][0]["reason"]

    def test_a_session_is_named(self, sandbox, account, find):
        sandbox.fault("list_session_attendees", "status", status=403)
        _, content = find(room_id=account.talk, max_failures=1)
        assert content["not_read"] == [{"room_id": account.talk, "session_id": account.session}]

    @pytest.mark.parametrize("item", [7, {"uid": "1", "email": {"address": ADA}}])
    def test_an_item_that_cannot_be_read_is_a_failure(self, sandbox, account, find, item):
        sandbox.fault("list_session_attendees", "answer", json=[{"uid": "2", "email": ADA}, item])
        result, _ = find(room_id=account.talk, max_failures=1)
        assert (result["attendances"], result["failure_count"]) == (1, 1)
        assert "@" not in str(result["failures"])

    def test_a_room_that_cannot_be_read_is_a_failure(self, sandbox, account, find):
        with pytest.raises(AirflowFailException, match="items failed"):
            find(room_id=[account.talk, 999])
        result, content = find(room_id=[account.talk, 999], max_failures=1)
        assert (result["rooms"], content["not_read"]) == (1, [{"room_id": 999, "session_id": None}])

    def test_the_only_room_does_not_exist(self, sandbox, account, find):
        with pytest.raises(NotFoundError):
            find(room_id=999)

    def test_a_wrong_key_fails_at_once(self, sandbox, account, connect, find):
        connect(sandbox, password="wrong")
        with pytest.raises(AuthenticationError):
            find(max_failures=1000)


class TestTheAddressIsNotShown:
    def test_in_logs_and_the_result(self, sandbox, account, find, caplog, capsys):
        sandbox.fault("list_sessions", "status", status=403)
        with caplog.at_level(logging.INFO):
            result, _ = find(max_failures=1)
        logged = caplog.text + capsys.readouterr().out  # where Airflow 3.1 writes
        assert "FORBIDDEN" in logged
        assert "ada" not in (logged + str(result)).lower()

    @pytest.mark.parametrize("address", ["ada at example", "ada@", None, "None", ""])
    def test_in_the_error_for_a_wrong_one(self, sandbox, find, address):
        sandbox.forget_requests()
        with pytest.raises(WrongArgumentError, match="email_address must be an e-mail address; the value") as caught:
            find(email_address=address)
        assert not address or "ada" not in str(caught.value)
        assert sandbox.count() == 0

    def test_in_the_path(self, sandbox, account, find, tmp_path):
        with pytest.raises(WrongArgumentError, match="path must not contain the e-mail address") as caught:
            find(path=f"{tmp_path}/{ADA}.json")
        assert "@" not in str(caught.value)
        assert sandbox.count() == 0


def test_a_folder_is_refused(account, find, tmp_path):
    with pytest.raises(WrongArgumentError, match="path must be a file, not a folder"):
        find(path=f"{tmp_path}/")


def test_the_tasks_assets_are_told(account, run_dag, tmp_path):
    with DAG("person", schedule=None) as dag:
        ClickMeetingExportPersonOperator(
            task_id="x",
            email_address="{{ dag_run.conf['email_address'] }}",
            path=f"{tmp_path}/person.json",
            outlets=[Asset("people")],
        )
    assert run_dag(dag, run_conf={"email_address": ADA}).state == "success"
    assert json.loads((tmp_path / "person.json").read_text())["attendances"]


def test_a_response_of_another_shape_does_not_show_the_address(sandbox, account, find, caplog):
    sandbox.fault("list_session_attendees", "answer", json={"people": [{"email": ADA, "nickname": "Ada"}]})
    with caplog.at_level(logging.INFO):
        result, _ = find(room_id=account.talk, max_failures=1)
    assert result["failure_count"] == 1
    assert "@" not in caplog.text + str(result["failures"])
