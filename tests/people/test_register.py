"""Lists of people into registrations and contacts: each once, whatever the list holds and whatever the network does."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from threading import Barrier

import pytest
from airflow.sdk import DAG, task

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    ValidationError,
)
from airflow_clickmeeting.hooks import clickmeeting
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.people.forms import RegistrationTarget
from airflow_clickmeeting.people.register import CircuitBreaker

REGISTER, CONTACT = "register_participant", "create_contact"
NOTHING = dict.fromkeys(("rows", "duplicates", "created", "unchanged", "invalid", "failed"), 0)


def person(number: int, **more) -> dict:
    return {"First Name": "Ada", "Last Name": "Lovelace", "E-mail": f"ada{number}@example.com", **more}


def people(count: int) -> list[dict]:
    return [person(number) for number in range(1, count + 1)]


def addresses(count: int) -> list[str]:
    return sorted(one["E-mail"] for one in people(count))


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    return clickmeeting_sandbox


@pytest.fixture
def room_id(sandbox):
    return sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def run(sandbox, ledger):
    """Execute an operator with a ledger, if nothing else is said, and return its result, which XCom can keep."""

    def run(operator, **arguments):
        sandbox.forget_requests()
        result = operator(task_id="task", **{"ledger": str(ledger), **arguments}).execute({})
        assert json.loads(json.dumps(result)) == result
        assert "@" not in json.dumps(result)
        return result

    return run


@pytest.fixture
def register(run, room_id):
    """Register people, who get a mail."""

    def register(people=None, **arguments):
        arguments = {"room_id": room_id, "confirmation_email": True, **arguments}
        return run(ClickMeetingBulkRegisterParticipantsOperator, people=people, **arguments)

    return register


@pytest.fixture
def contact(run):
    def contact(people=None, **arguments):
        return run(ClickMeetingBulkCreateContactsOperator, people=people, **arguments)

    return contact


@pytest.fixture
def registered(room_id, sandbox):
    """Return the addresses of those who are registered."""

    def registered() -> list[str]:
        return sorted(one["email"] for one in ClickMeetingHook().list_registrations(room_id))

    return registered


@pytest.fixture
def entries(ledger):
    """Return the ledger's entries by row."""

    def entries():
        _, *lines = map(json.loads, ledger.read_text().splitlines())
        assert len({line["row"] for line in lines}) == len(lines)
        return {line["row"]: line for line in lines}

    return entries


def counted(result) -> dict:
    counts = {name: result[name] for name in NOTHING}
    assert counts["rows"] == sum(counts.values()) - counts["rows"]
    return {name: count for name, count in counts.items() if count}


def mailed(sandbox) -> Counter:
    return Counter(mail["recipient"] for mail in sandbox.outbox)


def outcomes(entries) -> dict:
    return {row: entry["outcome"] for row, entry in entries.items()}


# --- what comes in ------------------------------------------------------------------------------------------


def test_a_list_from_xcom(register, registered, sandbox, entries, room_id, ledger):
    result = register(people(30), lang="pl")
    assert counted(result) == {"rows": 30, "created": 30}
    assert (result["failures"], result["ledger"]) == ([], str(ledger))
    assert registered() == addresses(30)
    assert mailed(sandbox) == Counter(addresses(30))
    assert {mail["lang"] for mail in sandbox.outbox} == {"pl"}
    assert sandbox.counts == {REGISTER: 30, "get_conference": 1, "list_registrations": 2}
    links = {one["email"]: one["url"] for one in ClickMeetingHook().list_registrations(room_id)}
    for row, entry in entries().items():
        assert entry["email"] == f"ada{row}@example.com"
        assert (entry["outcome"], entry["why"]) == ("created", None)
        host, _, masked = entry["link"].rpartition("/")
        assert host == "https://acme.clickmeeting.example"
        assert masked[:3] == "***"
        assert links[entry["email"]].startswith(f"{host}/")
        assert masked[3:] not in links[entry["email"]]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
