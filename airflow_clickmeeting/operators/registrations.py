"""Operators for the registrations of a room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api import form_fields, parse, validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import ROOM_LINKS
from airflow_clickmeeting.operators.base import RoomOperator, SessionOperator
from airflow_clickmeeting.operators.bulk import BulkOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Registered, Registration


__all__ = [
    "ClickMeetingBulkRegisterParticipantsOperator",
    "ClickMeetingListRegistrationsOperator",
    "ClickMeetingListSessionRegistrationsOperator",
    "ClickMeetingRegisterParticipantOperator",
]


class ClickMeetingRegisterParticipantOperator(RoomOperator):
    """Register a person for a room with registration on.

    In a second run the person is already registered, which is a success (`exist` 1) with the same link; ClickMeeting
    may send the confirmation mail again, if `confirmation_email` is set. If the response is lost, the task fails.

    :param registration: values by label, `{"First Name": "Ada", "Last Name": "Lovelace", "Email Address":
        "ada@example.com", "Company": "Example Ltd"}`, or by the field's number; these three are required.
    :param confirmation_email: whether ClickMeeting writes to the person; or a dict as ClickMeeting takes it,
        `{"enabled": True, "lang": "en"}`.
    :param lang: the language of that mail, two letters, if the dict does not have it.
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
        confirmation_email: bool | Id | Mapping[str, Any] | None = None,
        lang: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.registration = registration
        self.confirmation_email = confirmation_email
        self.lang = lang

    def execute(self, context: Context) -> Registered:
        # only the labels of the room's own fields need a request
        given = validate.table("registration", self.registration)
        labels = form_fields.STANDARD
        if not form_fields.are_standard(given):
            labels = parse.registration_labels(self.hook.get_conference(self.room_id))
        answer = self.hook.register_participant(
            self.room_id,
            registration=form_fields.numbered(given, labels),
            confirmation_email=self.confirmation_email,
            lang=self.lang,
        )
        self.log.info("The person %s", "was already registered" if answer["exist"] else "is now registered")
        return self.result(answer)


class ClickMeetingListRegistrationsOperator(RoomOperator):
    """Return the registrations of a room, without the personal links.

    :param status: `all`, or `active`, which probably means those for the next session.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "status")

    def __init__(self, *, status: str = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def execute(self, context: Context) -> list[Registration]:
        return self.result(self.hook.list_registrations(self.room_id, self.status))


class ClickMeetingListSessionRegistrationsOperator(SessionOperator):
    """Return the registrations that belong to one session, without the personal links."""

    def execute(self, context: Context) -> list[Registration]:
        return self.result(self.hook.list_session_registrations(self.room_id, self.session_id))


class ClickMeetingBulkRegisterParticipantsOperator(BulkOperator):
    """Register the people of a list for a room.

    A second run registers nobody again and causes no second mail, because the operator reads the ledger, and the room's
    list of registrations, before it sends anything. After a lost response it looks the person up in that list before it
    sends the request again. Columns match the labels of the room's form in any case, or its field numbers; the three
    standard fields also match names such as `first_name`, `surname` and `e-mail`.

    :param room_id: a room with registration on.
    :param confirmation_email: whether ClickMeeting writes to the people; or a dict as ClickMeeting takes it,
        `{"enabled": True, "lang": "en"}`. By default ClickMeeting decides.
    :param lang: the language of that mail, two letters, if the dict does not have it.
    :return: the numbers of `rows`, `duplicates`, and by outcome `created`, `unchanged` (registered before, also by
        an earlier try with the same ledger), `invalid` and `failed`; the path of the `ledger`; the first
        hundred `failures`, each with `row` and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (*BulkOperator.template_fields, "room_id", "confirmation_email", "lang")
    operator_extra_links = ROOM_LINKS
    operation = "registrations"
    target = "RegistrationTarget"
    target_arguments = ("room_id", "confirmation_email", "lang")

    def __init__(
        self,
        *,
        room_id: Id,
        confirmation_email: bool | Id | Mapping[str, Any] | None = None,
        lang: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.confirmation_email = confirmation_email
        self.lang = lang
