"""Operators for personal links into a room: one link for one person, or a file of links for a list of people."""

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
    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.datasets.table import Row
    from airflow_clickmeeting.failures import Failure
    from airflow_clickmeeting.people.links import Link, LinkOf
    from airflow_clickmeeting.people.people_list import Person
    from airflow_clickmeeting.storage import Path

__all__ = ["ClickMeetingExportJoinLinksOperator", "ClickMeetingGenerateAutologinUrlOperator"]

LINK_TYPES = ("autologin", "token", "registration")
FORMATS = ("csv", "jsonl", "csv.gz", "jsonl.gz")
SECRETS_PER_LINK = 2


class ClickMeetingGenerateAutologinUrlOperator(RoomOperator):
    """Generate a link with which one person enters a room without typing anything; a second run generates another link.

    :param email_address: the person's address. It is not called `email`, because every operator of Airflow has an
        `email` that receives alerts.
    :param nickname: the name that others see.
    :param role: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: the room's password; required in a room with access by password.
    :param token: the person's token; required in a room with access by token.
    :return: the link, which is masked in logs because whoever opens it enters as that person.
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
    """The file that was written, its numbers, and the first hundred rows that have no link."""

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

    Whoever opens such a link enters as that person, so the links are only in the file, neither in XCom nor in logs. The
    operator writes the file under a temporary name and then replaces the old file with it. A second run overwrites the
    file: auto-login links are new then, the others stay the same.

    The operator skips a row that is invalid or whose person has no link, and reports it as a failure. A wrong key, a
    lost connection, a rate limit or a server error fails the task at once, and the old file stays.

    :param path: the file, or a folder that ends in a slash, on any object storage. Its columns are `row`, `email`,
        `nickname`, `link`, and `token` if `link_type` is `token`.
    :param link_type: `autologin` generates links that need no typing: each person needs a nickname or a name, and in a
        room with access by token a token. `token` makes links with the tokens that ClickMeeting sent to the people.
        `registration` exports the links that people got when they registered.
    :param file_format: `csv`, `jsonl`, `csv.gz` or `jsonl.gz`; by default the ending of the path, and `csv` in a
        folder.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o600`. Until the
        file is complete, only its owner can read it. Object storages have no file modes; the rules of the bucket apply.
    :param escape_formulas: whether to put, in CSV, an apostrophe before nicknames and addresses that a spreadsheet
        would run as a formula. Turn it off for a program that must read such texts unchanged.
    :param role: the role of auto-login links: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: the room's password, which auto-login links require in a room with access by password.
    :param max_parallel: how many requests to send at a time, 1 to 64; the connection's `max_requests_per_second` limits
        all of them together.
    :param max_failures: how many rows may have no link before the task fails, which it does after it wrote the file: a
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
        "escape_formulas",
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
        escape_formulas: bool | Id = True,
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
        self.escape_formulas = escape_formulas
        self.role = role
        self.password = password
        self.max_parallel = max_parallel
        self.max_failures = max_failures

    def execute(self, context: Context) -> JoinLinksResult:
        """Check all rows, get a link for each valid one, write the file, and return its numbers.

        :raises ValueError: naming the argument and its valid values.
        :raises AirflowException: if more than `max_failures` rows have no link; an `AirflowFailException` if a retry
            would find the same.
        """
        from airflow_clickmeeting.failures import FailureLog
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS
        from airflow_clickmeeting.output.writers import format_of, rows_to
        from airflow_clickmeeting.people.links import COLUMNS, TOKEN_COLUMNS, links_for
        from airflow_clickmeeting.storage import is_local, located, open_atomic

        room_id = validate.identifier("room_id", self.room_id)
        link_type = validate.one_of("link_type", self.link_type, LINK_TYPES)
        validate.one_of("role", self.role, validate.ROLES)
        validate.secret("password", self.password)
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        file_mode = validate.permissions("file_mode", self.file_mode)
        escape_formulas = validate.decided("escape_formulas", self.escape_formulas)
        path = located(self.path, f"links-{room_id}.{self.file_format or 'csv'}")
        file_format = format_of(path.name, self.file_format, FORMATS)
        people_list = self.people_list()
        link_of = self._read_links(link_type, room_id)
        columns = TOKEN_COLUMNS if link_type == "token" else COLUMNS
        if not is_local(path):
            self.log.info("file_mode does not apply to %s, which is not a local file; its storage's rules apply", path)
        self.hook.log_level = logging.DEBUG  # the hook would log a line for each person
        failures = FailureLog(self.log, missing_may_pass=True)  # the room is there
        for row, reason, _ in people_list.invalid:
            failures.add(reason, True, row=row)
        found = self._mask_links(
            links_for(people_list.people, link_of, max_parallel, failures), people_list.people.count
        )
        with (
            open_atomic(path, file_mode) as file,
            rows_to(file, columns, file_format, escape_formulas=escape_formulas) as out,
        ):
            written = out.write(_row(person, link) for person, link in found)
        self.log.info("Wrote %d links into room %s to %s; %d rows have no link", written, room_id, path, failures.count)
        failures.log_counts()
        advice = (
            f"The other {written} links are in {path}, and a retry writes the whole file again. Correct the rows, or "
            "set a higher max_failures"
        )
        failures.check(max_failures, people_list.rows, advice)
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

    def _read_links(self, link_type: str, room_id: int) -> LinkOf:
        from airflow_clickmeeting.people.links import autologin_links, registration_links, token_links

        room: Room = self.hook.get_conference(room_id)
        if link_type == "autologin":
            return autologin_links(self.hook, room, self.role, self.password)
        return (token_links if link_type == "token" else registration_links)(self.hook, room)

    def _mask_links(self, found: Iterator[tuple[Person, Link]], count: int) -> Iterable[tuple[Person, Link]]:
        """Mask the links in logs, if they are few, and return them.

        Masking many secrets takes Airflow minutes. The operator logs no links, so many links stay unmasked.
        """
        if SECRETS_PER_LINK * count > MAX_MASKED:
            return found
        few = list(found)
        self.mask([secret for _, link in few for secret in link if secret])
        return few


def _row(person: Person, link: Link) -> Row:
    about = {"row": person.row, "email": person.email, "nickname": person.display_name or None}
    return {**about, "link": link.url, "token": link.secret}