def test_a_file(register, registered, room_id, sandbox, tmp_path, ending, entries):
    import gzip

    number = sandbox.add_field(room_id, "Company")
    if "csv" in ending:
        content = "first name;SURNAME;e-mail;company;Notes\nAda;Lovelace;Ada@Example.com;Zażółć & Co.;x\n"
        rows = [2]
    else:
        one = {"1": "Ada", "surname": "Lovelace", "E-mail": "Ada@Example.com", str(number): "Zażółć & Co.", "Notes": {}}
        content = json.dumps(one)
        rows = [1]
    path = tmp_path / f"people.{ending}"
    path.write_bytes(gzip.compress(content.encode()) if ending.endswith("gz") else content.encode())
    assert counted(register(path.as_uri(), columns={"Notes": None})) == {"rows": 1, "created": 1}
    (one,) = ClickMeetingHook().list_registrations(room_id)
    assert one["fields"] == {
        "First Name": "Ada",
        "Last Name": "Lovelace",
        "Email Address": "Ada@Example.com",
        "Company": "Zażółć & Co.",
    }
    assert list(entries()) == rows


def test_a_query(register, registered, warehouse, room_id, sandbox):
    sandbox.add_field(room_id, "Phone")
    warehouse.run(
        "CREATE TABLE crm (name varchar(20), surname varchar(20), mail varchar(40), phone integer, note varchar(9))",
        "INSERT INTO crm VALUES ('Ada', 'Lovelace', 'ada1@example.com', 48, NULL), "
        "('Ada', 'Lovelace', 'ada2@example.com', NULL, 'x')",
    )
    result = register(
        sql="SELECT * FROM crm", sql_conn_id=warehouse.conn_id, columns={"name": "First Name", "note": None}
    )
    assert counted(result) == {"rows": 2, "created": 2}
    phones = [one["fields"]["Phone"] for one in ClickMeetingHook().list_registrations(room_id)]
    assert sorted(phones, key=str) == ["48", None]


def test_a_template_and_a_query_beside_the_dag(sandbox, run_dag, connect, room_id, registered, tmp_path, mocker):
    import sqlite3

    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute("CREATE TABLE crm (first_name, last_name, email)")
        database.execute("INSERT INTO crm VALUES ('Ada', 'Lovelace', 'ada3@example.com')")
    connect(None, "crm", conn_type="sqlite", host=str(tmp_path / "crm.db"), password=None)
    (tmp_path / "people.sql").write_text("SELECT * FROM crm WHERE email = '{{ params.email }}'")
    with DAG(
        "registering",
        schedule=None,
        template_searchpath=str(tmp_path),
        params={"room": room_id, "email": "ada3@example.com"},
    ) as dag:

        @task
        def listed():
            return people(2)

        ClickMeetingBulkRegisterParticipantsOperator(
            task_id="list", room_id="{{ params.room }}", people=listed(), ledger=f"{tmp_path}/", max_parallel="2"
        ) >> ClickMeetingBulkRegisterParticipantsOperator(
            task_id="query", room_id=room_id, sql="people.sql", sql_conn_id="crm", max_failures="0.5"
        )
    assert run_dag(dag).state == "success"
    assert registered() == addresses(3)
    assert (tmp_path / f"registrations-{room_id}.jsonl").exists()


def test_nobody_is_there_twice(register, registered, sandbox, entries):
    rows = [person(1), person(2), person(1, **{"First Name": "Eve"}), {**person(2), "E-mail": " ADA2@Example.COM "}]
    assert counted(register(rows)) == {"rows": 4, "created": 2, "duplicates": 2}
    assert mailed(sandbox) == Counter(addresses(2))
    assert sorted(outcomes(entries())) == [1, 2]


def test_an_invalid_row_does_not_shadow_a_valid_one(register, registered, entries):
    result = register([person(1) | {"Last Name": " "}, person(1)], max_failures=1)
    assert counted(result) == {"rows": 2, "created": 1, "invalid": 1}
    assert outcomes(entries()) == {1: "invalid", 2: "created"}


# --- what is there already ----------------------------------------------------------------------------------


def test_who_is_registered_already_gets_no_second_mail(register, room_id, sandbox, registered, entries):
    ClickMeetingHook().register_participant(room_id, registration={1: "Ada", 2: "L", 3: "ADA2@example.com"})
    assert counted(register(people(3))) == {"rows": 3, "created": 2, "unchanged": 1}
    assert mailed(sandbox) == Counter(["ada1@example.com", "ada3@example.com"])
    assert outcomes(entries())[2] == "already_registered"
    assert entries()[2]["link"].startswith("https://acme.clickmeeting.example/***")


