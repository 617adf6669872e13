"""Access tokens, and links that let somebody in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from tenacity import Retrying, retry_if_exception

from airflow_clickmeeting.api import calls, validate
from airflow_clickmeeting.api.call import batches
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.operators.base import RoomOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Token
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class ClickMeetingGenerateTokensOperator(RoomOperator):
    """Make access tokens for a room with access by token: so many more, or as many as are lacking.

    With `how_many`, a second run makes as many again. More than 1000 go out in several calls. When a later one fails,
    so does the task, but the tokens made until then are in its XCom `tokens_made`, and the error says how many.
    Airflow clears XComs before a retry: where none may be lost, leave `retries` at 0, or use `at_least`.

    With `at_least`, a second run makes only what is lacking by then. Where an answer was lost, the tokens are counted
    again, as often as the connection's `max_attempts` allows. Two tasks must not top up the same room at the same time.

    :param how_many: how many to add, any number; 1 where `at_least` is not given either.
    :param at_least: how many unused ones there shall be, any number: those that were sent to nobody and used by nobody.
    :return: the new tokens, or with `at_least` all unused ones in the order of their letters, a list of `token`,
        `sent_to_email`, `first_use_date`; masked in logs.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "how_many", "at_least")

    def __init__(self, *, how_many: Id | None = None, at_least: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how_many = how_many
        self.at_least = at_least

    def execute(self, context: Context) -> list[Token]:
        """Make them, a thousand at a time."""
        if self.at_least is None:
            return self.result(self._made(1 if self.how_many is None else self.how_many, context))
        if self.how_many is not None:
            raise ValueError("how_many must be left out where at_least is given: it says how many are lacking.")
        return self.result(topped_up(self.hook, self.room_id, validate.whole_number("at_least", self.at_least)))

    def _made(self, how_many: Id, context: Context) -> list[Token]:
        from airflow_clickmeeting.api.call import batches
        from airflow_clickmeeting.api.calls import MAX_TOKENS
        from airflow_clickmeeting.exceptions import ClickMeetingError

        wanted = validate.whole_number("how_many", how_many)
        made: list[Token] = []
        try:
            for number in batches(wanted, MAX_TOKENS):
                more: list[Token] = self.hook.generate_tokens(self.room_id, how_many=number)
                made += more
        except ClickMeetingError as error:
            if made:
                context["ti"].xcom_push("tokens_made", self.result(made))
                told = f"{len(made)} of {wanted} tokens were made before, and are in the XCom 'tokens_made'"
                raise error.adding(told) from error
            raise
        return made


class ClickMeetingListTokensOperator(RoomOperator):
    """Return all tokens of a room with whom each was sent to; masked in logs."""

    def execute(self, context: Context) -> list[Token]:
        """Read the list."""
        return self.result(self.hook.list_tokens(self.room_id))


class ClickMeetingGetTokenByEmailOperator(RoomOperator):
    """Return the tokens of one person, as texts that are masked in logs; none is a `NotFoundError`.

    Whether ClickMeeting makes a token for a person who has none is unknown.

    :param email_address: the person (`email` is whom Airflow alerts, in every operator).
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "email_address")

    def __init__(self, *, email_address: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.email_address = email_address

    def execute(self, context: Context) -> list[str]:
        """Ask once."""
        tokens = self.hook.get_token_by_email(self.room_id, email=self.email_address)
        self.mask(tokens)
        return tokens


class ClickMeetingDeactivateTokensOperator(RoomOperator):
    """Take away the access that tokens give; a second run changes nothing more.

    :param tokens: the tokens, or the objects that hold them. An empty list is refused before anything is sent:
        ClickMeeting might read it as all tokens of the room.
    :return: ClickMeeting's answer.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "tokens")

    def __init__(self, *, tokens: Sequence[str | Token], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tokens = tokens

    def execute(self, context: Context) -> dict[str, Any]:
        """Take it away."""
        return self.result(self.hook.deactivate_tokens(self.room_id, tokens=self.tokens))


def topped_up(hook: ClickMeetingHook, room_id: Id, at_least: int) -> list[Token]:
    """Return a room's unused tokens, once there are as many as there shall be.

    Making tokens cannot be repeated blindly; counting them again tells what a lost answer has done. When ClickMeeting
    is still at work on it by then, there are more than needed in the end, never fewer.

    :param hook: the account.
    :param room_id: a room with access by token.
    :param at_least: how many there shall be.
    """
    from airflow_clickmeeting.hooks.policy import policy, worth_repeating

    def attempt() -> list[Token]:
        tokens: list[Token] = hook.list_tokens(room_id)
        unused = [token for token in tokens if is_unused(token)]
        for number in batches(at_least - len(unused), calls.MAX_TOKENS):
            made: list[Token] = hook.generate_tokens(room_id, how_many=number)
            unused += made
        return sorted(unused, key=lambda token: token["token"])

    counted_again = replace(calls.generate_tokens(room_id, how_many=1), repeatable=True)

    def lost(error: BaseException) -> bool:
        """Tell whether tokens may have been made; the hook itself has sent again what had no effect."""
        if not isinstance(error, ClickMeetingError) or error.operation != counted_again.name or error.problem.no_effect:
            return False
        return worth_repeating(counted_again, error)

    again = policy(counted_again, hook.settings.max_attempts, hook.log.warning)
    return Retrying(**{**again, "retry": retry_if_exception(lost)})(attempt)


def is_unused(token: Token) -> bool:
    """Tell whether a token is nobody's yet (4.2)."""
    return not token.get("sent_to_email") and not token.get("first_use_date")
