"""Access tokens, and links that let somebody in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api import values
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import RoomOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Room, Token


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
        from airflow_clickmeeting.operators.topping_up import topped_up

        if self.at_least is None:
            return self.result(self._made(1 if self.how_many is None else self.how_many, context))
        if self.how_many is not None:
            raise ValueError("how_many must be left out where at_least is given: it says how many are lacking.")
        return self.result(topped_up(self.hook, self.room_id, values.whole_number("at_least", self.at_least)))

    def _made(self, how_many: Id, context: Context) -> list[Token]:
        from airflow_clickmeeting.api.call import batches
        from airflow_clickmeeting.api.calls import MOST_TOKENS
        from airflow_clickmeeting.exceptions import ClickMeetingError

        wanted = values.whole_number("how_many", how_many)
        made: list[Token] = []
        try:
            for number in batches(wanted, MOST_TOKENS):
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


class ClickMeetingGenerateAutologinUrlOperator(RoomOperator):
    """Make a link that lets one person in without typing anything; a second run makes another one.

    :param email_address: the person (`email` is whom Airflow alerts, in every operator).
    :param nickname: the name that others see.
    :param role: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: needed where the room's access is by password.
    :param token: needed where the room's access is by token.
    :return: the link, masked in logs.
    """

    template_fields: Sequence[str] = (
        *RoomOperator.template_fields,
        "email_address",
        "nickname",
        "role",
        "password",
        "token",
    )

    def __init__(
        self,
        *,
        email_address: str,
        nickname: str,
        role: str = "listener",
        password: str | None = None,
        token: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.email_address = email_address
        self.nickname = nickname
        self.role = role
        self.password = password
        self.token = token

    def execute(self, context: Context) -> str:
        """Read the room's address, and ask for the hash that goes behind it."""
        room = self.hook.get_conference(self.room_id)
        check_access(room, password=self.password, token=self.token)
        url = self.hook.generate_autologin_url(
            self.room_id,
            room_url=room["room_url"],
            email=self.email_address,
            nickname=self.nickname,
            role=self.role,
            password=self.password,
            token=self.token,
        )
        self.mask([url, url.rpartition("l=")[2]])
        return url


def check_access(room: Room, **given: str | None) -> None:
    """Raise when a room lets people in by what is not given, a password or a token."""
    for name, value in given.items():
        if room.get("access_type") == values.ACCESS_TYPES[name] and not value:
            raise ValueError(f"{name} is missing: room {room['id']} lets people in by {name}.")
