"""Find or generate the link with which one person enters a room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from airflow_clickmeeting.api import calls, validate
from airflow_clickmeeting.api.redact import without_addresses
from airflow_clickmeeting.api.urls import token_url
from airflow_clickmeeting.datasets.columns import Column, integer, text
from airflow_clickmeeting.exceptions import NotFoundError, UnexpectedAnswerError, ValidationError
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.parallel import OrderedExecutor
from airflow_clickmeeting.people.people_list import Person

if TYPE_CHECKING:
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


# errors that concern one person; a wrong key or a failed network concerns all
OF_ONE_PERSON = (NotFoundError, ValidationError, UnexpectedAnswerError)


class NoLink(Exception):  # noqa: N818 - becomes a failure of one row
    """A person has no link; the message is the reason.

    :param permanent: whether the person would not have a link at a retry either.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Link(NamedTuple):
    """A link, and the secret in it."""

    url: str
    secret: str


class Links(ABC):
    """Base of the kinds of links into one room.

    :param hook: the account.
    :param room: the room, as ClickMeeting returned it.
    """

    columns: tuple[Column, ...] = (
        integer("row"),
        text("email", personal="email"),
        text("nickname", personal="nickname"),
        text("link"),
    )

    def __init__(self, hook: ClickMeetingHook, room: Room) -> None:
        self._hook = hook
        self._room = room

    @abstractmethod
    def of(self, person: Person) -> Link:
        """Return a person's link; several threads may do this at a time.

        :raises NoLink: if the person has none.
        """


class AutologinLinks(Links):
    """Links with which people enter without typing anything; ClickMeeting generates each on request.

    :param role: the role of the people in the room.
    :param password: the room's password, if it has one.
    :raises ValueError: if the room needs a password and none is given.
    """

    def __init__(self, hook: ClickMeetingHook, room: Room, role: str, password: str | None) -> None:
        super().__init__(hook, room)
        check_access(room, password=password)
        self._role = role
        self._password = password
        by_token = room.get("access_type") == validate.ACCESS_TYPES["token"]
        self._tokens = Tokens(hook, room) if by_token else None

    def of(self, person: Person) -> Link:
        if not person.display_name:
            raise NoLink("it has no nickname and no name for others to see", permanent=True)
        url = self._hook.generate_autologin_url(
            self._room["id"],
            room_url=self._room["room_url"],
            email=person.email,
            nickname=person.display_name,
            role=self._role,
            password=self._password,
            token=None if self._tokens is None else self._tokens.of(person),
        )
        return Link(url, url.rpartition("l=")[2])


class TokenLinks(Links):
    """Links with a person's own access token."""

    columns = (*Links.columns, text("token"))

    def __init__(self, hook: ClickMeetingHook, room: Room) -> None:
        super().__init__(hook, room)
        self._tokens = Tokens(hook, room)

    def of(self, person: Person) -> Link:
        token = self._tokens.of(person)
        return Link(token_url(self._room["room_url"], token), token)


class RegistrationLinks(Links):
    """Links that people received when they registered."""

    def __init__(self, hook: ClickMeetingHook, room: Room) -> None:
        super().__init__(hook, room)
        self._links: dict[str, Link] = {}
        for registration in hook.fetched(calls.list_registrations(room["id"]))():
            if email := registration.get("email"):
                link = Link(registration.get("url") or "", registration.get("r") or "")
                self._links[validate.email_key(email)] = link

    def of(self, person: Person) -> Link:
        link = self._links.get(person.key)
        if link is None:
            raise NoLink("nobody with this address is registered")
        if not link.url:
            raise NoLink("ClickMeeting does not return the link of this registration")
        return link


class Tokens:
    """The access tokens of a room by the e-mail address that each was sent to.

    :param hook: the account.
    :param room: the room, as ClickMeeting returned it.
    """

    def __init__(self, hook: ClickMeetingHook, room: Room) -> None:
        self._hook = hook
        self._room_id = room["id"]
        self._sent: dict[str, str] = {}
        for token in hook.list_tokens(self._room_id):
            if email := token.get("sent_to_email"):
                self._sent.setdefault(validate.email_key(email), token["token"])

    def of(self, person: Person) -> str:
        """Return a person's token from the list of tokens, or else from a request for the e-mail address.

        :raises NoLink: if the person has none.
        """
        if (token := self._sent.get(person.key)) is not None:
            return token
        try:
            tokens = self._hook.get_token_by_email(self._room_id, email=person.email)
        except NotFoundError:
            tokens = []
        if not tokens:
            raise NoLink("no token was sent to this address")
        return tokens[0]


def links_for(
    people: Iterable[Person], links: Links, max_parallel: int, failures: FailureLog
) -> Iterator[tuple[Person, Link]]:
    """Yield people with their links, in order; memory does not grow with their number.

    :param max_parallel: how many requests to send at a time.
    :param failures: gets the people without a link.
    """
    executor = OrderedExecutor(max_parallel)
    try:
        for person, link in executor.ordered((person, executor.start(links.of, person)) for person in people):
            try:
                yield person, link.result()
            except NoLink as none:
                failures.add(str(none), none.permanent, row=person.row)
            except OF_ONE_PERSON as error:
                failures.add(without_addresses(error.summary), failures.is_permanent(error), row=person.row)
    finally:
        executor.close()


def check_access(room: Room, **given: str | None) -> None:
    """Raise if a room needs a password or a token that is not given."""
    for name, value in given.items():
        if room.get("access_type") == validate.ACCESS_TYPES[name] and not value:
            raise ValueError(f"{name} is missing: room {room['id']} lets people in by {name}.")
