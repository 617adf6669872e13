"""Who is on a list: what columns are understood, what is wrong with a row, and who is there twice."""

from __future__ import annotations

import tracemalloc

import pytest

from airflow_clickmeeting.people.columns import contact_columns, invitation_columns
from airflow_clickmeeting.people.people_list import InvalidRow, PeopleList, Person, format_rows

ADA = {"email": "ada@example.com"}
KNOWN = "'email', 'firstname', 'lastname', 'nickname'"


def listed(*people, columns=None) -> PeopleList:
    return PeopleList("people", list(people), contact_columns(columns))


def person(row: int, email: str, **names: str) -> Person:
    return Person(row, email, email.lower(), {"email": email, **names})


@pytest.mark.parametrize("email", ["email", "E-mail", "Email Address", "e_mail_address", "EMAIL", " mail "])
@pytest.mark.parametrize("first", ["firstname", "first_name", "First Name", "given name"])
@pytest.mark.parametrize("last", ["lastname", "last_name", "Last Name", "Surname"])
def test_columns_by_their_common_names(email, first, last):
    (found,) = listed({email: " Ada@Example.com ", first: " Ada", last: "Lovelace ", "Phone": "5"}).people
    assert found == person(1, "Ada@Example.com", firstname="Ada", lastname="Lovelace")
    assert found.attendee == {"email": "Ada@Example.com", "firstname": "Ada", "lastname": "Lovelace"}
    assert found.display_name == "Ada Lovelace"


def test_what_is_not_said_is_left_out():
    (found,) = listed({**ADA, "firstname": None, "lastname": " "}).people
    assert found.attendee == ADA
    assert found.display_name == ""


def test_a_nickname_is_what_others_see():
    (found,) = listed({**ADA, "First Name": "Ada", "Full Name": "Countess Ada"}).people
    assert found.display_name == "Countess Ada"


def test_columns_of_other_names():
    columns = {"Adres e-mail": "Email Address", "imię ": "firstname"}
    (found,) = listed({"adres E-MAIL": "ada@example.com", "Imię": "Ada", "email": "office"}, columns=columns).people
    assert found == person(1, "ada@example.com", firstname="Ada")


def test_a_column_that_is_left_out():
    (found,) = listed({**ADA, "name": "crm-5", "firstname": "Ada"}, columns={"Name": None}).people
    assert found == person(1, "ada@example.com", firstname="Ada")


def test_a_column_that_is_to_say_what_there_is_no_field_for():
    with pytest.raises(ValueError) as error:
        listed(ADA, columns={"Firma": "company"})
    assert str(error.value) == (
        f"No field matches 'company', the column 'Firma': there are {KNOWN}. "
        "The argument columns says which field a column goes to; None leaves it out."
    )


@pytest.mark.parametrize(
    ("row", "why", "given"),
    [
        ({}, "without email; columns can say which column it is in", None),
        ({"ada@example.com": "Ada"}, "without email; columns can say which column it is in", None),
        ({"email": " "}, "without email; columns can say which column it is in", None),
        ({"email": "ada@"}, "email is not an e-mail address", "ada@"),
        ({"email": "ada@example.com;eve@example.com"}, "email is not an e-mail address", None),
        ({"email": 5}, "email is not an e-mail address", "5"),
        (
            {**ADA, "Mail": "ada@example.com"},
            f"The columns 'email' and 'Mail' go to the same field: there are {KNOWN}",
            "ada@example.com",
        ),
        ({**ADA, "First Name": ["Ada"]}, "First Name is of type list", "ada@example.com"),
        ("ada@example.com", "it is of type str, not a dict", None),
    ],
)
def test_what_is_wrong_with_a_row_names_nobody(row, why, given):
    found = listed(ADA, row, {"email": "eve@example.com"})
    assert [person.row for person in found.people] == [1, 3]
    (invalid,) = found.invalid
    assert (invalid.row, invalid.reason) == (2, why)
    assert invalid.given == (given or (row["email"] if why.startswith("email is") else None))
    assert found.rows == 3


def test_who_is_there_twice_counts_as_in_the_first_valid_row():
    first, second = {"email": "Ada@example.com", "name": "A"}, {"email": "ada@EXAMPLE.com", "name": "B"}
    found = listed({"email": "ada@example"}, first, second)
    assert list(found.people) == [person(2, "Ada@example.com", nickname="A")]
    assert (found.rows, found.duplicates) == (3, 1)


def test_an_address_counts_once_however_it_is_spelled():
    spellings = ["ada@bücher.example.com", "Ada@BÜCHER.example.com ", "ada@xn--bcher-kva.example.com"]
    found = listed(*({"email": email} for email in spellings), {"email": "ada@bucher.example.com"})
    assert [(person.row, person.email, person.key) for person in found.people] == [
        (1, "ada@bücher.example.com", "ada@bücher.example.com"),
        (4, "ada@bucher.example.com", "ada@bucher.example.com"),
    ]
    assert found.duplicates == 2


def test_people_to_invite_may_have_a_role():
    rows = [{"email": "ada@example.com", "Role": " Presenter "}, {"email": "bob@example.com", "role": ""}]
    rows.append({"email": "eve@example.com", "role": "Manager"})
    found = PeopleList("people", rows, invitation_columns(None))
    assert [(person.email, person.role) for person in found.people] == [
        ("ada@example.com", "presenter"),
        ("bob@example.com", ""),
    ]
    (invalid,) = found.invalid
    assert invalid.reason == "role must be one of 'listener', 'presenter'; columns can leave a column out"
    left_out = PeopleList("people", rows, invitation_columns({"role": None}))
    assert [person.role for person in left_out.people] == ["", "", ""]


def test_other_lists_have_no_roles():
    (person,) = listed({"email": "ada@example.com", "role": "Manager"}).people
    assert person.attendee == {"email": "ada@example.com"}


def test_a_row_of_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "people.csv").write_text("email\nada@example.com\neve@example.com,5\n")
    found = PeopleList("people", f"{tmp_path}/people.csv", contact_columns(None))
    assert list(found.invalid) == [InvalidRow(3, "it has 2 cells, and the header has 1")]


def test_nobody():
    with pytest.raises(ValueError, match=r"^people must be a list with at least one of the people"):
        listed()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([7], "rows 7"),
        ([2, 3, 4, 9, 11, 12], "rows 2 to 4, 9, 11 to 12"),
        (range(2, 7312), "rows 2 to 7311"),
        (range(1, 999, 2), f"rows {', '.join(map(str, range(1, 200, 2)))} and others"),
    ],
)
def test_numbers_of_rows_in_words(rows, words):
    assert format_rows(rows) == words


def test_what_a_person_costs():
    people = ({"email": f"visitor{number}@example.com", "First Name": "Ada"} for number in range(20_000))
    people = list(people)
    tracemalloc.start()
    found = PeopleList("people", people, contact_columns(None))
    cost = tracemalloc.get_traced_memory()[0] / found.people.count
    tracemalloc.stop()
    assert cost < 130