def test_who_registers_in_the_very_moment(register, room_id, sandbox, mocker, entries):
    # somebody who is registered now was not when the operator read the list
    mocker.patch("airflow_clickmeeting.people.forms.RegistrationTarget.read_existing", return_value={})
    ClickMeetingHook().register_participant(room_id, registration={1: "Ada", 2: "L", 3: "ada1@example.com"})
    sandbox.fault(REGISTER, "status", status=409, skip=1)
    result = register(people(2), max_parallel=1)
    assert counted(result) == {"rows": 2, "unchanged": 2}


def test_a_second_run_sends_nobody_and_asks_only_for_the_room(register, sandbox, entries):
    first = register(people(5))
    before = entries()
    assert register(people(5)) == first | {"created": 0, "unchanged": 5}
    assert sandbox.counts == {"get_conference": 1}
    assert entries() == before


def test_a_second_run_without_a_ledger_goes_by_the_list(register, sandbox):
    register(people(5), ledger=None)
    result = register(people(6), ledger=None)
    assert counted(result) == {"rows": 6, "created": 1, "unchanged": 5}
    assert result["ledger"] is None
    assert sandbox.counts == {REGISTER: 1, "get_conference": 1, "list_registrations": 1}
    assert mailed(sandbox) == Counter(addresses(6))


@pytest.mark.parametrize("operator", ["register", "contact"])
def test_what_no_retry_can_cure_is_not_retried(request, sandbox, operator):
    send = request.getfixturevalue(operator)
    invalid = {**person(1), "E-mail": "ada(at)example.com"}
    with pytest.raises(AirflowFailException, match=r"^1 of 2 rows failed"):
        send([invalid, person(2)])
    # a row that ClickMeeting refuses, and one that it does not process now
    sandbox.fault(REGISTER if operator == "register" else CONTACT, "status", status=422)
    with pytest.raises(AirflowFailException, match=r"^2 of 2 rows failed"):
        send([invalid, person(3)])
    sandbox.fault(REGISTER if operator == "register" else CONTACT, "status", status=500, times=None)
    with pytest.raises(AirflowException, match=r"^2 of 2 rows failed") as error:
        send([invalid, person(4)])
    assert not isinstance(error.value, AirflowFailException)
    sandbox.clear_faults()
    with pytest.raises(AirflowFailException, match=r"^1 of 2 rows failed"):
        send([invalid, person(4)])


def test_a_person_is_registered_once_however_the_address_is_spelled(register, sandbox):
    spellings = ["Ada@bücher.example.com", "ada@BÜCHER.example.com", "ada@xn--bcher-kva.example.com"]
    rows = [{**person(1), "E-mail": email} for email in spellings]
    assert counted(register(rows)) == {"rows": 3, "duplicates": 2, "created": 1}
    assert counted(register(rows[::-1], ledger=None)) == {"rows": 3, "duplicates": 2, "unchanged": 1}
    assert mailed(sandbox) == {"Ada@bücher.example.com": 1}


@pytest.mark.parametrize(
    ("confirmation", "languages"),
    [({"enabled": True, "lang": "PL"}, ["pl"]), ({"enabled": "no"}, []), ({"enabled": True}, ["en"])],
)
def test_a_confirmation_as_clickmeeting_takes_it(register, sandbox, confirmation, languages):
    register(people(1), confirmation_email=confirmation)
    assert [mail["lang"] for mail in sandbox.outbox] == languages


