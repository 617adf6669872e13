"""Invitations to the people of a list: who gets one, whatever happens meanwhile, and what is told of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, ObjectStoragePath

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import AuthenticationError, ConnectionFailedError, NotFoundError, RateLimitedError
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator as SendInvitations

ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"}


def crowd(count: int) -> list[dict[str, str]]:
    return [{"email": f"visitor{number}@example.com"} for number in range(1, count + 1)]


@pytest.fixture
def room_id(clickmeeting_sandbox) -> int:
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]


@pytest.fixture
def ledger(tmp_path) -> Path:
    return tmp_path / "invitations.jsonl"


@pytest.fixture
def invite(room_id, ledger):
    """Invite, ten people at a time, and return the result."""

    def invite(people: Any = None, **more: Any) -> dict[str, Any]:
        given = {"room_id": room_id, "people": people, "ledger": str(ledger), "batch_size": 10, **more}
        result = SendInvitations(task_id="invite", **given).execute({})
        assert "@" not in json.dumps(result)
        return json.loads(json.dumps(result))

    return invite


@pytest.fixture
def mails(clickmeeting_sandbox):
    """How many mails each got."""
    return lambda: Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox)


@pytest.fixture
def entries(ledger):
    """What the ledger says of each person, and of rows that name nobody."""

    def entries() -> list[dict[str, Any]]:
        return [json.loads(line) for line in ledger.read_text().splitlines()[1:]]

    return entries


@pytest.fixture
def outcomes(entries):
    return lambda: Counter(entry["outcome"] for entry in entries())


@pytest.fixture
def begun(ledger, room_id):
    """Leave a ledger as a killed worker does: a batch may be sent."""

    def begun(*people: dict[str, str], outcome: str = "sending") -> None:
        more = {"outcome": outcome, "why": None, "batch": 1, "at": "2027-02-01T12:00:00+00:00"}
        lines = [{"email": each["email"], "row": 1, **more} for each in people]
        header = {"ledger": 1, "operation": "invitations", "room_id": room_id}
        ledger.write_text("".join(f"{json.dumps(line)}\n" for line in [header, *lines]))

    return begun


def test_each_person_gets_one_mail_in_batches(invite, room_id, ledger, clickmeeting_sandbox, outcomes):
    people = [ADA, *crowd(24), {"email": "ADA@example.com"}]
    assert invite(people, lang="pl", role="presenter", template="basic") == {
        "room_id": room_id,
        "rows": 26,
        "sent": 25,
        "unchanged": 0,
        "duplicates": 1,
        "invalid": 0,
        "failed": 0,
        "uncertain": 0,
        "uncertain_rows": [],
        "failures": [],
        "failure_count": 0,
        "ledger": str(ledger),
    }
    mails = clickmeeting_sandbox.outbox
    assert [mail["recipient"] for mail in mails] == [each["email"] for each in people[:-1]]
    assert {(mail["lang"], mail["role"], mail["template"]) for mail in mails} == {("pl", "presenter", "basic")}
    forms = [entry["form"]["attendees"] for entry in clickmeeting_sandbox.log("send_invitation")]
    assert [len(form) for form in forms] == [10, 10, 5]
    assert forms[0]["0"] == ADA
    assert outcomes() == {"sent": 25}


def test_each_person_gets_the_role_of_their_row(invite, clickmeeting_sandbox):
    roles = ["presenter", "", "Listener", "PRESENTER"]
    people = [{**person, "Role": role} for person, role in zip(crowd(4), roles, strict=True)]
    assert invite(people, role="listener")["sent"] == 4
    forms = [entry["form"] for entry in clickmeeting_sandbox.log("send_invitation")]
    # at both places, since it is not known which of them ClickMeeting reads
    assert [(form["role"], [each.get("role") for each in form["attendees"].values()]) for form in forms] == [
        ("presenter", ["presenter", "presenter"]),
        ("listener", ["listener"]),
        ("listener", [None]),
    ]
    assert {mail["recipient"]: mail["role"] for mail in clickmeeting_sandbox.outbox} == {
        "visitor1@example.com": "presenter",
        "visitor2@example.com": "listener",
        "visitor3@example.com": "listener",
        "visitor4@example.com": "presenter",
    }


def test_a_role_that_nobody_can_have_is_an_invalid_row(invite, mails):
    people = [{**person, "role": role} for person, role in zip(crowd(2), ["Manager", ""], strict=True)]
    result = invite(people, max_failures=1)
    assert result["failures"] == [
        {"row": 1, "reason": "role must be one of 'listener', 'presenter'; columns can leave a column out"}
    ]
    assert mails() == {"visitor2@example.com": 1}
    assert invite(people, columns={"role": None})["sent"] == 1
    assert len(mails()) == 2


def test_a_person_gets_one_mail_however_the_address_is_spelled_in_any_run(invite, mails):
    spellings = ["Ada@bücher.example.com", "ada@BÜCHER.example.com", "ada@xn--bcher-kva.example.com"]
    first = invite([{"email": email} for email in spellings[:2]])
    again = invite([{"email": email} for email in reversed(spellings)])
    assert (first["sent"], first["duplicates"]) == (1, 1)
    assert (again["sent"], again["unchanged"], again["duplicates"]) == (0, 1, 2)
    assert mails() == {"Ada@bücher.example.com": 1}


def test_a_second_run_sends_only_to_who_is_new(invite, mails, clickmeeting_sandbox):
    invite(crowd(12))
    clickmeeting_sandbox.forget_requests()
    result = invite([{"email": "VISITOR3@example.com"}, *crowd(15)])
    assert (result["sent"], result["unchanged"], result["duplicates"]) == (3, 12, 1)
    assert set(mails().values()) == {1}
    assert clickmeeting_sandbox.counts == {"get_conference": 1, "send_invitation": 1}
    clickmeeting_sandbox.forget_requests()
    assert invite(crowd(15))["unchanged"] == 15
    assert clickmeeting_sandbox.count() == 0


def test_a_malformed_address_does_not_keep_the_others_from_their_mail(invite, mails, entries, tmp_path):
    rows = [f"Visitor,visitor{number}@example.com" for number in range(2, 7401)]
    rows[7312 - 2] = "Visitor,visitor7312(at)example.com"
    (tmp_path / "people.csv").write_text("\n".join(["First Name,Email Address", *rows]))
    with pytest.raises(AirflowException) as error:
        invite(f"{tmp_path}/people.csv", batch_size=1000)
    said = str(error.value)
    assert said.startswith("1 of 7399 rows failed (max_failures=0), and 7398 people were invited: row 7312: email is")
    assert "(at)" not in said
    assert len(mails()) == mails().total() == 7398
    (invalid,) = [entry for entry in entries() if entry["outcome"] == "invalid"]
    assert (invalid["row"], invalid["given"], invalid["email"]) == (7312, "visitor7312(at)example.com", None)
    result = invite(f"{tmp_path}/people.csv", batch_size=1000, max_failures="1")
    assert (result["unchanged"], result["invalid"], result["rows"]) == (7398, 1, 7399)
    assert result["failures"] == [{"row": 7312, "reason": "email is not an e-mail address"}]


def test_people_of_a_query(invite, mails, warehouse):
    warehouse.run(
        "CREATE TABLE people (email_address varchar(40), name varchar(20))",
        "INSERT INTO people VALUES ('ada@example.com', 'Ada'), ('eve@example.com', NULL)",
    )
    assert invite(sql="SELECT * FROM people", sql_conn_id=warehouse.conn_id)["sent"] == 2
    assert mails() == {"ada@example.com": 1, "eve@example.com": 1}


# --- before anything is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"people": []}, "people must be a list with at least one of the people; got []."),
        ({}, "people must be given, or else sql with sql_conn_id; not both."),
        ({"people": "/nowhere/people.csv"}, "The file /nowhere/people.csv does not exist."),
        ({"people": [ADA], "room_id": "None"}, "room_id must be the positive number"),
        ({"people": [ADA], "ledger": None}, "ledger must be a text that is not blank; got 'None'."),
        ({"people": [ADA], "batch_size": 0}, "batch_size must be a whole number from 1 on; got 0."),
        (
            {"people": [ADA], "max_failures": -1},
            "max_failures must be a whole number, or a share below 1 such as 0.05; got -1.",
        ),
        ({"people": [ADA], "on_uncertain": "hope"}, "on_uncertain must be one of 'skip', 'resend', 'fail'; got 'hope'"),
        ({"people": [ADA], "lang": "english"}, "lang must be a two-letter language code"),
        ({"people": [ADA], "role": "host"}, "role must be one of 'listener', 'presenter'; got 'host'."),
        ({"people": [ADA], "template": "fancy"}, "template must be one of 'basic', 'advanced'; got 'fancy'."),
        (
            {"people": [ADA], "columns": {"Firma": "company"}},
            "No field matches 'company', the column 'Firma': there are",
        ),
    ],
)
def test_wrong_arguments(invite, clickmeeting_sandbox, ledger, wrong, said):
    with pytest.raises(ValueError) as error:
        invite(**wrong)
    assert str(error.value).startswith(said)
    assert clickmeeting_sandbox.count() == 0
    assert not ledger.exists() or len(ledger.read_text().splitlines()) == 1  # nobody is in it


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            b"email\nada@example.com\n\xff@example.com\n",
            'row 3: it is not UTF-8; in a spreadsheet, save the file as "CSV UTF-8", or set encoding to that',
        ),
        (b"", "cannot be read, row 1: each column needs a name."),
        (b"email\n", "people.csv has no rows."),
    ],
)
def test_a_file_that_cannot_be_read(invite, tmp_path, clickmeeting_sandbox, content, why):
    (tmp_path / "people.csv").write_bytes(content)
    with pytest.raises(ValueError) as error:
        invite(f"{tmp_path}/people.csv")
    assert why in str(error.value)
    assert clickmeeting_sandbox.count() == 0


def test_the_ledger_of_another_room(invite, clickmeeting_sandbox, ledger):
    invite([ADA])
    before = ledger.read_bytes()
    clickmeeting_sandbox.forget_requests()
    other = clickmeeting_sandbox.add_room(permanent_room=True)["id"]
    with pytest.raises(ValueError, match=r"^ledger must be the ledger of invitations of room [0-9]+, not of invit"):
        invite([ADA], room_id=other)
    assert (clickmeeting_sandbox.count(), ledger.read_bytes()) == (0, before)


def test_a_ledger_that_cannot_be_written(invite, clickmeeting_sandbox, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        invite([ADA], ledger=f"{tmp_path}/file/ledger.jsonl")
    assert clickmeeting_sandbox.count() == 0


def test_a_ledger_that_cannot_be_written_any_more(invite, mails, mocker):
    from airflow_clickmeeting.versioned import VersionedFile

    written, replace = [], VersionedFile.replace

    def failing(file, *arguments):
        written.append(file)
        if len(written) > 2:  # when it is opened, and before the first batch
            raise OSError("no space left")
        return replace(file, *arguments)

    mocker.patch.object(VersionedFile, "replace", failing)
    with pytest.raises(OSError, match="no space left"):
        invite(crowd(30))
    mocker.patch.object(VersionedFile, "replace", replace)
    assert len(mails()) == 10
    mocker.patch.object(VersionedFile, "age", return_value=1000)  # the task could not give the ledger free
    result = invite(crowd(30))
    assert (result["uncertain_rows"], result["sent"]) == ([*range(1, 11)], 20)
    assert set(mails().values()) == {1}


def test_each_batch_is_in_the_ledger_before_it_is_sent(invite, entries, mocker):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    seen, run = [], ClickMeetingHook.run

    def looking(hook, call):
        if call.name == "send_invitation":
            people = {each["email"] for each in call.form["attendees"]}
            said = {entry["email"]: entry for entry in entries()}
            assert {said[each]["outcome"] for each in people} == {"sending"}
            assert {said[each]["outcome"] for each in said.keys() - people} <= {"sent"}
            seen.append({(said[each]["batch"], said[each]["at"][:2]) for each in people})
        return run(hook, call)

    mocker.patch.object(ClickMeetingHook, "run", looking)
    invite(crowd(25))
    assert seen == [{(1, "20")}, {(2, "20")}, {(3, "20")}]


def test_a_try_that_was_given_up_but_still_runs_stops_when_the_next_has_begun(invite, mails, room_id, ledger, mocker):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.versioned import VersionedFile

    mocker.patch.object(VersionedFile, "age", return_value=1000)  # so its lease is over
    run, results = ClickMeetingHook.run, []

    def overtaken(hook, call):
        answer = run(hook, call)
        if call.name == "send_invitation" and len(mails()) == 20 and not results:
            results.append(None)
            results.append(invite(crowd(50)))
        return answer

    mocker.patch.object(ClickMeetingHook, "run", overtaken)
    with pytest.raises(AirflowException, match="Another task has written to the ledger"):
        invite(crowd(50))
    assert (results[1]["sent"], results[1]["uncertain_rows"]) == (30, [*range(11, 21)])
    assert len(mails()) == mails().total() == 50


# --- what is retried ---------------------------------------------------------------------------------------


def test_rows_that_are_invalid_are_not_retried(invite, mails):
    with pytest.raises(AirflowFailException, match=r"^1 of 2 rows failed"):
        invite([ADA, {"email": "ada(at)example.com"}])
    assert mails() == {"ada@example.com": 1}


def test_a_refused_batch_is_retried_until_everybody_refused_is_alone(invite, clickmeeting_sandbox, mails):
    clickmeeting_sandbox.fault("send_invitation", "status", status=422, times=2)
    with pytest.raises(AirflowException, match=r"^10 of 10 rows failed") as error:
        invite(crowd(10))
    assert not isinstance(error.value, AirflowFailException), "a retry sends them in smaller batches"
    # the first one is refused again, the others are not
    with pytest.raises(AirflowFailException, match=r"^1 of 10 rows failed"):
        invite(crowd(10))
    assert len(mails()) == mails().total() == 9


def test_what_is_uncertain_after_a_second_request_is_retried(invite, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("send_invitation", "lost", times=2)
    with pytest.raises(AirflowException, match="uncertain") as error:
        invite([ADA, {"email": "ada(at)example.com"}], on_uncertain="resend")
    assert not isinstance(error.value, AirflowFailException)


@pytest.mark.parametrize(("status", "retried"), [(401, True), (403, False), (404, False), (429, True)], ids=str)
def test_what_concerns_every_batch(invite, clickmeeting_sandbox, status, retried):
    clickmeeting_sandbox.fault("send_invitation", "status", status=status, times=None)
    with pytest.raises(AirflowException, match="0 people were invited before; a retry continues") as error:
        invite(crowd(20))
    assert isinstance(error.value, AirflowFailException) is not retried


# --- what is uncertain --------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["sending", "uncertain"])
def test_what_a_killed_worker_left_is_skipped_and_named(invite, begun, mails, entries, outcome):
    begun(*crowd(3), outcome=outcome)
    for _ in range(2):
        result = invite([ADA, *crowd(5)])
        assert (result["uncertain"], result["uncertain_rows"]) == (3, [2, 3, 4])
    assert mails() == {"ada@example.com": 1, "visitor4@example.com": 1, "visitor5@example.com": 1}
    assert entries()[0] == {
        "email": "visitor1@example.com",
        "row": 2,
        "outcome": "uncertain",
        "why": "the task ended before it had a response",
        "batch": 1,
        "at": "2027-02-01T12:00:00+00:00",
    }


@pytest.mark.parametrize("outcome", ["sending", "uncertain"])
def test_what_a_killed_worker_left_is_sent_again_if_that_is_wanted(invite, begun, mails, outcome):
    begun(*crowd(3), outcome=outcome)
    result = invite(crowd(5), on_uncertain="resend")
    assert (result["sent"], result["uncertain"]) == (5, 0)
    assert len(mails()) == mails().total() == 5


@pytest.mark.parametrize("outcome", ["sending", "uncertain"])
def test_what_a_killed_worker_left_fails_the_task(invite, begun, ledger, clickmeeting_sandbox, outcome):
    begun(*crowd(3), outcome=outcome)
    for _ in range(2):
        with pytest.raises(AirflowFailException) as error:
            invite([ADA, *crowd(5)], on_uncertain="fail")
        said = str(error.value)
        assert said.startswith("It is uncertain whether 3 people got their invitation, rows 2 to 4; nothing was sent.")
        assert str(ledger) in said
        assert "@" not in said
    assert clickmeeting_sandbox.count() == 0


@pytest.mark.parametrize(("kind", "options"), [("429", {"times": 9}), ("status", {"status": 422})])
def test_who_may_have_a_mail_of_a_run_before_stays_uncertain_though_this_one_is_refused(
    invite, begun, mails, outcomes, clickmeeting_sandbox, kind, options
):
    begun(*crowd(3))
    clickmeeting_sandbox.fault("send_invitation", kind, **options)
    with pytest.raises(AirflowException):
        invite(crowd(5), on_uncertain="resend")
    assert outcomes() == {"uncertain": 3, "failed": 2}
    result = invite(crowd(5))
    assert (result["sent"], result["uncertain_rows"]) == (2, [1, 2, 3])
    assert invite(crowd(5), on_uncertain="resend")["sent"] == 3
    assert len(mails()) == mails().total() == 5


LOST = pytest.mark.parametrize(
    ("kind", "options", "arrived"),
    [
        ("lost", {}, True),
        ("cut", {"after": 3}, True),
        ("reset", {}, False),
        ("status", {"status": 502}, False),
        ("status", {"status": 503}, False),
        ("status", {"status": 504, "body": "html"}, False),
        ("status", {"status": 500, "body": "empty"}, False),
        ("html", {}, False),
        ("empty", {}, False),
        ("redirect", {}, False),
    ],
)


@LOST
def test_an_answer_that_was_lost_makes_its_batch_uncertain(
    invite, mails, outcomes, clickmeeting_sandbox, kind, options, arrived
):
    clickmeeting_sandbox.fault("send_invitation", kind, skip=1, **options)
    result = invite(crowd(35))
    assert (result["sent"], result["uncertain"], result["uncertain_rows"]) == (25, 10, [*range(11, 21)])
    assert outcomes() == {"sent": 25, "uncertain": 10}
    assert invite(crowd(35))["uncertain"] == 10
    assert mails().total() == len(mails()) == (35 if arrived else 25)
    assert clickmeeting_sandbox.count("send_invitation") == 4


@LOST
def test_an_answer_that_was_lost_is_sent_again_once_if_that_is_wanted(
    invite, mails, clickmeeting_sandbox, kind, options, arrived
):
    clickmeeting_sandbox.fault("send_invitation", kind, skip=1, **options)
    result = invite(crowd(35), on_uncertain="resend")
    assert (result["sent"], result["uncertain"]) == (35, 0)
    assert len(mails()) == 35
    assert mails().total() == (45 if arrived else 35)


@LOST
def test_an_answer_that_was_lost_stops_the_task(invite, mails, outcomes, clickmeeting_sandbox, kind, options, arrived):
    clickmeeting_sandbox.fault("send_invitation", kind, skip=1, **options)
    with pytest.raises(AirflowFailException, match="rows 11 to 20; the remaining batches were not tried"):
        invite(crowd(35), on_uncertain="fail")
    assert outcomes() == {"sent": 10, "uncertain": 10}
    assert len(mails()) == (20 if arrived else 10)


def test_who_is_still_uncertain_after_being_sent_again_fails_the_task_and_is_sent_by_the_next(
    invite, mails, outcomes, clickmeeting_sandbox
):
    clickmeeting_sandbox.fault("send_invitation", "reset", times=2)
    with pytest.raises(AirflowException, match=r"^10 of 20 rows failed .*: rows 1 to 10: uncertain\."):
        invite(crowd(20), on_uncertain="resend")
    assert outcomes() == {"sent": 10, "uncertain": 10}
    assert invite(crowd(20), on_uncertain="resend")["sent"] == 10
    assert set(mails().values()) == {1}


@pytest.mark.parametrize("second", ["429", "refused"])
def test_who_may_have_a_mail_stays_uncertain_though_the_second_is_refused(
    invite, outcomes, clickmeeting_sandbox, second
):
    clickmeeting_sandbox.fault("send_invitation", "lost")
    kind = {"429": ("429", {}), "refused": ("status", {"status": 422})}[second]
    clickmeeting_sandbox.fault("send_invitation", kind[0], times=9 if second == "429" else 5, **kind[1])
    with pytest.raises(AirflowException):
        invite(crowd(10), on_uncertain="resend")
    assert outcomes() == {"uncertain": 10}


def test_trouble_that_lasts_makes_one_batch_uncertain_and_not_all(invite, mails, outcomes, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("*", "reset", skip=2, times=None)
    with pytest.raises(ConnectionFailedError):
        invite(crowd(50))
    assert outcomes() == {"sent": 10, "uncertain": 10}
    clickmeeting_sandbox.clear_faults()
    result = invite(crowd(50))
    assert (result["sent"], result["unchanged"], result["uncertain"]) == (30, 10, 10)
    assert set(mails().values()) == {1}


def test_a_storm_of_503(invite, mails, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("send_invitation", "status", status=503, times=4)
    result = invite(crowd(100))
    assert (result["sent"], result["uncertain_rows"]) == (60, [*range(1, 41)])
    assert len(mails()) == mails().total() == 60
    result = invite(crowd(100), on_uncertain="resend")
    assert (result["sent"], result["unchanged"]) == (40, 60)
    assert len(mails()) == mails().total() == 100


# --- what certainly was not sent ----------------------------------------------------------------------------


def test_a_storm_of_429_is_waited_for(invite, mails, clickmeeting_sandbox):
    for skip in (0, 3, 7):
        clickmeeting_sandbox.fault("send_invitation", "429", skip=skip, times=3)
    assert invite(crowd(100))["sent"] == 100
    assert len(mails()) == mails().total() == 100


def test_a_storm_of_429_that_lasts_is_left_to_the_next_run(invite, mails, outcomes, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("send_invitation", "429", skip=1, times=9)
    with pytest.raises(RateLimitedError, match="10 people were invited before; a retry continues"):
        invite(crowd(40))
    assert outcomes() == {"sent": 10, "failed": 10}
    result = invite(crowd(40))
    assert (result["sent"], result["unchanged"], result["uncertain"]) == (30, 10, 0)
    assert len(mails()) == mails().total() == 40


def test_a_service_that_cannot_be_reached(invite, outcomes, connect):
    connect(None, host="http://127.0.0.1:9", extra={"max_attempts": 1})
    with pytest.raises(ConnectionFailedError):
        invite(crowd(40))
    assert outcomes() == {}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, AuthenticationError), (404, NotFoundError)]
)
def test_what_would_be_wrong_with_all_stops_the_task(invite, mails, outcomes, clickmeeting_sandbox, status, kind):
    clickmeeting_sandbox.fault("send_invitation", "status", skip=1, status=status)
    with pytest.raises(kind):
        invite(crowd(40))
    assert outcomes() == {"sent": 10, "failed": 10}
    assert invite(crowd(40))["sent"] == 30
    assert len(mails()) == mails().total() == 40


def test_a_wrong_key_or_a_room_that_is_gone_sends_nothing(invite, mails, ledger, connect, clickmeeting_sandbox):
    with pytest.raises(NotFoundError):
        invite([ADA], room_id=99, ledger=f"{ledger}.of-99.jsonl")
    connect(clickmeeting_sandbox, password="wrong")
    with pytest.raises(AuthenticationError):
        invite([ADA])
    assert clickmeeting_sandbox.count("send_invitation") == 0
    assert len(ledger.read_text().splitlines()) == 1


def test_an_address_that_clickmeeting_refuses_ends_alone(invite, mails, entries, clickmeeting_sandbox, mocker):
    mocker.patch("airflow_clickmeeting.api.validate.is_email", return_value=True)
    people = [*crowd(199), {"email": "not valid"}]
    lacking = []
    for _ in range(3):
        with pytest.raises(AirflowException) as error:
            invite(people, batch_size=100)
        assert "E-mail address is not valid" in str(error.value)
        lacking.append(200 - len(mails()))
    assert lacking == [100, 10, 1]
    assert set(mails().values()) == {1}
    (failed,) = [entry for entry in entries() if entry["outcome"] == "failed"]
    assert (failed["email"], failed["row"], failed["refused"]) == ("not valid", 200, 1)
    result = invite(people, max_failures=1)
    assert (result["failed"], result["unchanged"], [each["row"] for each in result["failures"]]) == (1, 199, [200])


def test_a_refusal_that_quotes_an_address_is_quoted_without_it(invite, entries, mocker):
    from airflow_clickmeeting.api.errors import ApiError
    from airflow_clickmeeting.exceptions import error_for
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    run = ClickMeetingHook.run

    def refusing(hook, call):
        if call.name != "send_invitation":
            return run(hook, call)
        raise error_for(ApiError("validation", "ada@example.com is blocked.", 422), "send_invitation", "default")

    mocker.patch.object(ClickMeetingHook, "run", refusing)
    result = invite([ADA], max_failures=1)
    assert result["failures"][0]["reason"].startswith("send_invitation: *** is blocked.")
    assert "ada@example.com is blocked" in entries()[0]["why"]


# --- as a task ----------------------------------------------------------------------------------------------


def test_a_task_names_nobody_in_its_log(run_dag, room_id, tmp_path, clickmeeting_sandbox, capfd, caplog):
    clickmeeting_sandbox.fault("send_invitation", "lost", skip=1)
    rows = [f"visitor{number}@example.com" for number in range(30)]
    (tmp_path / "people.csv").write_text("\n".join(["email", *rows, "eve(at)example.com"]))
    with DAG("invite", schedule=None) as dag:
        SendInvitations(
            task_id="invite",
            room_id="{{ params.room_id }}",
            people=f"{tmp_path}/people.csv",
            ledger=ObjectStoragePath(f"file://{tmp_path}/ledgers") / "invitations.jsonl",
            batch_size="10",
            max_failures="1",
        )
    dag.params = {"room_id": room_id}
    with caplog.at_level("INFO"):
        run = run_dag(dag)
    assert run.state == "success"
    result = run.get_task_instance("invite").xcom_pull("invite")
    assert (result["sent"], result["uncertain_rows"]) == (20, [*range(12, 22)])
    assert result["ledger"].endswith("/ledgers/invitations.jsonl")
    log = "".join(capfd.readouterr()) + caplog.text
    assert "It is uncertain whether rows 12 to 21 were invited" in log
    assert "visitor" not in log
    assert "@" not in log
    assert "eve(at)" not in log
