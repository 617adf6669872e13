"""Personal links into a room for the people of a list, in a file on any object storage."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import MOST_MASKED, RoomOperator
from airflow_clickmeeting.operators.bulk import GuestsOperator

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Room
    from airflow_clickmeeting.datasets.table import Row
    from airflow_clickmeeting.people.links import Link, Links
    from airflow_clickmeeting.people.people_list import Guest, Told
    from airflow_clickmeeting.storage import Path


KINDS = ("autologin", "token", "registration")
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


class Linked(TypedDict):
    """What was written, and the first hundred rows of `skipped_count` that have no link."""

    path: str
    format: str
    room_id: int
    kind: str
    rows: int
    links: int
    duplicates: int
    skipped: list[Told]
    skipped_count: int


class ClickMeetingJoinLinksOperator(GuestsOperator):
    """Write a file with a personal link into a room for each person of a list.

    Whoever opens such a link is that person, so links are in the file alone: neither in XCom nor in logs. The file is
    written beside its place and moved there whole. A second run overwrites it: auto-login links are made anew, the
    others stay the same. A row that is not valid, and who has no link, is skipped and told. A wrong key, a lost
    connection, a rate limit or a server's error fails the task at once, and leaves an older file as it was.

    :param path: the file, or a folder with a slash at its end, on any object storage. Its columns are `row`, `email`,
        `nickname`, `link`, and with tokens `token`.
    :param kind: `autologin` makes links that need no typing, for which each person needs a nickname or a name, and in a
        room with access by token a token; `token` takes the token that was sent to each; `registration` takes the link
        that each got by registering.
    :param file_format: `csv`, `jsonl`, `csv.gz` or `jsonl.gz`; by default what the path ends in, and in a folder `csv`.
    :param mode: who may read the file, as octal digits in a text or a number such as `0o600`, where it is a local one;
        until it is whole, it is its owner's alone. Object storages have no such thing: what their bucket says counts.
    :param role: of auto-login links: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: of auto-login links, needed where the room's access is by password.
    :param max_parallel: how many requests at a time, 1 to 64; the connection's `max_requests_per_second` is the pace of
        all together.
    :param fail_on_skipped: whether the task fails when somebody was skipped, after the file was written.
    :return: `path`, `format`, `room_id`, `kind`; the numbers of `rows`, `links` and `duplicates`; and what was
        `skipped`: `row` and `why` of the first 100; `skipped_count` is the number of all.
    """

    template_fields: Sequence[str] = (
        *GuestsOperator.template_fields,
        "path",
        "kind",
        "file_format",
        "role",
        "password",
        "max_parallel",
        "fail_on_skipped",
    )

    def __init__(
        self,
        *,
        path: Path,
        kind: str = "autologin",
        file_format: str | None = None,
        mode: Id = "600",
        role: str = "listener",
        password: str | None = None,
        max_parallel: Id = 8,
        fail_on_skipped: bool | Id = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.kind = kind
        self.file_format = file_format
        self.mode = mode
        self.role = role
        self.password = password
        self.max_parallel = max_parallel
        self.fail_on_skipped = fail_on_skipped

    def execute(self, context: Context) -> Linked:
        """Check all rows, then get a link for each, and write it."""
        from airflow_clickmeeting.hooks.transport_requests import MOST_CONNECTIONS
        from airflow_clickmeeting.output.writers import format_of
        from airflow_clickmeeting.people.links import links_for
        from airflow_clickmeeting.people.people_list import kept, told
        from airflow_clickmeeting.storage import is_local, located, permissions

        room_id = validate.identifier("room_id", self.room_id)
        kind = validate.one_of("kind", self.kind, KINDS)
        validate.one_of("role", self.role, validate.ROLES)
        validate.secret("password", self.password)
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MOST_CONNECTIONS)
        fail_on_skipped = validate.flag("fail_on_skipped", self.fail_on_skipped)
        mode = permissions("mode", self.mode)
        path = located(self.path, f"links-{room_id}.{self.file_format or 'csv'}")
        file_format = format_of(path.name, self.file_format, FORMATS)
        guest_list = self.guest_list()
        links = self._links(kind, room_id)
        if not is_local(path):
            self.log.info("mode does not apply to %s, which is no local file", path)
        self.hook.log_level = logging.DEBUG  # else there is a line for each person
        faults = [*guest_list.faults]
        found = self._masked(links_for(guest_list.guests, links, max_parallel, faults), len(guest_list.guests))
        written = _write(path, mode, file_format, links, found)
        self.log.info("%d links into room %s written, %d rows skipped: %s", written, room_id, len(faults), path)
        if faults and fail_on_skipped is not False:
            raise AirflowException(
                f"{written} links are in {path}, but {len(faults)} rows were skipped: {told(faults)}. "
                "fail_on_skipped=False would let it be."
            )
        return {
            "path": str(path),
            "format": file_format,
            "room_id": room_id,
            "kind": kind,
            "rows": guest_list.rows,
            "links": written,
            "duplicates": guest_list.duplicates,
            "skipped": kept(faults),
            "skipped_count": len(faults),
        }

    def _links(self, kind: str, room_id: int) -> Links:
        from airflow_clickmeeting.people.links import AutologinLinks, RegistrationLinks, TokenLinks

        room: Room = self.hook.get_conference(room_id)
        if kind == "autologin":
            return AutologinLinks(self.hook, room, self.role, self.password)
        return (TokenLinks if kind == "token" else RegistrationLinks)(self.hook, room)

    def _masked(self, found: Iterator[tuple[Guest, Link]], count: int) -> Iterable[tuple[Guest, Link]]:
        """Have few links masked in logs; of a crowd it would take Airflow minutes, so those are only not logged."""
        if SECRETS_OF_ONE * count > MOST_MASKED:
            return found
        few = list(found)
        self.mask([secret for _, link in few for secret in link if secret])
        return few


def _write(
    path: ObjectStoragePath, mode: int, file_format: str, links: Links, found: Iterable[tuple[Guest, Link]]
) -> int:
    """Write a file of its own, and return how many links are in it."""
    from airflow_clickmeeting.output.writers import rows_to
    from airflow_clickmeeting.storage import written_whole

    with written_whole(path, mode) as file, rows_to(file, links.columns, file_format) as out:
        return out.write(_row(guest, link) for guest, link in found)


def _row(guest: Guest, link: Link) -> Row:
    said = {"row": guest.row, "email": guest.email, "nickname": guest.shown or None}
    return {**said, "link": link.url, "token": link.secret}
