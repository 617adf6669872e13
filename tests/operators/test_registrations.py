"""Registering somebody, and who registered."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.exceptions import ConnectionFailedError, NotFoundError, ValidationError
from airflow_clickmeeting.operators.registrations import (
    ClickMeetingListRegistrationsOperator,
    ClickMeetingListSessionRegistrationsOperator,
    ClickMeetingRegisterParticipantOperator,
)

ADA = {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"}


class TestRegister:
    @pytest.mark.parametrize(
        "registration",
        [
            ADA,
            {"first name": "Ada", " LAST NAME ": "Lovelace", "email address": " ada@example.com "},
            {1: "Ada", 2: "Lovelace", 3: "ada@example.com"},
            {"1": "Ada", "2": "Lovelace", "3": "ada@example.com"},
            {"First Name": "Ada", 2: "Lovelace", "3": "ada@example.com"},
        ],
        ids=str,
    )
    def test_the_three_standard_fields_go_by_label_or_number(self, run, sandbox, room_in, room_id, registration):
        answer = run(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration=registration)
        assert answer == {"status": "OK", "exist": 0}
        assert sandbox.log()[0]["form"] == {"registration": {"1": "Ada", "2": "Lovelace", "3": "ada@example.com"}}
        assert sandbox.counts == {"register_participant": 1}
        assert room_in(room_id)["registrations"] == ["ada@example.com"]

    @pytest.mark.parametrize("label", ["Company", "company ", 10, "10"])
    def test_a_field_of_the_room_too(self, run, sandbox, room_id, label):
        assert sandbox.add_field(room_id, "Company", required=True) == 10
        run(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration={**ADA, label: "Analytical Engines"})
        (listed,) = run(ClickMeetingListRegistrationsOperator, room_id=room_id)
        assert listed["fields"] == {**ADA, "Company": "Analytical Engines"}

    def test_an_unknown_label_lists_those_there_are(self, run, sandbox, room_id):
        sandbox.add_field(room_id, "Company")
        with pytest.raises(ValueError) as error:
            run(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration={**ADA, "Firm": "AE"})
        assert error.value.args[0] == (
            "registration has no field 'Firm'; the room's fields are "
            "'First Name' (1), 'Last Name' (2), 'Email Address' (3), 'Company' (10)."
        )
        assert sandbox.counts == {"get_conference": 1}

    def test_who_had_registered_gets_the_same_link(self, run, register, room_in, room_id):
        first, again = (register(room_id, include_secrets=True) for _ in range(2))
        assert (first["exist"], again["exist"]) == (0, 1)
        assert first["url"] == again["url"]
        assert first["url"].endswith(f"?r={first['r']}")
        assert room_in(room_id)["registrations"] == ["ada@example.com"]

    @pytest.mark.parametrize(
        ("asked", "mails"),
        [
            ({}, []),
            ({"confirmation_email": False}, []),
            ({"confirmation_email": True}, ["en"]),
            ({"confirmation_email": "True", "lang": "PL"}, ["pl"]),
            ({"confirmation_email": {"enabled": "no"}}, []),
            ({"confirmation_email": {"enabled": True}}, ["en"]),
            ({"confirmation_email": {"enabled": "yes", "lang": "PL"}}, ["pl"]),
            ({"confirmation_email": {"enabled": True}, "lang": "pl"}, ["pl"]),
        ],
    )
    def test_a_confirmation_is_mailed_to_who_wants_it(self, register, sandbox, room_id, asked, mails):
        register(room_id, **asked)
        sent = [(mail["recipient"], mail["kind"], mail["lang"]) for mail in sandbox.outbox]
        assert sent == [("ada@example.com", "confirmation", lang) for lang in mails]

    def test_a_lost_answer_is_not_asked_for_again_for_the_sake_of_the_mail(self, register, sandbox, room_id):
        sandbox.fault("register_participant", "lost")
        with pytest.raises(ConnectionFailedError):
            register(room_id, confirmation_email=True)
        assert len(sandbox.outbox) == 1

    def test_a_field_that_clickmeeting_misses_is_named_by_its_number(self, register, sandbox, room_id):
        sandbox.add_field(room_id, "Company", required=True)
        with pytest.raises(ValidationError) as error:
            register(room_id)
        assert error.value.fields == {"10": ("This field is required.",)}

    @pytest.mark.parametrize(
        ("registration", "told"),
        [
            ({}, "registration[1] (First Name) must be a text that is not blank; got None."),
            ({**ADA, "First Name": " "}, "registration[1] (First Name) must be a text that is not blank; got ' '."),
            ({1: "Ada", 3: "a@example.com"}, "registration[2] (Last Name) must be a text that is not blank; got None."),
            ({**ADA, "Email Address": "ada"}, "registration[3] (Email Address) must be an e-mail address; got 'ada'."),
            ({**ADA, 1: "Grace"}, "registration has two values for the field 'First Name'. Give one."),
            (["Ada", "Lovelace"], "registration must be a dict; got a list."),
        ],
        ids=str,
    )
    def test_a_form_that_is_not_filled_in_is_refused(self, refusal, room_id, registration, told):
        assert refusal(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration=registration) == told

    def test_a_room_without_registration(self, register, token_room_id, sandbox):
        closed = sandbox.add_room(name="Closed")["id"]
        with pytest.raises(ValidationError, match="REGISTRATION_DISABLED"):
            register(closed)


class TestList:
    @pytest.mark.parametrize(("status", "people"), [("all", ["ada", "eve"]), ("active", ["eve"])])
    def test_all_or_those_who_did_not_come_yet(self, run, register, finished, status, people):
        register(finished.room_id, "eve@example.com")
        listed = run(ClickMeetingListRegistrationsOperator, room_id=finished.room_id, status=status)
        assert [each["email"] for each in listed] == [f"{name}@example.com" for name in people]

    @pytest.mark.parametrize("unconfirmed", ["string", "null"])
    def test_who_did_not_confirm_has_no_time_of_it(self, run, register, sandbox, room_id, unconfirmed):
        sandbox.switch(unconfirmed=unconfirmed)
        register(room_id, confirmation_email=True)
        (listed,) = run(ClickMeetingListRegistrationsOperator, room_id=room_id)
        assert listed["registration_confirmed"] is None
        assert listed["fields"] == ADA

    def test_of_one_session(self, run, register, finished):
        register(finished.room_id, "eve@example.com")
        (listed,) = run(ClickMeetingListSessionRegistrationsOperator, **finished.session)
        assert (listed["email"], listed["session_id"]) == ("ada@example.com", finished.session_id)

    def test_of_a_missing_session(self, run, room_id):
        with pytest.raises(NotFoundError, match=r"^list_session_registrations\b"):
            run(ClickMeetingListSessionRegistrationsOperator, room_id=room_id, session_id=404)
