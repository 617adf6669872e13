"""What is filled in for each person of a list, and sent: a room's registration form, or a card of the address book."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_clickmeeting.api import calls, form_fields, validate
from airflow_clickmeeting.api.redact import mask_link, without_addresses
from airflow_clickmeeting.exceptions import ClickMeetingError, ValidationError
from airflow_clickmeeting.people.columns import Columns, Fields

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Registered, Registration, Room
    from airflow_clickmeeting.api.validate import Id
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


CONFLICT = 409
CONTACT = ("email", "firstname", "lastname", "phone", "company", "country")


class Sent(NamedTuple):
    """What became of a person, and the personal link, so masked that it lets nobody in."""

    outcome: str
    link: str | None = None


class Target(ABC):
    """What is filled in for each person; keys of fields are texts.

    :param hook: the account.
    """

    needed: tuple[str, ...]
    email: str

    def __init__(self, hook: ClickMeetingHook) -> None:
        self.hook = hook

    @abstractmethod
    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Return which field each column of a list goes to."""

    def fault(self, row: Fields) -> str | None:
        """Say what is wrong with a row, without naming anybody."""
        if lacking := [self.label(each) for each in self.needed if each not in row]:
            return f"without {', '.join(lacking)}"
        return None if validate.is_email(row[self.email]) else f"{self.label(self.email)} is no e-mail address"

    def label(self, field: str) -> str:
        """Return what people call a field."""
        return field

    def why(self, error: ClickMeetingError) -> str:
        """Return what ClickMeeting said of a row, without naming anybody."""
        return without_addresses(error.problem.message)

    @abstractmethod
    def send(self, row: Fields) -> Sent:
        """Send a person; several threads may do this at a time."""

    @abstractmethod
    def there(self) -> Mapping[str, str | None]:
        """Return who is there already, by address in small letters, and the masked links."""

    @abstractmethod
    def look(self) -> None:
        """Raise what would be wrong with everybody, such as a wrong key."""


class RegistrationTarget(Target):
    """A room's registration form.

    :param hook: the account.
    :param room_id: the room, which is read at once.
    :param confirmation_email: whether ClickMeeting writes to the people.
    :param lang: the language of that mail.
    :raises ValueError: when the room has no registration, or an argument makes no sense.
    """

    email = str(form_fields.EMAIL)
    needed = tuple(map(str, form_fields.STANDARD))

    def __init__(
        self, hook: ClickMeetingHook, room_id: int, *, confirmation_email: bool | Id | None, lang: str | None
    ) -> None:
        super().__init__(hook)
        self._room_id = room_id
        self._options: dict[str, Any] = {
            "confirmation_email": validate.flag("confirmation_email", confirmation_email),
            "lang": None if lang is None else validate.language(lang),
        }
        self._labels = form_fields.labels_of(self._room())

    def _room(self) -> Room:
        room = self.hook.get_conference(self._room_id)
        if room.get("registration_enabled") is False:
            validate.bad_argument(
                "room_id", self._room_id, f"a room with registration on; the room {room.get('name')!r} has it off"
            )
        return room

    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Match labels and numbers."""

        def find(name: str) -> str | None:
            number = form_fields.number_of(name, self._labels)
            return None if number is None else str(number)

        return Columns(find, form_fields.listed(self._labels), given, strict=True)

    def label(self, field: str) -> str:
        """Return the room's label."""
        return self._labels[int(field)]

    def why(self, error: ClickMeetingError) -> str:
        """Name the fields by their labels, where it is about fields."""
        of_fields = [(number, said) for number, said in error.fields.items() if number.isdecimal()]
        labelled = [f"{self._labels.get(int(number), number)}: {' '.join(said)}" for number, said in of_fields]
        return without_addresses("; ".join(labelled)) or super().why(error)

    def send(self, row: Fields) -> Sent:
        """Register; who had registered before, perhaps in the very moment, is no failure."""
        by_number: dict[Id, str] = {int(number): text for number, text in row.items()}
        try:
            answer = self.hook.register_participant(self._room_id, registration=by_number, **self._options)
        except ValidationError as error:
            if error.code == CONFLICT:
                return Sent("already_registered")
            raise
        return Sent("already_registered" if answer["exist"] else "created", _link(answer))

    def there(self) -> dict[str, str | None]:
        """Read the room's registrations."""
        listed = self.hook.fetched(calls.list_registrations(self._room_id, "all"))()
        return {each["email"].casefold(): _link(each) for each in listed if each.get("email")}

    def look(self) -> None:
        """Read the room again."""
        self._room()


class ContactTarget(Target):
    """A card of the account's address book, which nobody can list."""

    needed = ("email", "firstname", "lastname")
    email = "email"

    def columns(self, given: Mapping[str, str | None] | None) -> Columns:
        """Match names."""
        return Columns(_contact_field, ", ".join(map(repr, CONTACT)), given, strict=True)

    def fault(self, row: Fields) -> str | None:
        """Say what is wrong with a row; countries are two letters."""
        return super().fault(row) or _wrong_country(row.get("country"))

    def send(self, row: Fields) -> Sent:
        """Put the person in, or update the card that is there."""
        self.hook.create_contact(**row)
        return Sent("created")

    def there(self) -> dict[str, str | None]:
        """Return nobody."""
        return {}

    def look(self) -> None:
        """Read the active rooms, which needs a key that is right."""
        self.hook.list_conferences("active")


def _link(answer: Registered | Registration) -> str | None:
    link = answer.get("url")
    return mask_link(link) if link else None


def _contact_field(name: str) -> str | None:
    found = form_fields.name_of(name) or form_fields.simplified(name)
    return found if found in CONTACT else None


def _wrong_country(country: str | None) -> str | None:
    try:
        return None if country is None else validate.country(country) and None
    except ValueError as error:
        return str(error)
