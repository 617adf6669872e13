"""Tests of tokens, registrations, invitations and logins."""

from __future__ import annotations

from datetime import timedelta

import pytest

PERSON = {"email": "ada@example.com", "nickname": "Ada", "role": "listener"}


def tokens_of(api, room):
    return api.get(f"conferences/{room}/tokens").json()["access_tokens"]


def test_tokens_are_for_token_rooms(api, room):
    assert api.post(f"conferences/{room}/tokens", data={"how_many": 1}).status_code == 422
    assert api.get(f"conferences/{room}/tokens").status_code == 422


@pytest.mark.parametrize("how_many", ["0", "1001", "many"])
def test_a_call_makes_1_to_1000_tokens(api, token_room, how_many):
    assert api.post(f"conferences/{token_room}/tokens", data={"how_many": how_many}).status_code == 422


def test_a_thousand_tokens(api, token_room):
    assert len(api.post(f"conferences/{token_room}/tokens?how_many=1000").json()["access_tokens"]) == 1000
    assert len(api.post(f"conferences/{token_room}/tokens").json()["access_tokens"]) == 1
    assert len(tokens_of(api, token_room)) == 1001


def test_an_invitation_binds_one_token(api, token_room):
    api.post(f"conferences/{token_room}/tokens", data={"how_many": 2})
    for _ in range(2):
        api.post(f"conferences/{token_room}/invitation/email/en", data={"attendees[0][email]": "ada@example.com"})
    assert [token["sent_to_email"] for token in tokens_of(api, token_room)] == ["ada@example.com", None]
    missing = api.post(f"conferences/{token_room}/token", data={"email": "nobody@example.com"})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("how", "tokens", "bound"),
    [
        ("free_or_new", 0, ["ada@example.com"]),
        ("free_or_new", 1, ["ada@example.com"]),
        ("new", 1, [None, "ada@example.com"]),
        ("free", 1, ["ada@example.com"]),
        ("free", 0, []),
    ],
)
@pytest.mark.parametrize("way", ["invitation", "registration"])
def test_who_is_invited_or_registers_gets_a_token(api, sandbox, register, way, how, tokens, bound):
    sandbox.switch(guest_token=how)
    room = sandbox.add_room(access_type=3, registration={"enabled": 1})["id"]
    if tokens:
        api.post(f"conferences/{room}/tokens", data={"how_many": tokens})
    for address in ("ada@example.com", "ADA@example.com"):
        if way == "registration":
            assert register(room, address).status_code == 200
        else:
            path = f"conferences/{room}/invitation/email/en"
            assert api.post(path, data={"attendees[0][email]": address}).json() == {"status": "OK"}
    assert [token["sent_to_email"] for token in tokens_of(api, room)] == bound
    found = api.post(f"conferences/{room}/token", data={"email": "ada@example.com"})
    assert found.status_code == (200 if "ada@example.com" in bound else 404)


def test_no_token_is_made_in_a_room_without_tokens(api, sandbox, room, register):
    register(room)
    assert sandbox.state["counts"]["tokens"] == 0


def test_each_person_can_be_invited_in_a_role(api, sandbox, room):
    path = f"conferences/{room}/invitation/email/en"
    people = {"attendees[0][email]": "ada@example.com", "attendees[0][role]": "presenter"}
    people |= {"attendees[1][email]": "grace@example.com", "attendees[2][email]": "linus@example.com"}
    assert api.post(path, data={**people, "attendees[2][role]": ""}).status_code == 200
    assert [mail["role"] for mail in sandbox.outbox] == ["presenter", "listener", "listener"]
    assert api.post(path, data={**people, "role": "presenter", "attendees[2][role]": "listener"}).status_code == 200
    assert [mail["role"] for mail in sandbox.outbox[3:]] == ["presenter", "presenter", "listener"]
    assert api.post(path, data={**people, "attendees[1][role]": "host"}).json()["errors"][0]["name"] == "role"
    assert len(sandbox.outbox) == 6


