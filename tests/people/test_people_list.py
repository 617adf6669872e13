"""Who is on a list: what columns are understood, what is wrong with a row, and who is there twice."""

from __future__ import annotations

import tracemalloc

import pytest

from airflow_clickmeeting.people.people_list import Fault, Guest, GuestList, kept, numbers, told

ADA = {"email": "ada@example.com"}
KNOWN = "'email', 'firstname', 'lastname', 'nickname'"


def listed(*people, **more) -> GuestList:
    return GuestList("people", list(people), **more)


@pytest.mark.parametrize("email", ["email", "E-mail", "Email Address", "e_mail_address", "EMAIL", " mail "])
@pytest.mark.parametrize("first", ["firstname", "first_name", "First Name", "given name"])
@pytest.mark.parametrize("last", ["lastname", "last_name", "Last Name", "Surname"])
def test_columns_by_their_common_names(email, first, last):
    (guest,) = listed({email: " Ada@Example.com ", first: " Ada", last: "Lovelace ", "Phone": "5"}).guests
    assert guest == Guest(1, "Ada@Example.com", "Ada", "Lovelace")
    assert guest.attendee == {"email": "Ada@Example.com", "firstname": "Ada", "lastname": "Lovelace"}
    assert guest.shown == "Ada Lovelace"


def test_what_is_not_said_is_left_out():
    (guest,) = listed({**ADA, "firstname": None, "lastname": " "}).guests
    assert guest.attendee == ADA
    assert guest.shown == ""


def test_a_nickname_is_what_others_see():
    (guest,) = listed({**ADA, "First Name": "Ada", "Full Name": "Countess Ada"}).guests
    assert guest.shown == "Countess Ada"


def test_columns_of_other_names():
    columns = {"Adres e-mail": "Email Address", "imię ": "firstname"}
    (guest,) = listed({"adres E-MAIL": "ada@example.com", "Imię": "Ada", "email": "office"}, columns=columns).guests
    assert guest == Guest(1, "ada@example.com", "Ada")


def test_a_column_that_is_left_out():
    (guest,) = listed({**ADA, "name": "crm-5", "firstname": "Ada"}, columns={"Name": None}).guests
    assert guest == Guest(1, "ada@example.com", "Ada")


def test_a_column_that_is_to_say_what_there_is_no_field_for():
    with pytest.raises(ValueError) as error:
        listed(ADA, columns={"Firma": "company"})
    assert str(error.value) == (
        f"No field matches 'company', the column 'Firma': there are {KNOWN}. "
        "The argument columns says which field a column goes to; None leaves it out."
    )


@pytest.mark.parametrize(
    ("person", "why", "given"),
    [
        ({}, "it has no e-mail address; columns can say which column is one", None),
        ({"ada@example.com": "Ada"}, "it has no e-mail address; columns can say which column is one", None),
        ({"email": " "}, "it has no e-mail address; columns can say which column is one", None),
        ({"email": "ada@"}, "its e-mail address is malformed", "ada@"),
        ({"email": "ada@example.com;eve@example.com"}, "its e-mail address is malformed", None),
        ({"email": 5}, "its e-mail address is malformed", "5"),
        (
            {**ADA, "Mail": "ada@example.com"},
            f"The columns 'email' and 'Mail' go to the same field: there are {KNOWN}",
            None,
        ),
        ({**ADA, "First Name": ["Ada"]}, "First Name is of type list", None),
        ("ada@example.com", "it is of type str, not a dict", None),
    ],
)
def test_what_is_wrong_with_a_row_names_nobody(person, why, given):
    found = listed(ADA, person, {"email": "eve@example.com"})
    assert [guest.row for guest in found.guests] == [1, 3]
    (fault,) = found.faults
    assert (fault.row, fault.why) == (2, why)
    assert fault.given == (given or (person["email"] if why.startswith("its") else None))
    assert found.rows == 3


def test_who_is_there_twice_counts_as_in_the_first_valid_row():
    first, second = {"email": "Ada@example.com", "name": "A"}, {"email": "ada@EXAMPLE.com", "name": "B"}
    found = listed({"email": "ada@example"}, first, second)
    assert found.guests == [Guest(2, "Ada@example.com", nickname="A")]
    assert (found.rows, found.duplicates) == (3, 1)


def test_a_row_of_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "people.csv").write_text("email\nada@example.com\neve@example.com,5\n")
    found = GuestList("people", f"{tmp_path}/people.csv")
    assert found.faults == [Fault(3, "it has 2 cells, and the header has 1")]


def test_nobody():
    with pytest.raises(ValueError, match=r"^people must be a list with at least one of the people"):
        listed()


def test_faults_in_words_and_in_a_result():
    faults = [Fault(row, "it rained", "ada@") for row in range(1, 121)]
    assert told(faults[:2]) == "row 1: it rained; row 2: it rained"
    assert told(faults).endswith("; row 5: it rained; and 115 more")
    assert kept(faults)[::99] == [{"row": 1, "why": "it rained"}, {"row": 100, "why": "it rained"}]


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
    assert numbers(rows) == words


def test_what_a_guest_costs():
    people = ({"email": f"visitor{number}@example.com", "First Name": "Ada"} for number in range(20_000))
    people = list(people)
    tracemalloc.start()
    found = GuestList("people", people)
    cost = tracemalloc.get_traced_memory()[0] / len(found.guests)
    tracemalloc.stop()
    assert cost < 400
