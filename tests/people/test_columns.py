"""Which field each column of a list goes to, where each column must go to one and where it need not."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.api.form_fields import NAMES, SYNONYMS
from airflow_clickmeeting.people.columns import Columns

ADA = {"E-mail": "ada@example.com"}


def columns(given=None, *, strict: bool) -> Columns:
    return Columns({name: name for name in SYNONYMS}, NAMES, "email", ["email"], given, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("person", "given", "said"),
    [
        ({"E-mail": " ada@example.com ", "surname": None, "name": " "}, None, {"email": "ada@example.com"}),
        (
            {" adres": "ada@example.com", "Notes": ["x"]},
            {"Adres ": "E-mail", "notes": None},
            {"email": "ada@example.com"},
        ),
        ({**ADA, "name": 5}, None, {"email": "ada@example.com", "nickname": "5"}),
        ({**ADA, "name": "\ud83dAda"}, None, {"email": "ada@example.com", "nickname": "?Ada"}),
    ],
)
def test_what_a_row_says(strict, person, given, said):
    assert columns(given, strict=strict).read(person) == (said, None)


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_text_is_the_rows_own_fault(strict):
    assert columns(strict=strict).read({**ADA, "name": {"first": "Ada"}})[1] == "name is of type dict"


@pytest.mark.parametrize("strict", [True, False])
def test_each_row_may_have_columns_of_its_own(strict):
    matched = columns(strict=strict)
    assert matched.read(ADA) == matched.read({"Mail": "ada@example.com"}) == ({"email": "ada@example.com"}, None)


@pytest.mark.parametrize("strict", [True, False])
def test_a_column_cannot_be_given_for_what_is_no_field(strict):
    with pytest.raises(ValueError, match=r"^No field matches 'company', the column 'Firma': there are 'email', "):
        columns({"Firma": "company"}, strict=strict)


@pytest.mark.parametrize(
    ("person", "given", "refusal"),
    [
        (
            {**ADA, "Firma": "x"},
            None,
            "No field matches 'Firma', the column 'Firma': there are 'email', 'firstname', 'lastname', 'nickname'.",
        ),
        ({**ADA, "Adres": "x"}, {"Adres": "email"}, "The columns 'E-mail' and 'Adres' go to the same field"),
    ],
)
def test_columns_are_refused_or_left_out(person, given, refusal):
    with pytest.raises(ValueError) as error:
        columns(given, strict=True).read(person)
    assert str(error.value).startswith(refusal)
    fields, _ = columns(given, strict=False).read(person)
    assert fields == {"email": "x" if given else "ada@example.com"}


def test_two_columns_for_a_field_are_refused_or_the_rows_own_fault():
    why = "The columns 'E-mail' and 'Mail' go to the same field: there are 'email', 'firstname', 'lastname', 'nickname'"
    with pytest.raises(ValueError, match=f"^{why}\\.$"):
        columns(strict=True).read({**ADA, "Mail": "x"})
    assert columns(strict=False).read({**ADA, "Mail": "x"})[1] == why