def test_a_second_run_tries_again_what_failed_and_judges_rows_anew(register, sandbox, entries):
    sandbox.fault(REGISTER, "status", status=422)
    rows = [*people(2), person(3) | {"E-mail": "ada3"}]
    result = register(rows, max_parallel=1, max_failures=2)
    assert counted(result) == {"rows": 3, "created": 1, "invalid": 1, "failed": 1}
    assert [failure["row"] for failure in result["failures"]] == [3, 1]
    assert outcomes(entries()) == {1: "failed", 2: "created", 3: "invalid"}
    assert counted(register(people(3))) == {"rows": 3, "created": 2, "unchanged": 1}
    assert outcomes(entries()) == {1: "created", 2: "created", 3: "created"}


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"people": []}, "people must be a list with at least one of the people; got []."),
        ({"people": None}, "people must be given, or else sql with sql_conn_id; not both."),
        ({"people": "[{'E-mail': 'ada@example.com'}]"}, "a template renders to text"),
        ({"people": "/nowhere/people.csv"}, "The file /nowhere/people.csv does not exist."),
        ({"max_failures": -1}, "max_failures must be a whole number, or a share below 1 such as 0.05; got -1."),
        ({"max_failures": "5%"}, "max_failures must be a whole number, or a share below 1 such as 0.05; got '5%'."),
        ({"max_parallel": 65}, "max_parallel must be a whole number from 1 to 64; got 65."),
        ({"ledger": " "}, "ledger must be a text that is not blank; got ' '."),
        ({"columns": "Notes"}, "columns must be a dict; got 'Notes'."),
    ],
)
@pytest.mark.parametrize("operator", ["register", "contact"])
def test_arguments_that_make_no_sense(request, sandbox, operator, arguments, said):
    with pytest.raises(ValueError) as error:
        request.getfixturevalue(operator)(**{"people": people(1), **arguments})
    assert said in str(error.value)
    assert "@" not in str(error.value)
    assert sandbox.counts.keys() <= {"get_conference"}


@pytest.mark.parametrize(
    ("name", "value"), [("room_id", "None"), ("lang", "english"), ("confirmation_email", "perhaps")]
)
def test_arguments_of_registrations_that_make_no_sense(register, sandbox, name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be"):
        register(people(1), **{name: value})
    assert sandbox.count() == 0


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (
            [person(1), person(2, Town="Lodz")],
            None,
            "No field matches 'Town', the column 'Town': there are 'First Name' (1), 'Last Name' (2), 'Email",
        ),
        ([person(1, Town="Lodz")], {"Town": "City"}, "No field matches 'City', the column 'Town': there are"),
        ([person(1, **{"2024": "x"})], None, "No field matches '2024', the column '2024': there are"),
        ([person(1, Mail="x")], None, "The columns 'E-mail' and 'Mail' go to the same field: there are"),
    ],
)
def test_a_column_that_no_field_matches(register, sandbox, room_id, rows, columns, said):
    sandbox.add_field(room_id, "Company")
    with pytest.raises(ValueError) as error:
        register(rows, columns=columns)
    assert str(error.value).startswith(said)
    assert "'Company' (10)" in str(error.value)
    assert sandbox.counts == {"get_conference": 1}


def test_a_column_of_contacts_that_no_field_matches(contact, sandbox):
    with pytest.raises(ValueError) as error:
        contact([person(1, Town="Lodz")])
    known = "'email', 'firstname', 'lastname', 'phone', 'company', 'country'"
    assert str(error.value).startswith(f"No field matches 'Town', the column 'Town': there are {known}.")
    assert sandbox.count() == 0


def test_a_malformed_address_in_row_7312(register, sandbox, registered, tmp_path, entries):
    lines = [f"Ada,Lovelace,ada{number}@example.com\n" for number in range(2, 7502)]
    lines[7312 - 2] = "Ada,Lovelace,ada7312@example\n"
    (tmp_path / "people.csv").write_text("First Name,Last Name,E-mail\n" + "".join(lines[:30] + lines[7300:]))
    path = str(tmp_path / "people.csv")
    blank = ["\n"] * 7270  # which count, and cost nothing
    (tmp_path / "people.csv").write_text("First Name,Last Name,E-mail\n" + "".join(lines[:30] + blank + lines[7300:]))
    with pytest.raises(AirflowException) as error:
        register(path)
    assert str(error.value) == (
        "1 of 230 rows failed (max_failures=0): "
        "row 7312: Email Address is not an e-mail address. All 230 rows: 229 created, 0 already there, 1 invalid. "
        "A retry with the same ledger sends only those that failed. Correct the rows, or raise max_failures, then "
        "clear this task."
    )
    assert len(registered()) == 229
    assert entries()[7312] == {
        "email": None,
        "row": 7312,
        "outcome": "invalid",
        "why": "Email Address is not an e-mail address",
        "link": None,
    }


