"""Invitations by mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context

from airflow_clickmeeting.operators.base import RoomOperator


class ClickMeetingSendInvitationOperator(RoomOperator):
    """Have ClickMeeting invite people by mail; a second run sends the mails again.

    When the answer is lost, nothing is sent again by itself, and the task fails: leave `retries` at 0 where nobody
    may get a second mail.

    :param attendees: e-mail addresses, or dicts with `email` and, if known, `firstname` and `lastname`. In a room
        with access by token, each address gets a token of its own.
    :param lang: two letters.
    :param role: `listener` or `presenter`.
    :param template: `basic` or `advanced`.
    :return: `{"status": "OK"}`.
    """

    template_fields: Sequence[str] = (
        *RoomOperator.template_fields,
        "attendees",
        "lang",
        "role",
        "template",
    )

    def __init__(
        self,
        *,
        attendees: Sequence[str | Mapping[str, str]],
        lang: str = "en",
        role: str | None = None,
        template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attendees = attendees
        self.lang = lang
        self.role = role
        self.template = template

    def execute(self, context: Context) -> dict[str, Any]:
        """Send them in one call."""
        answer = self.hook.send_invitation(
            self.room_id, attendees=self.attendees, lang=self.lang, role=self.role, template=self.template
        )
        self.log.info("%d people invited to room %s", len(self.attendees), self.room_id)
        return self.result(answer)
