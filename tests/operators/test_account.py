"""The account, what ClickMeeting offers to all accounts, and calls that have no operator."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.operators.account import (
    ClickMeetingCallOperator,
    ClickMeetingListPhoneGatewaysOperator,
    ClickMeetingListSkinsOperator,
    ClickMeetingListTimezonesByCountryOperator,
    ClickMeetingListTimezonesOperator,
    ClickMeetingPingOperator,
)


def test_clickmeeting_is_there(run):
    assert run(ClickMeetingPingOperator) == {"ping": "pong"}


def test_time_zones_of_the_world(run):
    assert {"Europe/Warsaw", "America/New_York", "UTC"} <= set(run(ClickMeetingListTimezonesOperator))


@pytest.mark.parametrize(
    ("country", "zones"), [("PL", ["Europe/Warsaw"]), ("pl", ["Europe/Warsaw"]), (" IN ", ["Asia/Kolkata"]), ("XX", [])]
)
def test_time_zones_of_a_country(run, country, zones):
    assert run(ClickMeetingListTimezonesByCountryOperator, country=country) == zones


def test_telephone_numbers_for_dialling_in(run):
    gateways = run(ClickMeetingListPhoneGatewaysOperator)
    assert {gateway["code"] for gateway in gateways} == {"DE", "PL", "US"}
    assert all(gateway["value"].startswith("+") for gateway in gateways)


def test_looks_of_rooms(run):
    skins = {skin["id"]: skin["name"] for skin in run(ClickMeetingListSkinsOperator)}
    assert skins == {"12": "Lecture hall", "3": "Plain", "7": "Night sky"}


def test_a_call_that_has_no_operator(run, sandbox, room_id):
    answer = run(
        ClickMeetingCallOperator,
        method="post",
        allow_write=True,
        path=f"conferences/{room_id}/registration",
        query={"lang": "pl"},
        form={"registration": {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}, "confirmation_email": {"enabled": True}},
    )
    assert answer == {"status": "OK", "exist": 0}
    (entry,) = sandbox.log("register_participant")
    assert entry["query"] == {"lang": "pl"}
    assert entry["form"] == {
        "lang": "pl",
        "registration": {"1": "Ada", "2": "Lovelace", "3": "ada@example.com"},
        "confirmation_email": {"enabled": "1"},
    }


def test_a_call_returns_lists_and_texts_as_they_come(run, sandbox, room_id):
    sandbox.switch(delete_answer="string")
    assert run(ClickMeetingCallOperator, path=f"conferences/{room_id}/registrations") == []
    assert run(ClickMeetingCallOperator, path=f"conferences/{room_id}", method="DELETE", allow_write=True) == "200 OK"
    with pytest.raises(NotFoundError):
        run(ClickMeetingCallOperator, path=f"conferences/{room_id}")


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("POST", 1)])
def test_only_a_get_is_sent_again_when_its_answer_is_lost(run, sandbox, method, sent):
    sandbox.fault("ping", "lost", times=1)
    sandbox.fault("create_contact", "lost", times=1)
    contact = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"}
    if method == "GET":
        run(ClickMeetingCallOperator, path="ping")
    else:
        with pytest.raises(Exception, match="was lost"):
            run(ClickMeetingCallOperator, path="contacts", method="POST", form=contact, allow_write=True)
        assert sandbox.state["counts"]["contacts"] == 1
    assert sandbox.count() == sent