@pytest.mark.parametrize("encoding", ["cp1250", "iso-8859-2", "utf-16"])
def test_a_list_in_another_encoding(register, room_id, tmp_path, encoding):
    path = tmp_path / "people.csv"
    path.write_bytes("First Name;Last Name;E-mail\nŻaneta;Gęślą;zaneta@example.com\n".encode(encoding))
    assert register(str(path), encoding=encoding)["created"] == 1
    (registration,) = ClickMeetingHook().list_registrations(room_id)
    assert (registration["fields"]["First Name"], registration["fields"]["Last Name"]) == ("Żaneta", "Gęślą")


def test_all_faults_of_a_list_are_told_at_once(register, registered, tmp_path, sandbox):
    rows = [
        "First Name,Last Name,E-mail",
        "Ada,Lovelace,ada1@example.com",
        "Ada,,ada2@example.com",
        ",,",
        ",Lovelace,",
        "Ada,Lovelace,ada@example.com,more",
        "Ada,Lovelace,ada@ example.com",
    ]
    (tmp_path / "people.csv").write_text("\n".join(rows))
    result = register(str(tmp_path / "people.csv"), max_failures="4")
    assert result["failures"] == [
        {"row": row, "reason": why}
        for row, why in [
            (3, "without Last Name"),
            (5, "without First Name, Email Address"),
            (6, "it has 4 cells, and the header has 3"),
            (7, "Email Address is not an e-mail address"),
        ]
    ]
    assert registered() == ["ada1@example.com"]


def test_odd_values(register, registered, room_id, sandbox):
    sandbox.add_field(room_id, "Company")
    rows = [
        person(1, Company=["Acme"]),
        person(2, Company="half \ud800"),
        person(3, Company=None),
        person(4, Company=7),
    ]
    result = register(rows, max_failures=1)
    assert result["failures"] == [{"row": 1, "reason": "Company is of type list"}]
    companies = {one["email"]: one["fields"]["Company"] for one in ClickMeetingHook().list_registrations(room_id)}
    assert companies == {"ada2@example.com": "half ?", "ada3@example.com": None, "ada4@example.com": "7"}


def test_a_room_without_registration(register, sandbox):
    room = sandbox.add_room(name="Closed")["id"]
    with pytest.raises(ValueError) as error:
        register(people(1), room_id=room)
    assert str(error.value) == (
        f"room_id must be a room with registration on; the room 'Closed' has it off; got {room}. Correct this, then "
        "clear this task."
    )
    assert sandbox.counts == {"get_conference": 1}


def test_a_room_that_is_not_there(register, sandbox):
    with pytest.raises(NotFoundError):
        register(people(1), room_id=5)


def test_the_ledger_of_another_room(register, sandbox, ledger, room_id):
    other = sandbox.add_room(name="Other", registration={"enabled": 1})["id"]
    register(people(1), room_id=other)
    before = ledger.read_bytes()
    with pytest.raises(ValueError, match=f"not of registrations of room {other}; got"):
        register(people(1))
    assert sandbox.count() == 0
    assert ledger.read_bytes() == before


def test_a_room_that_takes_no_more(register, sandbox, registered, entries):
    sandbox.switch(max_registrations=30)
    with pytest.raises(AirflowException) as error:
        register(people(500))
    assert "470 of 500 rows failed (max_failures=0): row " in str(error.value)
    assert "LIMIT_REACHED: The limit of registrations is reached.; and 465 more" in str(error.value)
    assert len(registered()) == 30
    assert sandbox.count(REGISTER) <= 30 + 20 + 7
    whys = Counter(entry["why"] for entry in entries().values())
    refused = "LIMIT_REACHED: The limit of registrations is reached."
    not_tried = f"not sent, because 20 requests in a row were refused: {refused}"
    assert whys[not_tried] >= 500 - (30 + 20 + 7)
    sandbox.switch(max_registrations=0)
    assert counted(register(people(500))) == {"rows": 500, "created": 470, "unchanged": 30}
    assert mailed(sandbox) == Counter(addresses(500))


