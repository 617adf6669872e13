"""Access tokens, and links that let somebody in."""

from __future__ import annotations

import pytest
from airflow_versions import redact

from airflow_clickmeeting.api.urls import autologin_url
from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    ServerError,
    ValidationError,
)
from airflow_clickmeeting.operators.invitations import ClickMeetingSendInvitationOperator
from airflow_clickmeeting.operators.links import ClickMeetingGenerateAutologinUrlOperator
from airflow_clickmeeting.operators.tokens import (
    ClickMeetingDeactivateTokensOperator,
    ClickMeetingGenerateTokensOperator,
    ClickMeetingGetTokenByEmailOperator,
    ClickMeetingListTokensOperator,
    is_unused,
)

ADA = {"email_address": "ada@example.com", "nickname": "Ada"}


@pytest.fixture
def tokens(run, token_room_id):
    """Three tokens that were made before."""
    return [token["token"] for token in run(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=3)]


@pytest.fixture
def tokens_in(room_in):
    def tokens_in(room_id):
        return [token["token"] for token in room_in(room_id)["tokens"]]

    return tokens_in


class TestGenerate:
    @pytest.mark.parametrize(
        ("how_many", "calls"), [(1, ["1"]), ("1000", ["1000"]), (1001, ["1000", "1"]), (2500, ["1000", "1000", "500"])]
    )
    def test_more_than_a_thousand_take_several_calls(self, run, sandbox, token_room_id, tokens_in, how_many, calls):
        made = run(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=how_many)
        assert [entry["form"]["how_many"] for entry in sandbox.log("generate_tokens")] == calls
        assert [token["token"] for token in made] == tokens_in(token_room_id)
        assert len(made) == int(how_many)

    def test_one_by_default_and_only_the_new_one_is_returned(self, run, token_room_id, tokens):
        (made,) = run(ClickMeetingGenerateTokensOperator, room_id=token_room_id)
        assert made["token"] not in tokens
        assert made.keys() == {"token", "sent_to_email", "first_use_date"}

    @pytest.mark.parametrize("how_many", [0, -1, "", "None", "many", 1.5])
    def test_a_number_that_is_none_is_refused(self, refusal, token_room_id, how_many):
        told = refusal(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=how_many)
        assert told == f"how_many must be a whole number from 1 on; got {how_many!r}."

    def test_a_room_without_access_by_token_has_none(self, run, room_id):
        with pytest.raises(ValidationError, match="not protected by tokens"):
            run(ClickMeetingGenerateTokensOperator, room_id=room_id)

    def test_where_the_first_call_fails_nothing_was_made(self, run, sandbox, token_room_id, tokens_in):
        sandbox.fault("generate_tokens", "status", status=500)
        with pytest.raises(ServerError) as error:
            run(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=2500)
        assert "tokens_made" not in str(error.value)
        assert tokens_in(token_room_id) == []


