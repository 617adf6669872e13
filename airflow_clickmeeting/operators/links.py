"""Personal links into a room for the people of a list, in a file on any object storage."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import MAX_MASKED, RoomOperator
from airflow_clickmeeting.operators.bulk import RoomPeopleOperator

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.datasets.table import Row
    from airflow_clickmeeting.failures import Failure
    from airflow_clickmeeting.people.links import Link, Links
    from airflow_clickmeeting.people.people_list import Person
    from airflow_clickmeeting.storage import Path


LINK_TYPES = ("autologin", "token", "registration")
FORMATS = ("csv", "jsonl", "csv.gz", "jsonl.gz")
SECRETS_OF_ONE = 2


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
        from airflow_clickmeeting.people.links import check_access

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


class JoinLinksResult(TypedDict):
    """What was written, and the first hundred rows that have no link."""

    path: str
    format: str
    room_id: int
    link_type: str
    rows: int
    links: int
    duplicates: int
    failures: list[Failure]
    failure_count: int


class ClickMeetingExportJoinLinksOperator(RoomPeopleOperator):
    """Write a file with a personal link into a room for each person of a list.

    Whoever opens such a link is that person, so links are in the file alone: neither in XCom nor in logs. The file is
    written beside its place and moved there whole. A second run overwrites it: auto-login links are made anew, the
    others stay the same. A row that is not valid, and who has no link, is skipped and told. A wrong key, a lost
    connection, a rate limit or a server's error fails the task at once, and leaves an older file as it was.

    :param path: the file, or a folder with a slash at its end, on any object storage. Its columns are `row`, `email`,
        `nickname`, `link`, and with tokens `token`.
    :param link_type: `autologin` makes links that need no typing, for which each person needs a nickname or a name,
        and in a room with access by token a token; `token` takes the token that was sent to each; `registration` takes
        the link that each got by registering.
    :param file_format: `csv`, `jsonl`, `csv.gz` or `jsonl.gz`; by default what the path ends in, and in a folder `csv`.
    :param file_mode: who may read the file, as octal digits in a text or a number such as `0o600`, where it is local;
        until it is whole, only its owner may. Object storages have no file modes: their buckets' rules count.
    :param role: of auto-login links: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: of auto-login links, needed where the room's access is by password.
    :param max_parallel: how many requests at a time, 1 to 64; the connection's `max_requests_per_second` is the pace of
        all together.
    :param max_failures: how many rows may be without a link before the task fails, after the file was written: a
        number, or a float below 1 as a share of all rows.
    :return: `path`, `format`, `room_id`, `link_type`; the numbers of `rows`, `links` and `duplicates`; the first
        hundred `failures`, each with `row` and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (
        *RoomPeopleOperator.template_fields,
        "path",
        "link_type",
        "file_format",
        "file_mode",
        "role",
        "password",
        "max_parallel",
        "max_failures",
    )

    def __init__(
        self,
        *,
        path: Path,
        link_type: str = "autologin",
        file_format: str | None = None,
        file_mode: Id = "600",
        role: str = "listener",
        password: str | None = None,
        max_parallel: Id = 8,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.link_type = link_type
        self.file_format = file_format
        self.file_mode = file_mode
        self.role = role
        self.password = password
        self.max_parallel = max_parallel
        self.max_failures = max_failures

    def execute(self, context: Context) -> JoinLinksResult:
        """Check all rows, then get a link for each, and write it."""
        from airflow_clickmeeting.failures import FailureLog
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS
        from airflow_clickmeeting.output.writers import format_of
        from airflow_clickmeeting.people.links import links_for
        from airflow_clickmeeting.storage import is_local, located, permissions

        room_id = validate.identifier("room_id", self.room_id)
        link_type = validate.one_of("link_type", self.link_type, LINK_TYPES)
        validate.one_of("role", self.role, validate.ROLES)
        validate.secret("password", self.password)
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        file_mode = permissions("file_mode", self.file_mode)
        path = located(self.path, f"links-{room_id}.{self.file_format or 'csv'}")
        file_format = format_of(path.name, self.file_format, FORMATS)
        people_list = self.people_list()
        links = self._links(link_type, room_id)
        if not is_local(path):
            self.log.info("file_mode does not apply to %s, which is no local file", path)
        self.hook.log_level = logging.DEBUG  # else there is a line for each person
        failures = FailureLog(self.log)
        for row, reason, _ in people_list.invalid:
            failures.add(reason, row=row)
        found = self._masked(links_for(people_list.people, links, max_parallel, failures), len(people_list.people))
        written = _write(path, file_mode, file_format, links, found)
        self.log.info("Wrote %d links into room %s to %s; %d rows have none", written, room_id, path, failures.count)
        failures.log_counts()
        failures.check(max_failures, people_list.rows, f"{written} links are in {path}. A retry writes the file again.")
        return {
            "path": str(path),
            "format": file_format,
            "room_id": room_id,
            "link_type": link_type,
            "rows": people_list.rows,
            "links": written,
            "duplicates": people_list.duplicates,
            "failures": failures.kept,
            "failure_count": failures.count,
        }

    def _links(self, link_type: str, room_id: int) -> Links:
        from airflow_clickmeeting.people.links import AutologinLinks, RegistrationLinks, TokenLinks

        room: Room = self.hook.get_conference(room_id)
        if link_type == "autologin":
            return AutologinLinks(self.hook, room, self.role, self.password)
        return (TokenLinks if link_type == "token" else RegistrationLinks)(self.hook, room)

    def _masked(self, found: Iterator[tuple[Person, Link]], count: int) -> Iterable[tuple[Person, Link]]:
        """Have few links masked in logs; of a crowd it would take Airflow minutes, so those are only not logged."""
        if SECRETS_OF_ONE * count > MAX_MASKED:
            return found
        few = list(found)
        self.mask([secret for _, link in few for secret in link if secret])
        return few


def _write(
    path: ObjectStoragePath, file_mode: int, file_format: str, links: Links, found: Iterable[tuple[Person, Link]]
) -> int:
    """Write a file of its own, and return how many links are in it."""
    from airflow_clickmeeting.output.writers import rows_to
    from airflow_clickmeeting.storage import open_atomic

    with open_atomic(path, file_mode) as file, rows_to(file, links.columns, file_format) as out:
        return out.write(_row(person, link) for person, link in found)


def _row(person: Person, link: Link) -> Row:
    said = {"row": person.row, "email": person.email, "nickname": person.shown or None}
    return {**said, "link": link.url, "token": link.secret}