def test_a_field_that_the_room_needs_is_wrong_with_each_row_alone(register, sandbox, room_id, registered):
    sandbox.add_field(room_id, "Company", required=True)
    rows = people(40) + [person(number, Company="Acme") for number in range(41, 51)]
    result = register(rows, max_failures=0.8)
    assert counted(result) == {"rows": 50, "created": 10, "failed": 40}
    assert {failure["reason"] for failure in result["failures"]} == {"Company: This field is required."}


# --- how many may come to nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "allowed", "fails"),
    [
        (0, {}, False),
        (1, {}, True),
        (2, {"max_failures": 2}, False),
        (3, {"max_failures": "2"}, True),
        (2, {"max_failures": 0.2}, False),
        (3, {"max_failures": 0.2}, True),
        (3, {"max_failures": "0.3"}, False),
        (9, {"max_failures": 0.9}, False),
        (9, {"max_failures": 9}, False),
    ],
)
def test_how_many_rows_may_come_to_nothing(register, registered, bad, allowed, fails):
    rows = [person(1) | {"E-mail": "nobody"}] * bad + people(10 - bad)
    if fails:
        with pytest.raises(AirflowException, match=rf"^{bad} of 10 rows failed \(max_failures="):
            register(rows, **allowed)
    else:
        assert register(rows, **allowed)["invalid"] == bad
    assert registered() == addresses(10 - bad)


def test_only_the_first_hundred_faults_are_told(register, caplog):
    with caplog.at_level(logging.WARNING):
        result = register([person(1) | {"E-mail": "nobody"}] * 150 + people(1), max_failures=150)
    assert [failure["row"] for failure in result["failures"]] == list(range(1, 101))
    assert result["invalid"] == 150


# --- trouble on the way -------------------------------------------------------------------------------------

STORMS = [
    ("lost", {"times": 7, "skip": 3}),
    ("lost", {"times": None}),
    ("reset", {"times": 7, "skip": 3}),
    ("cut", {"times": 5}),
    ("429", {"times": 30, "skip": 2}),
    ("429", {"times": 3, "retry_after": 0}),
    ("status", {"times": 12, "skip": 5, "status": 503}),
    ("status", {"times": 45, "status": 503}),
    ("status", {"times": 3, "status": 500, "body": "html"}),
    ("html", {"times": 3}),
    ("empty", {"times": 3}),
]


@pytest.mark.parametrize(("kind", "how"), STORMS)
def test_registrations_through_storms(register, registered, sandbox, entries, kind, how):
    sandbox.fault(REGISTER, kind, **how)
    result = register(people(60))
    assert counted(result) == {"rows": 60, "created": 60}
    assert registered() == addresses(60)
    assert mailed(sandbox) == Counter(addresses(60))
    assert set(outcomes(entries()).values()) == {"created"}
    assert all(entry["link"] for entry in entries().values())


@pytest.mark.parametrize(("kind", "how"), [each for each in STORMS if each[1]["times"]])
def test_contacts_through_storms(contact, sandbox, kind, how):
    sandbox.fault(CONTACT, kind, **how)
    result = contact(people(60))
    assert counted(result) == {"rows": 60, "created": 60}
    assert sorted(one["email"] for one in sandbox.state["contacts"]) == addresses(60)


def test_no_answer_at_all(register, sandbox, registered, entries):
    sandbox.fault(REGISTER, "reset", times=None)
    with pytest.raises(AirflowException, match=r"^100 of 100 rows failed"):
        register(people(100))
    assert sandbox.count(REGISTER) <= 3 * (20 + 7)
    whys = Counter(entry["why"] for entry in entries().values())
    assert whys.pop("not sent, because ClickMeeting gave no clear responses") >= 52
    assert all(why.startswith("the response of 127.0.0.1") for why in whys)
    sandbox.clear_faults()
    assert counted(register(people(100))) == {"rows": 100, "created": 100}
    assert registered() == addresses(100)


def test_a_server_that_is_gone(register, sandbox, connect, room_id, ledger):
    sandbox.fault(REGISTER, "reset", times=None)
    sandbox.fault("list_registrations", "reset", times=None, skip=1)
    with pytest.raises(ConnectionFailedError):
        register(people(30), ledger=str(ledger))
    assert len(ledger.read_text().splitlines()) == 1


