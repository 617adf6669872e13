"""Invitations: who gets which mail."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.exceptions import ConnectionFailedError
from airflow_clickmeeting.operators.invitations import ClickMeetingSendInvitationOperator
from airflow_clickmeeting.operators.tokens import ClickMeetingGenerateTokensOperator


def test_people_by_address_or_by_name(run, sandbox, room_id):
    people = ["ada@example.com", {"email": "bob@example.com", "firstname": "Bob", "lastname": "Example"}]
    answer = run(
        ClickMeetingSendInvitationOperator,
        room_id=room_id,
        attendees=people,
        lang="pl",
        role="presenter",
        template="basic",
    )
    assert answer == {"status": "OK"}
    assert sandbox.log("send_invitation")[0]["form"] == {
        "attendees": {
            "0": {"email": "ada@example.com"},
            "1": {"email": "bob@example.com", "firstname": "Bob", "lastname": "Example"},
        },
        "role": "presenter",
        "template": "basic",
    }
    mails = [(mail["recipient"], mail["lang"], mail["role"], mail["template"]) for mail in sandbox.outbox]
    assert mails == [(f"{name}@example.com", "pl", "presenter", "basic") for name in ("ada", "bob")]


def test_what_is_not_said_is_left_to_clickmeeting(run, sandbox, room_id):
    run(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=("ada@example.com",))
    (entry,) = sandbox.log("send_invitation")
    assert entry["path"].endswith("/invitation/email/en")
    assert entry["form"] == {"attendees": {"0": {"email": "ada@example.com"}}}


def test_an_address_gets_one_mail_however_it_is_spelled(told_by, sandbox, room_id):
    spellings = ["Ada@example.com", " ADA@EXAMPLE.COM ", "bob@bücher.example.com", "bob@xn--bcher-kva.example.com"]
    _, told = told_by(
        ClickMeetingSendInvitationOperator, room_id=room_id, attendees=[*spellings, {"email": "ada@example.com"}]
    )
    assert [mail["recipient"] for mail in sandbox.outbox] == ["Ada@example.com", "bob@bücher.example.com"]
    assert f"Invited 2 people to room {room_id}" in told


def test_a_role_for_each(run, sandbox, room_id):
    people = [{"email": "ada@example.com", "role": "Presenter"}, {"email": "bob@example.com"}]
    run(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=people, role="listener")
    assert sandbox.log("send_invitation")[0]["form"] == {
        "attendees": {"0": {"email": "ada@example.com", "role": "presenter"}, "1": {"email": "bob@example.com"}},
        "role": "listener",
    }


def test_five_hundred_people_are_one_call(run, sandbox, room_id):
    people = [f"visitor{number}@example.com" for number in range(500)]
    run(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=people)
    assert [mail["recipient"] for mail in sandbox.outbox] == people
    assert sandbox.count("send_invitation") == 1


def test_in_a_room_with_access_by_token_each_gets_one(run, room_in, token_room_id):
    run(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=3)
    people = ["ada@example.com", "bob@example.com"]
    run(ClickMeetingSendInvitationOperator, room_id=token_room_id, attendees=people)
    assert [token["sent_to_email"] for token in room_in(token_room_id)["tokens"]] == [*people, None]


def test_nobody_gets_a_second_mail_because_an_answer_was_lost(run, sandbox, room_id):
    sandbox.fault("send_invitation", "lost")
    with pytest.raises(ConnectionFailedError):
        run(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=["ada@example.com"])
    assert len(sandbox.outbox) == 1


def test_a_second_run_sends_the_mails_again(run, sandbox, room_id):
    for _ in range(2):
        run(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=["ada@example.com"])
    assert len(sandbox.outbox) == 2