class TestTopUp:
    @pytest.fixture
    def top_up(self, run, token_room_id):
        def top_up(at_least):
            return run(ClickMeetingGenerateTokensOperator, room_id=token_room_id, at_least=at_least)

        return top_up

    @pytest.fixture
    def unused_in(self, token_room_id, room_in):
        def unused():
            return sorted(each["token"] for each in room_in(token_room_id)["tokens"] if not each["sent_to_email"])

        return unused

    @pytest.mark.parametrize(("at_least", "calls"), [(3, []), ("2", []), (5, ["2"]), (2003, ["1000", "1000"])])
    def test_only_what_is_lacking_is_made(self, top_up, sandbox, tokens, unused_in, at_least, calls):
        sandbox.forget_requests()
        unused = [token["token"] for token in top_up(at_least)]
        assert [entry["form"]["how_many"] for entry in sandbox.log("generate_tokens")] == calls
        assert unused == unused_in()
        assert len(unused) == max(int(at_least), len(tokens))

    def test_a_second_run_returns_the_same_and_makes_none(self, top_up, sandbox):
        assert top_up(4) == top_up(4)
        assert sandbox.count("generate_tokens") == 1

    def test_what_was_sent_to_somebody_or_used_does_not_count(self, run, top_up, sandbox, token_room_id, unused_in):
        top_up(2)
        run(ClickMeetingSendInvitationOperator, room_id=token_room_id, attendees=["ada@example.com"])
        assert len(top_up(2)) == len(unused_in()) == 2
        assert sandbox.state["counts"]["tokens"] == 3

    @pytest.mark.parametrize(
        ("token", "unused"),
        [
            ({"token": "AB3CD4"}, True),
            ({"token": "AB3CD4", "sent_to_email": None, "first_use_date": None}, True),
            ({"token": "AB3CD4", "sent_to_email": "ada@example.com", "first_use_date": None}, False),
            ({"token": "AB3CD4", "sent_to_email": None, "first_use_date": "2027-02-01T12:00:00+01:00"}, False),
        ],
    )
    def test_what_is_unused(self, token, unused):
        assert is_unused(token) is unused

    @pytest.mark.parametrize(
        ("trouble", "asked"),
        [
            ({"kind": "lost"}, 3),
            ({"kind": "lost", "skip": 1}, 3),
            ({"kind": "lost", "skip": 2}, 3),
            ({"kind": "lost", "times": 3}, 3),
            ({"kind": "reset"}, 4),
            ({"kind": "reset", "times": 2, "skip": 1}, 5),
            ({"kind": "429", "times": 4, "retry_after": 0}, 7),
            ({"kind": "status", "status": 503, "times": 4}, 7),
            ({"kind": "status", "status": 504, "times": 2, "skip": 2}, 5),
        ],
        ids=str,
    )
    def test_whatever_happens_to_the_answers_there_are_as_many_as_were_meant(
        self, top_up, sandbox, unused_in, trouble, asked
    ):
        sandbox.fault("generate_tokens", **trouble)
        made = [token["token"] for token in top_up(2500)]
        assert made == unused_in()
        assert len(made) == sandbox.state["counts"]["tokens"] == 2500
        assert sandbox.count("generate_tokens") == asked

    def test_a_storm_that_does_not_end_fails_the_task_and_the_next_try_goes_on(self, top_up, sandbox, unused_in):
        sandbox.fault("generate_tokens", "lost", times=1)
        sandbox.fault("generate_tokens", "status", status=503, times=4)
        with pytest.raises(ServerError, match=r"^generate_tokens\b"):
            top_up(1500)
        assert sandbox.count("generate_tokens") == 5
        assert len(unused_in()) == 1000
        top_up(1500)
        assert len(unused_in()) == 1500

    @pytest.mark.parametrize("operation", ["generate_tokens", "list_tokens"])
    def test_other_troubles_are_not_tried_again(self, top_up, sandbox, operation):
        sandbox.fault(operation, "status", status=500)
        with pytest.raises(ServerError):
            top_up(2)
        assert sandbox.count(operation) == 1

    def test_a_list_that_does_not_come_is_not_asked_for_in_rounds_of_rounds(self, top_up, sandbox):
        sandbox.fault("list_tokens", "reset", times=None)
        with pytest.raises(ConnectionFailedError):
            top_up(2)
        assert sandbox.count("list_tokens") == 5

    def test_the_tokens_are_masked(self, top_up):
        (made,) = top_up(1)
        assert redact(f"Token {made['token']}") == "Token ***"

    @pytest.mark.parametrize("at_least", [0, -1, "", "None", "many", 1.5])
    def test_a_number_that_is_none_is_refused(self, refusal, token_room_id, at_least):
        told = refusal(ClickMeetingGenerateTokensOperator, room_id=token_room_id, at_least=at_least)
        assert told == f"at_least must be a whole number from 1 on; got {at_least!r}."

    def test_it_is_either_so_many_more_or_so_many_in_all(self, refusal, token_room_id):
        told = refusal(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=1, at_least=1)
        assert told == (
            "how_many cannot be set together with at_least, which already determines how many tokens to generate. "
            "Remove one of them."
        )


def test_all_tokens_of_a_room(run, token_room_id, tokens):
    assert [token["token"] for token in run(ClickMeetingListTokensOperator, room_id=token_room_id)] == tokens


class TestGetByEmail:
    @pytest.mark.parametrize("answer", ["array", "object", "string"])
    def test_the_tokens_of_who_was_invited(self, run, sandbox, token_room_id, tokens, answer):
        sandbox.switch(token_answer=answer)
        run(ClickMeetingSendInvitationOperator, room_id=token_room_id, attendees=["ada@example.com"])
        found = run(ClickMeetingGetTokenByEmailOperator, room_id=token_room_id, email_address=" ada@example.com ")
        assert found == tokens[:1]

    def test_somebody_without(self, run, token_room_id, tokens):
        with pytest.raises(ClickMeetingError, match="Token not found; this person has no token in the room") as error:
            run(ClickMeetingGetTokenByEmailOperator, room_id=token_room_id, email_address="bob@example.com")
        assert not isinstance(error.value, AirflowFailException)

    def test_a_missing_room(self, run, sandbox):
        with pytest.raises(NotFoundError, match=r"^get_conference: .*Meeting room not found"):
            run(ClickMeetingGetTokenByEmailOperator, room_id=404, email_address="bob@example.com")