def test_a_long_wait_is_left_to_airflow(register, sandbox, entries, registered):
    sandbox.fault(REGISTER, "429", times=None, skip=10, retry_after=3600)
    with pytest.raises(RateLimitedError):
        register(people(100))
    assert sandbox.count(REGISTER) < 100
    sandbox.clear_faults()
    clickmeeting._limiters.clear()  # the next try is another process
    result = register(people(100))
    assert result["created"] + result["unchanged"] == 100
    assert mailed(sandbox) == Counter(addresses(100))


def test_a_wrong_key_fails_at_once_and_what_was_done_is_kept(register, sandbox, entries, connect, room_id):
    sandbox.fault(REGISTER, "status", status=401, skip=10, times=None)
    sandbox.fault("get_conference", "status", status=401, skip=1, times=None)
    with pytest.raises(AuthenticationError):
        register(people(100), max_parallel=1, max_failures=100)
    assert outcomes(entries()) == dict.fromkeys(range(1, 11), "created")


def test_a_room_that_goes_away_meanwhile(register, sandbox, entries):
    sandbox.fault(REGISTER, "error200", skip=10, times=None)
    sandbox.fault("get_conference", "error200", skip=1, times=None)
    with pytest.raises(NotFoundError):
        register(people(100), max_parallel=1, max_failures=100)
    assert len(entries()) == 10


def test_registration_that_is_turned_off_meanwhile(register, sandbox, entries, room_id, mocker):
    send = RegistrationTarget.send

    def turning_off(form, row):
        if row["3"] == "ada11@example.com":
            ClickMeetingHook().update_conference(room_id, registration={"enabled": False})
        return send(form, row)

    mocker.patch.object(RegistrationTarget, "send", turning_off)
    with pytest.raises(ValueError, match="has it off"):
        register(people(100), max_parallel=1, max_failures=100)
    assert len(entries()) == 10


def test_one_not_found_is_one_failure(register, sandbox, registered):
    sandbox.fault(REGISTER, "error200", skip=10)
    result = register(people(30), max_failures=1)
    assert counted(result) == {"rows": 30, "created": 29, "failed": 1}
    assert result["failures"][0]["reason"] == "NOT_FOUND: Meeting room not found."


def test_what_clickmeeting_says_of_a_person_names_nobody(register, mocker):
    from airflow_clickmeeting.api.errors import ApiError
    from airflow_clickmeeting.exceptions import ValidationError

    def bad_argument(form, row):
        raise ValidationError(ApiError("validation", f"{row['3']} is on our list.", 422))

    mocker.patch.object(RegistrationTarget, "send", bad_argument)
    assert register(people(1), max_failures=1)["failures"][0]["reason"] == "*** is on our list."


# --- contacts -----------------------------------------------------------------------------------------------


def test_contacts(contact, sandbox, entries):
    more = {"Phone": "48", "COMPANY": "Acme", "Country": "pl"}
    rows = [person(1, **more), person(2), person(1), person(3, Country="Poland")]
    result = contact(rows, max_failures=1, max_parallel=1)
    assert counted(result) == {"rows": 4, "created": 2, "duplicates": 1, "invalid": 1}
    assert result["failures"][0]["reason"] == "country must be a two-letter country code such as 'PL'; got 'Poland'."
    assert sandbox.state["contacts"][0] == {
        "email": "ada1@example.com",
        "firstname": "Ada",
        "lastname": "Lovelace",
        "phone": "48",
        "company": "Acme",
        "country": "PL",
    }
    assert sandbox.counts == {CONTACT: 2}
    assert outcomes(entries()) == {1: "created", 2: "created", 4: "invalid"}


def test_a_contact_without_a_name(contact):
    result = contact([{"e-mail": "ada@example.com", "surname": "Lovelace"}], max_failures=1)
    assert result["failures"] == [{"row": 1, "reason": "without firstname"}]


def test_contacts_without_a_ledger_are_brought_up_to_date(contact, sandbox):
    contact([person(1, phone="1")], ledger=None)
    contact([person(1, phone="2")], ledger=None)
    assert [one["phone"] for one in sandbox.state["contacts"]] == ["2"]


