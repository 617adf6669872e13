"""Where bulk operators send people: the registration form of a room, or the account's address book."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow_clickmeeting.api import calls, parse, validate
from airflow_clickmeeting.api.form_fields import EMAIL, NAMES, STANDARD, STANDARD_SYNONYMS
from airflow_clickmeeting.api.redact import MASK, without_addresses
from airflow_clickmeeting.exceptions import ClickMeetingError, ValidationError
from airflow_clickmeeting.people.columns import Columns, Fields

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Registered, Registration
    from airflow_clickmeeting.api.validate import Id
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


CONFLICT = 409
CONTACT = ("email", "firstname", "lastname", "phone", "company", "country")
REQUIRED_OF_CONTACTS = ("email", "firstname", "lastname")


class Sent(NamedTuple):
    """The outcome of sending a person, and the personal link, masked so that it gives no access."""

    outcome: str
    link: str | None = None


class Target(ABC):
    """Where bulk operators send people; keys of fields are texts.

    :param hook: the account.
    """

    def __init__(self, hook: ClickMeetingHook) -> None:
        self.hook = hook

    @abstractmethod
    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Return the fields of the form, matched with the columns of a list."""

    @abstractmethod
    def send(self, fields: Fields) -> Sent:
        """Send a person; several threads may do this at a time."""

    @abstractmethod
    def read_existing(self) -> Mapping[str, str | None]:
        """Return the masked links of the people that the target has already, by `validate.email_key`."""

    @abstractmethod
    def check_access(self) -> None:
        """Raise the error that would concern every person, such as a wrong key."""

    def reason(self, error: ClickMeetingError) -> str:
        """Return ClickMeeting's message about a person, without naming anybody."""
        return without_addresses(error.problem.message)


class RegistrationTarget(Target):
    """A room's registration form.

    :param hook: the account.
    :param room_id: the room, which is read at once.
    :param confirmation_email: whether ClickMeeting writes to the people, or a dict as ClickMeeting takes it.
    :param lang: the language of that mail.
    :raises ValueError: if the room has no registration, or an argument is wrong.
    """

    def __init__(
        self,
        hook: ClickMeetingHook,
        *,
        room_id: Id,
        confirmation_email: bool | Id | Mapping[str, Any] | None,
        lang: str | None,
    ) -> None:
        super().__init__(hook)
        self._room_id = room_id
        self._confirmation_email = calls.confirmation_form(confirmation_email, lang)
        self._read_room = calls.get_conference(room_id)
        self._labels = self._read_labels()

    def _read_labels(self) -> dict[int, str]:
        room = self.hook.run(self._read_room)
        if room.get("registration_enabled") is False:
            validate.bad_argument(
                "room_id", self._room_id, f"a room with registration on; the room {room.get('name')!r} has it off"
            )
        return parse.registration_labels(room)

    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Match columns with labels in any case, numbers, and common names of the standard fields."""
        names = {name: str(number) for name, number in STANDARD_SYNONYMS.items()}
        names |= {label.strip().casefold(): str(number) for number, label in self._labels.items()}
        names |= {str(number): str(number) for number in self._labels}
        labels = {str(number): label for number, label in self._labels.items()}
        return Columns(labels, names, str(EMAIL), [str(number) for number in STANDARD], given, strict=True)

    def reason(self, error: ClickMeetingError) -> str:
        """Return ClickMeeting's message; if it is about fields, with their labels."""
        of_fields = [(number, said) for number, said in error.fields.items() if number.isdecimal()]
        labelled = [f"{self._labels.get(int(number), number)}: {' '.join(said)}" for number, said in of_fields]
        return without_addresses("; ".join(labelled)) or super().reason(error)

    def send(self, fields: Fields) -> Sent:
        """Register a person; if the person has registered before, or at the same moment, it is not a failure."""
        call = calls.register_participant(
            self._room_id,
            registration=fields,  # type: ignore[arg-type] # a dict's keys are invariant
            confirmation_email=self._confirmation_email,
        )
        try:
            registered = self.hook.run(call)
        except ValidationError as error:
            if error.code == CONFLICT:
                return Sent("already_registered")
            raise
        return Sent("already_registered" if registered["exist"] else "created", masked_link(registered))

    def read_existing(self) -> dict[str, str | None]:
        """Return the people who are registered for the room."""
        registrations = self.hook.fetched(calls.list_registrations(self._room_id))()
        return {validate.email_key(each["email"]): masked_link(each) for each in registrations if each.get("email")}

    def check_access(self) -> None:
        """Read the room again."""
        self._read_labels()


class ContactTarget(Target):
    """The account's address book, whose contacts the API cannot list."""

    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Match columns with the fields of a contact by their common names."""
        names = {name: name for name in CONTACT} | {name: field for name, field in NAMES.items() if field in CONTACT}
        fields = {name: name for name in CONTACT}
        return Columns(fields, names, "email", REQUIRED_OF_CONTACTS, given, strict=True, check=_country_problem)

    def send(self, fields: Fields) -> Sent:
        """Create a contact, or update the one with this e-mail address."""
        self.hook.run(calls.create_contact(**fields))
        return Sent("created")

    def read_existing(self) -> dict[str, str | None]:
        """Return nobody."""
        return {}

    def check_access(self) -> None:
        """Read the active rooms, which needs a valid key."""
        self.hook.run(calls.list_conferences("active"))


def masked_link(row: Registered | Registration) -> str | None:
    """Return a personal link that gives no access but can be recognised: its host, and eight digits of its SHA-256."""
    if not (link := row.get("url")):
        return None
    url = urlsplit(link)
    return f"{url.scheme}://{url.netloc}/{MASK}{hashlib.sha256(link.encode()).hexdigest()[:8]}"


def _country_problem(fields: Fields) -> str | None:
    if "country" not in fields:
        return None
    try:
        validate.country(fields["country"])
    except ValueError as error:
        return str(error)
    return None