def test_people_come_in_the_role_of_their_invitation(api, sandbox, room):
    people = {f"attendees[{number}][email]": f"guest{number}@example.com" for number in range(8)}
    roles = {f"attendees[{number}][role]": "presenter" for number in range(0, 8, 2)}
    api.post(f"conferences/{room}/invitation/email/en", data={**people, **roles})
    sandbox.advance(timedelta(hours=3))
    (session,) = api.get(f"conferences/{room}/sessions").json()
    rows = api.get(f"conferences/{room}/sessions/{session['id']}/attendees").json()
    came = {row["email"]: row["role"] for row in rows if row["email"] and row["email"].startswith("guest")}
    assert set(came.values()) == {"presenter", "listener"}
    assert all(role == ("listener" if int(email[5]) % 2 else "presenter") for email, role in came.items())


def test_a_used_token_has_a_date(api, sandbox, token_room):
    api.post(f"conferences/{token_room}/tokens", data={"how_many": 1})
    api.post(f"conferences/{token_room}/invitation/email/en", data={"attendees[0][email]": "ada@example.com"})
    sandbox.play(token_room, start=sandbox.now - timedelta(hours=1), attendees=[{"email": "Ada@example.com"}])
    assert tokens_of(api, token_room)[0]["first_use_date"] is not None


def test_deactivating_nothing_is_refused(api, token_room):
    api.post(f"conferences/{token_room}/tokens", data={"how_many": 1})
    assert api.delete(f"conferences/{token_room}/tokens").status_code == 422
    assert len(tokens_of(api, token_room)) == 1


def test_registering_twice_returns_the_same_link_and_mails_again(sandbox, room, register):
    confirm = {"confirmation_email[enabled]": 1, "confirmation_email[lang]": "pl"}
    first, second = (register(room, **confirm).json() for _ in range(2))
    assert (first.pop("exist"), second.pop("exist")) == (0, 1)
    assert first == second
    assert [(mail["kind"], mail["lang"]) for mail in sandbox.outbox] == [("confirmation", "pl")] * 2


def test_missing_registration_fields_are_named_by_their_ids(api, sandbox, room, register):
    company = sandbox.add_field(room, "Company", required=True)
    assert company == 10
    answer = api.post(f"conferences/{room}/registration", data={"registration[2]": "Lovelace"})
    assert answer.status_code == 422
    assert [error["name"] for error in answer.json()["errors"]] == [1, 3, 10]
    assert register(room, **{"registration[10]": "Engines"}).status_code == 200
    (listed,) = api.get(f"conferences/{room}/registrations").json()
    assert listed["fields"]["Company"] == "Engines"
    fields = api.get(f"conferences/{room}").json()["conference"]["registration"]["fields"]
    assert fields[-1] == {"id": 10, "label": "Company"}


def test_other_registration_errors(api, token_room, room, register):
    assert register(room, "no address").json()["errors"][0]["name"] == "VALIDATION_ERRORS"
    assert register(token_room).json()["name"] == "REGISTRATION_DISABLED"
    assert api.get(f"conferences/{token_room}/registrations/all").json()["name"] == "REGISTRATION_DISABLED"


def test_an_unconfirmed_registration(api, sandbox, room, register):
    register(room, **{"confirmation_email[enabled]": 1})
    path = f"conferences/{room}/registrations/all"
    assert api.get(path).json()[0]["registration_confirmed"] == "null"
    sandbox.switch(unconfirmed="null")
    assert api.get(path).json()[0]["registration_confirmed"] is None


def test_a_login_needs_the_password_or_token_of_the_room(api, sandbox, token_room, room):
    def login(room_id, **form):
        return api.post(f"conferences/{room_id}/room/autologin_hash", data={**PERSON, **form})

    assert login(room).status_code == 200
    for role in ("presenter", "host", "moderator", "guest_speaker"):
        assert login(room, role=role).status_code == 200
    assert login(room, role="viewer").status_code == 422
    assert login(room, email="").json()["errors"][0]["name"] == "email"
    assert login(token_room).json()["errors"][0]["name"] == "token"
    assert login(token_room, token="WRONG1").status_code == 422
    locked = sandbox.add_room(access_type=2, password="secret")["id"]
    assert login(locked).json()["errors"][0]["name"] == "password"
    assert login(locked, password="wrong").status_code == 422
    assert login(locked, password="secret").status_code == 200