def test_contacts_with_a_wrong_key(contact, sandbox, connect, entries):
    sandbox.fault(CONTACT, "status", status=401, skip=5, times=None)
    sandbox.fault("list_conferences", "status", status=401)
    with pytest.raises(AuthenticationError):
        contact(people(50), max_parallel=1)
    assert len(entries()) == 5


# --- manners ------------------------------------------------------------------------------------------------


def test_the_log_tells_how_far_it_is_and_names_nobody(run, room_id, sandbox, mocker, caplog):
    log = logging.getLogger("task")
    mocker.patch.object(ClickMeetingHook, "log", log)
    operator = type("Register", (ClickMeetingBulkRegisterParticipantsOperator,), {"log": log})
    with caplog.at_level(logging.INFO):
        run(operator, room_id=room_id, people=[*people(1100), {"E-mail": "eve@"}], max_failures=1)
    told = [record.getMessage() for record in caplog.records if record.name == "task"]
    assert "@" not in "".join(told)
    assert told[1:] == [
        f"get_conference (GET conferences/{room_id}): id {room_id}",
        "Failed: row 1101: without First Name, Last Name",
        "So far 1000 rows: 999 created, 0 already there, 1 invalid",
        "1101 rows: 1100 created, 0 already there, 1 invalid",
    ]


def test_the_pace_is_the_accounts(register, sandbox, connect):
    import time

    connect(sandbox, extra={"max_requests_per_second": 50})
    begin = time.monotonic()
    register(people(50))
    assert time.monotonic() - begin > 50 / 50


def test_requests_go_side_by_side(register, mocker):
    together = Barrier(4)
    send = RegistrationTarget.send

    def send_together(target, fields):
        together.wait(timeout=600)  # breaks unless four threads send at a time
        return send(target, fields)

    mocker.patch.object(RegistrationTarget, "send", send_together)
    assert register(people(40), max_parallel=4)["created"] == 40


def test_the_ledger_lies_whole_on_the_disk(register, ledger):
    register(people(5))
    assert [path.name for path in Path(ledger).parent.glob("[!.]*")] == [ledger.name]


class TestCircuitBreaker:
    """The bound holds whatever the timing: outcomes are recorded by hand, in the worst order."""

    @pytest.fixture
    def full(self):
        return ValidationError(ApiError("validation", "full", 422, "LIMIT_REACHED"))

    def test_it_opens_when_twenty_in_a_row_failed_for_one_reason(self, full):
        breaker = CircuitBreaker()
        for _ in range(19):
            breaker.record(breaker.start(), full)
        assert not breaker.is_open
        breaker.record(breaker.start(), full)
        assert breaker.is_open
        assert breaker.refused_by is full

    def test_a_success_ends_the_row(self, full):
        breaker = CircuitBreaker()
        for error in [*[full] * 19, None, *[full] * 19]:
            breaker.record(breaker.start(), error)
        assert not breaker.is_open

    def test_a_success_that_started_before_the_first_failure_was_known_does_not(self, full):
        breaker = CircuitBreaker()
        late = breaker.start()
        for _ in range(19):
            breaker.record(breaker.start(), full)
        breaker.record(late, None)
        breaker.record(breaker.start(), full)
        assert breaker.is_open

    def test_another_reason_begins_another_row(self, full):
        breaker = CircuitBreaker()
        other = ValidationError(ApiError("validation", "no", 422, "BLOCKED"))
        for number in range(100):
            breaker.record(breaker.start(), full if number % 19 else other)
        assert not breaker.is_open

    def test_a_field_concerns_one_person_only(self):
        breaker = CircuitBreaker()
        for _ in range(100):
            breaker.record(breaker.start(), ValidationError(ApiError("validation", "no", 422, None, {"3": ("bad",)})))
        assert not breaker.is_open

    def test_what_is_unclear_opens_it_and_refuses_nobody(self):
        breaker = CircuitBreaker()
        for _ in range(20):
            breaker.record(breaker.start(), ConnectionFailedError(ApiError("connection", "lost")))
        assert breaker.is_open
        assert breaker.refused_by is None