class TestDeactivate:
    def test_those_that_are_given_and_no_others(self, run, token_room_id, tokens, tokens_in):
        answer = run(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=tokens[:2])
        assert answer["status"] == "deleted"
        assert tokens_in(token_room_id) == tokens[2:]

    def test_the_objects_that_generating_returned_will_do(self, run, token_room_id, tokens, tokens_in):
        objects = run(ClickMeetingListTokensOperator, room_id=token_room_id)
        run(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=objects[1:])
        assert tokens_in(token_room_id) == tokens[:1]

    def test_a_second_run_changes_nothing_more(self, run, token_room_id, tokens, tokens_in):
        for _ in range(2):
            run(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=tokens[:1])
        assert tokens_in(token_room_id) == tokens[1:]

    @pytest.mark.parametrize("nothing", [[], (), None, ""])
    def test_an_empty_list_might_mean_all_of_them(self, refusal, sandbox, token_room_id, tokens, tokens_in, nothing):
        sandbox.switch(empty_deactivate="wipe")
        told = refusal(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=nothing)
        assert told == (
            "tokens must be a list with at least one token: ClickMeeting may take an empty list as all of them."
        )
        assert tokens_in(token_room_id) == tokens

    @pytest.mark.parametrize("blank", ["", " ", None, {}, {"token": None}, 234567])
    def test_a_blank_among_them_is_refused_without_showing_the_others(self, refusal, token_room_id, tokens, blank):
        told = refusal(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=[*tokens, blank])
        assert told == "tokens must be a list of access tokens; one of them is blank or is not text."

    def test_a_list_that_a_template_made_a_text_of_is_refused_without_showing_it(self, refusal, token_room_id, tokens):
        told = refusal(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=str(tokens))
        assert told.startswith("tokens must be a list")
        assert not any(token in told for token in tokens)


class TestAutologinUrl:
    def test_an_open_room(self, run, sandbox, room_id):
        url = run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, **ADA)
        room_url, _, login = url.partition("?l=")
        assert room_url == "https://acme.clickmeeting.example/talk"
        assert len(login) > 100
        (entry,) = sandbox.log("generate_autologin_url")
        assert entry["form"] == {"email": "ada@example.com", "nickname": "Ada", "role": "listener"}

    @pytest.mark.parametrize("role", ["listener", "presenter", "host", "moderator", "guest_speaker", "Host"])
    def test_a_role(self, run, sandbox, room_id, role):
        run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, role=role, **ADA)
        assert sandbox.log("generate_autologin_url")[0]["form"]["role"] == role.lower()

    def test_every_run_makes_another_link(self, run, room_id):
        assert len({run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, **ADA) for _ in range(2)}) == 2

    def test_a_room_with_access_by_token(self, run, sandbox, token_room_id, tokens):
        url = run(ClickMeetingGenerateAutologinUrlOperator, room_id=token_room_id, token=tokens[0], **ADA)
        assert "?l=" in url
        assert sandbox.log("generate_autologin_url")[0]["form"]["token"] == tokens[0]

    def test_a_room_with_access_by_password(self, run, sandbox):
        room_id = sandbox.add_room(name="Moria", access_type=2, password="mellon")["id"]
        assert "?l=" in run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, password="mellon", **ADA)
        assert sandbox.log("generate_autologin_url")[0]["form"]["password"] == "mellon"

    @pytest.mark.parametrize(("access", "needed"), [(2, "password"), (3, "token")])
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_what_the_room_asks_for_is_asked_for_here(self, run, sandbox, access, needed, nothing):
        room_id = sandbox.add_room(name="Moria", access_type=access, password="mellon")["id"]
        with pytest.raises(ValueError) as error:
            run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, **ADA, **{needed: nothing})
        assert error.value.args[0] == f"{needed} is missing: room {room_id} lets people in by {needed}."
        assert sandbox.counts == {"get_conference": 1}

    def test_a_wrong_password_is_not_told(self, run, sandbox):
        room_id = sandbox.add_room(name="Moria", access_type=2, password="mellon")["id"]
        with pytest.raises(ValidationError, match="This password is wrong") as error:
            run(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, password="friend", **ADA)
        assert "friend" not in str(error.value)

    @pytest.mark.parametrize(
        ("room_url", "url"),
        [
            ("https://acme.clickmeeting.example/talk", "https://acme.clickmeeting.example/talk?l=aB_1__"),
            ("https://acme.clickmeeting.example/talk?a=1", "https://acme.clickmeeting.example/talk?a=1&l=aB_1__"),
        ],
    )
    def test_the_hash_goes_behind_the_rooms_address(self, room_url, url):
        assert autologin_url(room_url, "aB_1__") == url
