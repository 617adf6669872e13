"""How a room gets as many unused tokens as it shall have, also where an answer is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import batches
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.exceptions import ClickMeetingError

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Token
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


def topped_up(hook: ClickMeetingHook, room_id: Id, at_least: int) -> list[Token]:
    """Return a room's unused tokens, once there are as many as there shall be.

    Making tokens cannot be repeated blindly; counting them again tells what a lost answer has done. When ClickMeeting
    is still at work on it by then, there are more than needed in the end, never fewer.

    :param hook: the account.
    :param room_id: a room with access by token.
    :param at_least: how many there shall be.
    """
    from airflow_clickmeeting.hooks.retrying import policy, worth_repeating

    def attempt() -> list[Token]:
        tokens: list[Token] = hook.list_tokens(room_id)
        unused = [token for token in tokens if is_unused(token)]
        for number in batches(at_least - len(unused), calls.MOST_TOKENS):
            made: list[Token] = hook.generate_tokens(room_id, how_many=number)
            unused += made
        return sorted(unused, key=lambda token: token["token"])

    counted_again = replace(calls.generate_tokens(room_id, how_many=1), repeatable=True)

    def lost(error: BaseException) -> bool:
        """Tell whether tokens may have been made; the hook itself has sent again what had no effect."""
        if not isinstance(error, ClickMeetingError) or error.operation != counted_again.name or error.problem.undone:
            return False
        return worth_repeating(counted_again, error)

    again = policy(counted_again, hook.settings.max_attempts, hook.log.warning)
    return Retrying(**{**again, "retry": retry_if_exception(lost)})(attempt)


def is_unused(token: Token) -> bool:
    """Tell whether a token is nobody's yet (4.2)."""
    return not token.get("sent_to_email") and not token.get("first_use_date")
