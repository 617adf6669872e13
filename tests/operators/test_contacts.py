"""The account's address book."""

from __future__ import annotations

from airflow_clickmeeting.operators.contacts import ClickMeetingCreateContactOperator

ADA = {"email_address": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"}


def test_a_contact_is_added(run, sandbox):
    more = {"phone": "+44 20 7946 0000", "company": "Analytical Engines", "country": "gb"}
    assert run(ClickMeetingCreateContactOperator, **ADA, **more) == {"status": "OK"}
    assert sandbox.state["contacts"] == [
        {
            "email": "ada@example.com",
            "firstname": "Ada",
            "lastname": "Lovelace",
            "phone": "+44 20 7946 0000",
            "company": "Analytical Engines",
            "country": "GB",
        }
    ]


def test_the_same_address_is_the_same_contact(run, sandbox):
    for company in (None, "Analytical Engines"):
        run(ClickMeetingCreateContactOperator, **ADA, company=company)
    (contact,) = sandbox.state["contacts"]
    assert contact["company"] == "Analytical Engines"


def test_a_lost_answer_is_asked_for_again(run, sandbox):
    sandbox.fault("create_contact", "lost")
    assert run(ClickMeetingCreateContactOperator, **ADA) == {"status": "OK"}
    assert sandbox.count("create_contact") == 2
    assert sandbox.state["counts"]["contacts"] == 1
