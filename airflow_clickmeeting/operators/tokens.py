"""Operators for access tokens: generate, list and deactivate them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from airflow_clickmeeting.api import calls, validate
from airflow_clickmeeting.api.call import Call, batches
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError
from airflow_clickmeeting.operators.base import RoomOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Token
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

__all__ = [
    "ClickMeetingDeactivateTokensOperator",
    "ClickMeetingGenerateTokensOperator",
    "ClickMeetingGetTokenByEmailOperator",
    "ClickMeetingListTokensOperator",
]


class ClickMeetingGenerateTokensOperator(RoomOperator):
    """Generate access tokens for a room with access by token: a number of new ones, or as many as are missing.

    With `how_many`, a second run generates the same number again. One request generates at most 1000 tokens, so a
    higher number takes several requests. If a later request fails, the task fails, but the tokens generated before are
    in its XCom `tokens_made`, and the error says how many. Airflow clears XComs before a retry: if no token may get
    lost, leave `retries` at 0, or use `at_least`.

    With `at_least`, a second run generates only the tokens that are missing then. If a response is lost, the operator
    counts the tokens again, up to the connection's `max_attempts`. Two tasks must not top up the same room at the same
    time.

    :param how_many: how many tokens to add, any number; 1 if `at_least` is not set either.
    :param at_least: how many unused tokens the room is to have, any number. A token is unused if it was sent to nobody
        and used by nobody.
    :return: the new tokens, or with `at_least` all unused tokens in alphabetical order, as a list of dicts with
        `token`, `sent_to_email` and `first_use_date`; masked in logs.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "how_many", "at_least")

    def __init__(self, *, how_many: Id | None = None, at_least: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how_many = how_many
        self.at_least = at_least

    def execute(self, context: Context) -> list[Token]:
        """Generate the tokens in batches of at most 1000, and return them.

        :raises ValueError: if both arguments are set, or if one is not a whole number from 1 on.
        """
        if self.at_least is None:
            return self.result(self._generate(1 if self.how_many is None else self.how_many, context))
        if self.how_many is not None:
            raise ValueError(
                "how_many cannot be set together with at_least, which already determines how many tokens to generate. "
                "Remove one of them."
            )
        return self.result(top_up(self.hook, self.room_id, validate.whole_number("at_least", self.at_least)))

    def _generate(self, how_many: Id, context: Context) -> list[Token]:
        wanted = validate.whole_number("how_many", how_many)
        generated: list[Token] = []
        try:
            for number in batches(wanted, calls.MAX_TOKENS):
                more: list[Token] = self.hook.generate_tokens(self.room_id, how_many=number)
                generated += more
        except ClickMeetingError as error:
            if generated:
                # nobody could read these tokens from a result, since the task fails
                context["ti"].xcom_push("tokens_made", self.result(generated))
                more_info = (
                    f"{len(generated)} of {wanted} tokens were generated before, and are in the XCom 'tokens_made'; "
                    f"save them before a retry, which clears that XCom and generates {wanted} more"
                )
                raise error.adding(more_info) from error
            raise
        return generated


class ClickMeetingListTokensOperator(RoomOperator):
    """Return all tokens of a room as a list of dicts, each with the address it was sent to; masked in logs."""

    def execute(self, context: Context) -> list[Token]:
        return self.result(self.hook.list_tokens(self.room_id))


class ClickMeetingGetTokenByEmailOperator(RoomOperator):
    """Return the tokens of one person as a list of texts, which are masked in logs.

    If the person has no token, the task fails with a `ClickMeetingError`, and Airflow retries it, since ClickMeeting
    may still be sending the token. It is not known whether ClickMeeting generates a token for a person who has none. If
    the room does not exist, the task fails with a `NotFoundError`, without retries.

    :param email_address: the person's address. It is not called `email`, because every operator of Airflow has an
        `email` that receives alerts.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "email_address")

    def __init__(self, *, email_address: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.email_address = email_address

    def execute(self, context: Context) -> list[str]:
        try:
            tokens = self.hook.get_token_by_email(self.room_id, email=self.email_address)
        except NotFoundError as error:
            self.hook.get_conference(self.room_id)  # raises if the room does not exist
            raise error.retryable("this person has no token in the room, or does not have it yet") from None
        self.mask(tokens)
        return tokens


class ClickMeetingDeactivateTokensOperator(RoomOperator):
    """Deactivate tokens, so that nobody can enter a room with them; a second run changes nothing more.

    :param tokens: the tokens as texts, or the dicts that hold them, as other operators return them. An empty list is an
        error before any request is sent, because ClickMeeting might read it as all tokens of the room.
    :return: ClickMeeting's response as a dict.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "tokens")

    def __init__(self, *, tokens: Sequence[str | Token], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tokens = tokens

    def execute(self, context: Context) -> dict[str, Any]:
        return self.result(self.hook.deactivate_tokens(self.room_id, tokens=self.tokens))


def top_up(hook: ClickMeetingHook, room_id: Id, at_least: int) -> list[Token]:
    """Generate the unused tokens that a room does not have yet, and return all unused ones in alphabetical order.

    A request that generates tokens cannot simply be repeated after a lost response, since it may have had its effect.
    So each attempt counts the tokens first. If ClickMeeting still generates tokens while they are counted, the room has
    more than `at_least` in the end, never fewer.

    :param hook: the account.
    :param room_id: a room with access by token.
    :param at_least: how many unused tokens the room is to have.
    """
    from airflow_clickmeeting.hooks.policy import RETRY, log_pause, worth_retrying

    def attempt(_: Call[Any]) -> list[Token]:
        tokens: list[Token] = hook.list_tokens(room_id)
        unused = [token for token in tokens if is_unused(token)]
        there = len(unused)
        for number in batches(at_least - there, calls.MAX_TOKENS):
            generated: list[Token] = hook.generate_tokens(room_id, how_many=number)
            unused += generated
        message = "Tokens of room %s: %d generated, %d already there and unused"
        hook.log.info(message, room_id, len(unused) - there, there)
        return sorted(unused, key=lambda token: token["token"])

    # repeatable, since each attempt counts the tokens before it generates any
    call = replace(calls.generate_tokens(room_id, how_many=1), repeatable=True)

    def may_have_generated(error: BaseException) -> bool:
        # the hook itself has already repeated requests that had no effect, and all requests that only read
        if not isinstance(error, ClickMeetingError) or error.operation != call.title or error.problem.no_effect:
            return False
        return worth_retrying(call, error)

    options = {**RETRY, "retry": retry_if_exception(may_have_generated)}
    stop = stop_after_attempt(hook.settings.max_attempts)
    return Retrying(**options, stop=stop, before_sleep=partial(log_pause, hook.log))(attempt, call)


def is_unused(token: Token) -> bool:
    """Return whether a token was sent to nobody and used by nobody."""
    return not token.get("sent_to_email") and not token.get("first_use_date")
