"""Who registered for a room, and registering somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api import form_fields, validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import RoomOperator, SessionOperator
from airflow_clickmeeting.operators.bulk import PeopleOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Registered, Registration
    from airflow_clickmeeting.people.forms import Target


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
        given = validate.table("registration", self.registration)
        labels = form_fields.STANDARD
        if not form_fields.are_standard(given):
            labels = form_fields.labels_of(self.hook.get_conference(self.room_id))
        answer = self.hook.register_participant(
            self.room_id,
            registration=form_fields.numbered(given, labels),
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


class ClickMeetingBulkRegisterParticipantsOperator(PeopleOperator):
    """Register the people of a list for a room.

    A second run registers nobody again, and so causes no second mail: with the ledger, or by the room's own list of
    registrations, which is read first. Whose answer was lost is looked up there before they are sent again. The room is
    read as well: columns go to the fields of its form by label in whatever case, or number; the standard three also by
    names such as `first_name`, `surname` and `e-mail`.

    :param room_id: a room with registration on.
    :param confirmation_email: whether ClickMeeting writes to the people; by default ClickMeeting decides.
    :param lang: the language of that mail.
    :return: the numbers of `rows`, `duplicates`, and by outcome `created`, `unchanged` (registered before),
        `invalid` and `failed`, of this and earlier tries with the same ledger; the path of the `ledger`; the first
        hundred `failures`, each with `row` and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (*PeopleOperator.template_fields, "room_id", "confirmation_email", "lang")
    operation = "registrations"

    def __init__(
        self, *, room_id: Id, confirmation_email: bool | Id | None = None, lang: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.confirmation_email = confirmation_email
        self.lang = lang

    def room(self) -> int:
        """Return the room."""
        from airflow_clickmeeting.api.validate import identifier

        return identifier("room_id", self.room_id)

    def form(self) -> Target:
        """Read the room."""
        from airflow_clickmeeting.people.forms import RegistrationTarget

        return RegistrationTarget(self.hook, self.room(), confirmation_email=self.confirmation_email, lang=self.lang)
