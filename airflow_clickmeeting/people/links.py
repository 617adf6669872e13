"""Find or generate the link with which one person enters a room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
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


#: finds or generates a person's link, from several threads at a time, and raises `NoLink` if the person has none
LinkOf = Callable[[Person], Link]

COLUMNS: tuple[Column, ...] = (
    integer("row"),
    text("email", personal="email"),
    text("nickname", personal="nickname"),
    text("link"),
)
TOKEN_COLUMNS = (*COLUMNS, text("token"))


def autologin_links(hook: ClickMeetingHook, room: Room, role: str, password: str | None) -> LinkOf:
    """Return links with which people enter without typing anything; ClickMeeting generates each on request.

    :param hook: the account.
    :param room: the room, as ClickMeeting returned it.
    :param role: the role of the people in the room.
    :param password: the room's password, if it has one.
    :raises ValueError: if the room needs a password and none is given.
    """
    check_access(room, password=password)
    by_token = room.get("access_type") == validate.ACCESS_TYPES["token"]
    token_of = _tokens(hook, room) if by_token else None

    def link_of(person: Person) -> Link:
        if not person.display_name:
            raise NoLink("it has no nickname and no name for others to see", permanent=True)
        url = hook.generate_autologin_url(
            room["id"],
            room_url=room["room_url"],
            email=person.email,
            nickname=person.display_name,
            role=role,
            password=password,
            token=None if token_of is None else token_of(person),
        )
        return Link(url, url.rpartition("l=")[2])

    return link_of


def token_links(hook: ClickMeetingHook, room: Room) -> LinkOf:
    """Return links with a person's own access token."""
    token_of = _tokens(hook, room)

    def link_of(person: Person) -> Link:
        token = token_of(person)
        return Link(token_url(room["room_url"], token), token)

    return link_of


def registration_links(hook: ClickMeetingHook, room: Room) -> LinkOf:
    """Return the links that people received when they registered."""
    links: dict[str, Link] = {}
    for registration in hook.fetched(calls.list_registrations(room["id"]))():
        if email := registration.get("email"):
            link = Link(registration.get("url") or "", registration.get("r") or "")
            links[validate.email_key(email)] = link

    def link_of(person: Person) -> Link:
        link = links.get(person.key)
        if link is None:
            raise NoLink("nobody with this address is registered")
        if not link.url:
            raise NoLink("ClickMeeting does not return the link of this registration")
        return link

    return link_of


def _tokens(hook: ClickMeetingHook, room: Room) -> Callable[[Person], str]:
    """Return a function that finds a person's token in the list of tokens, or else requests it by e-mail address."""
    sent: dict[str, str] = {}
    for token in hook.list_tokens(room["id"]):
        if email := token.get("sent_to_email"):
            sent.setdefault(validate.email_key(email), token["token"])

    def token_of(person: Person) -> str:
        if (token := sent.get(person.key)) is not None:
            return token
        try:
            tokens = hook.get_token_by_email(room["id"], email=person.email)
        except NotFoundError:
            tokens = []
        if not tokens:
            raise NoLink("no token was sent to this address")
        return tokens[0]

    return token_of


def links_for(
    people: Iterable[Person], link_of: LinkOf, max_parallel: int, failures: FailureLog
) -> Iterator[tuple[Person, Link]]:
    """Yield people with their links, in order; memory does not grow with their number.

    :param max_parallel: how many requests to send at a time.
    :param failures: gets the people without a link.
    """
    with closing(OrderedExecutor(max_parallel)) as executor:
        for person, link in executor.ordered((person, executor.submit(link_of, person)) for person in people):
            try:
                yield person, link.result()
            except NoLink as none:
                failures.add(str(none), none.permanent, row=person.row)
            except OF_ONE_PERSON as error:
                failures.add(without_addresses(error.summary), failures.is_permanent(error), row=person.row)


def check_access(room: Room, **given: str | None) -> None:
    """Raise if a room needs a password or a token that is not given."""
    for name, value in given.items():
        if room.get("access_type") == validate.ACCESS_TYPES[name] and not value:
            raise ValueError(f"{name} is missing: room {room['id']} lets people in by {name}.")
