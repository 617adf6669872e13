"""Test that personal columns are replaced by keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from airflow_clickmeeting.datasets.definitions import ATTENDANCE, ATTENDEES, CONFERENCES, DATASETS, REGISTRATIONS
from airflow_clickmeeting.datasets.pseudonyms import pseudonymised

KEY = b"a key of the tests"
ADA = {
    "room_id": 9000101,
    "session_id": 7000001,
    "uid": "6000002",
    "email": "ada@example.com",
    "nickname": "Ada",
    "start_date": "2030-06-03T10:01:00+02:00",
    "polls": [{"question": "Who are you?", "answer": "ada@example.com"}],
    "mood": "fine",
}


def test_a_pseudonym_can_be_recomputed_with_the_key():
    row = pseudonymised(ATTENDEES, ["email"], KEY).row(ADA)
    assert row["email"] == hmac.new(KEY, b"email:ada@example.com", hashlib.sha256).hexdigest()


def test_columns_that_are_not_named_stay_and_so_do_the_names_of_all():
    dataset = pseudonymised(ATTENDEES, ["email"], KEY)
    row = dataset.row(ADA)
    assert dataset.header == ATTENDEES.header
    assert (row["nickname"], row["uid"], row["start_date"]) == (ADA["nickname"], ADA["uid"], ADA["start_date"])
    assert ATTENDEES.row(ADA)["email"] == "ada@example.com", "the dataset itself is unchanged"


def test_a_text_is_as_good_a_key_as_bytes():
    assert pseudonymised(ATTENDEES, ["email"], KEY.decode()).row(ADA) == pseudonymised(ATTENDEES, ["email"], KEY).row(
        ADA
    )


def test_another_key_makes_other_pseudonyms():
    assert pseudonymised(ATTENDEES, ["email"], b"1").row(ADA) != pseudonymised(ATTENDEES, ["email"], b"2").row(ADA)


@pytest.mark.parametrize("email", [" ada@example.com", "ADA@Example.com\n"])
def test_an_address_counts_as_the_same_however_it_is_written(email):
    attendees = pseudonymised(ATTENDEES, ["email"], KEY)
    assert attendees.row({"email": email})["email"] == attendees.row(ADA)["email"]


def test_a_name_counts_with_its_capitals():
    attendees = pseudonymised(ATTENDEES, ["nickname"], KEY)
    assert attendees.row({"nickname": " Ada "}) == attendees.row({"nickname": "Ada"})
    assert attendees.row({"nickname": "ada"}) != attendees.row({"nickname": "Ada"})


def test_people_can_be_joined_across_tables():
    attendee = pseudonymised(ATTENDEES, ["email", "nickname"], KEY).row(ADA)
    registration = pseudonymised(REGISTRATIONS, ["email", "visitor_nickname"], KEY).row(
        {"email": "Ada@example.com", "visitor_nickname": "Ada"}
    )
    attendance = pseudonymised(ATTENDANCE, ["email"], KEY).row(
        {"email": "ada@example.com", "person": "ada@example.com"}
    )
    assert attendee["email"] == registration["email"] == attendance["email"] == attendance["person"]
    assert attendee["nickname"] == registration["visitor_nickname"]


def test_the_same_text_of_another_kind_is_another_pseudonym():
    row = pseudonymised(ATTENDEES, ["email", "nickname"], KEY).row(
        {"email": "ada@example.com", "nickname": "ada@example.com"}
    )
    assert row["email"] != row["nickname"]


@pytest.mark.parametrize("named", ["email", "person"])
def test_no_second_column_reveals_the_address(named):
    row = pseudonymised(ATTENDANCE, [named], KEY).row({"email": "ada@example.com", "person": "ada@example.com"})
    assert "ada@example.com" not in row.values()


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_nobody_stays_nobody(nobody):
    assert pseudonymised(ATTENDEES, ["email"], KEY).row({"email": nobody})["email"] is None


def test_half_a_character_does_no_harm():
    attendees = pseudonymised(ATTENDEES, ["nickname"], KEY)
    assert len({attendees.row({"nickname": name})["nickname"] for name in ("\ud83d", "\ud83e")}) == 2


def test_json_columns_that_are_not_named_are_emptied_since_they_may_contain_the_same():
    row = pseudonymised(ATTENDEES, ["email"], KEY).row(ADA)
    assert (row["polls"], row["extra"]) == (None, None)
    registration = pseudonymised(REGISTRATIONS, ["email"], KEY).row({"fields": {"Second address": "ada@example.com"}})
    assert registration["fields"] is None


def test_a_json_column_that_is_named_is_replaced_as_a_whole_and_is_no_json_any_more():
    dataset = pseudonymised(ATTENDEES, ["polls"], KEY)
    polls = ATTENDEES.row(ADA)["polls"]
    assert dataset.row(ADA)["polls"] == hmac.new(KEY, f"polls:{polls}".encode(), hashlib.sha256).hexdigest()
    assert {column.name: column.type for column in dataset.columns}["polls"] == "text"


def test_json_that_is_not_personal_stays():
    settings = {"recorder_autostart_enabled": True}
    row = pseudonymised(CONFERENCES, ["extra"], KEY).row({"settings": settings})
    assert json.loads(row["settings"]) == settings


def test_the_key_of_an_entry_is_made_of_pseudonyms_too():
    dataset = pseudonymised(ATTENDEES, ["email"], KEY)
    (plain,), (pseudonym,) = ATTENDEES.rows([ADA]), dataset.rows([ADA])
    (of_the_pseudonym,) = ATTENDEES.rows([{**ADA, "email": pseudonym["email"]}])
    assert pseudonym["entry"] == of_the_pseudonym["entry"] != plain["entry"]


PERSONAL = {dataset: [column.name for column in dataset.columns if column.personal] for dataset in DATASETS.values()}


@pytest.mark.parametrize(("dataset", "names"), [each for each in PERSONAL.items() if each[1]])
def test_with_all_personal_columns_named_nothing_personal_is_left(dataset, names):
    hidden = pseudonymised(dataset, names, KEY)
    item = dict.fromkeys(names, "Zażółć") | {"geo": {"city": "Zażółć"}, "mood": "Zażółć"}
    assert "Zażółć" not in str(list(hidden.rows([item | {"fields": {"First Name": "Zażółć", "Last Name": "Zażółć"}}])))
    assert not [column for column in hidden.columns if column.personal]


@pytest.mark.parametrize("key", ["", "  ", b"", "None", None, 5])
def test_a_blank_key_is_refused(key):
    with pytest.raises(ValueError, match="must be a text or bytes, and not blank; it is not shown"):
        pseudonymised(ATTENDEES, ["email"], key)


def test_the_key_is_not_shown():
    assert "key of the tests" not in repr(pseudonymised(ATTENDEES, ["email"], KEY))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["mail"],
            "pseudonymise: 'mail' is not a personal column of attendance; those are person, email, nickname, rating_c",
        ),
        (["email", "role"], "pseudonymise: 'role' is not a personal column of attendance; those are person, email"),
        ("email", "pseudonymise must be a list of names of personal columns"),
        ([], "pseudonymise must be a list with at least one of the names of personal columns"),
    ],
)
def test_what_is_no_personal_column_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        pseudonymised(ATTENDANCE, names, KEY)
