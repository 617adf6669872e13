"""Who registered for a room, and registering somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api import fields, values
from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import RoomOperator, SessionOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.shapes import Registered, Registration


class ClickMeetingRegisterParticipantOperator(RoomOperator):
    """Register a person for a room with registration on.

    In a second run the person is registered already, which is a success (`exist` 1) with the same link; ClickMeeting
    may send the confirmation mail again, if one is asked for. When the answer is lost, the task fails.

    :param registration: values by label, `{"First Name": "Ada", "Last Name": "Lovelace", "Email Address":
        "ada@example.com", "Company": "Example Ltd"}`, or by the field's number; those three are needed.
    :param confirmation_email: whether ClickMeeting writes to the person.
    :param lang: the language of that mail.
    :return: `status` and `exist`: 1 for a person who had registered before. With `include_secrets` also `url`, the
        personal link, and `r`, the secret in it.
    """

    template_fields: Sequence[str] = (
        *RoomOperator.template_fields,
        "registration",
        "confirmation_email",
        "lang",
    )

    def __init__(
        self,
        *,
        registration: Mapping[Id, str],
        confirmation_email: bool | Id | None = None,
        lang: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.registration = registration
        self.confirmation_email = confirmation_email
        self.lang = lang

    def execute(self, context: Context) -> Registered:
        """Register; the room is read first where its own labels are needed."""
        given = values.table("registration", self.registration)
        labels = fields.STANDARD
        if not fields.are_standard(given):
            labels = fields.labels_of(self.hook.get_conference(self.room_id))
        answer = self.hook.register_participant(
            self.room_id,
            registration=fields.numbered(given, labels),
            confirmation_email=self.confirmation_email,
            lang=self.lang,
        )
        self.log.info("The person %s", "was registered already" if answer["exist"] else "is registered now")
        return self.result(answer)


class ClickMeetingListRegistrationsOperator(RoomOperator):
    """Return the people who registered for a room, without their personal links.

    :param status: `all`, or `active`, which presumably means the coming run.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "status")

    def __init__(self, *, status: str = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def execute(self, context: Context) -> list[Registration]:
        """Read the list."""
        return self.result(self.hook.list_registrations(self.room_id, self.status))


class ClickMeetingListSessionRegistrationsOperator(SessionOperator):
    """Return the registrations that belong to one session, without the personal links."""

    def execute(self, context: Context) -> list[Registration]:
        """Read the list."""
        return self.result(self.hook.list_session_registrations(self.room_id, self.session_id))
