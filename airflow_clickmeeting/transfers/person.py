"""Write what an account holds of one person into a file, for access requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import FILE_LINKS, ROOM_LINKS
from airflow_clickmeeting.transfers.base import RoomsOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.person import PersonalData
    from airflow_clickmeeting.failures import Failure
    from airflow_clickmeeting.storage import Path

__all__ = ["ClickMeetingExportPersonOperator"]

ADVICE = (
    "No file was written, and a retry searches everything again. Correct what failed, or set max_failures to get a "
    "file that names what could not be searched"
)


class PersonResult(TypedDict):
    """The path of the file, the numbers of what was found and searched, and the first hundred failures."""

    path: str
    registrations: int
    attendances: int
    tokens: int
    chats: int
    rooms: int
    sessions: int
    complete: bool
    failures: list[Failure]
    failure_count: int


class ClickMeetingExportPersonOperator(RoomsOperator):
    """Write what the account holds of one person, found by e-mail address, into a JSON file, for an access request.

    The operator finds the person's registrations, their entries into sessions with ratings and answers to polls, the
    tokens that were sent to them, and the entries of the index of chats for the sessions that they attended. It
    compares addresses without regard to upper and lower case, and also those in the fields of registration forms.

    The file says what was searched, what could not be, and what the API cannot show. If more than `max_failures` rooms,
    sessions or items cannot be read, the task fails without a file, and an older file stays. The address is neither in
    logs, errors and failures, nor in the result.

    It sends one request per page of the list of rooms, and all but the last one twice; two per room, one per room with
    access by token, one per session, and one for the index of chats. For rooms that are named by `room_id`, it reads
    each room instead of the list. It only reads, so a second run writes the same data again.

    :param email_address: the person's e-mail address. Airflow shows it among the task's rendered templates.
    :param path: the file, on any object storage; not a folder, so that two people do not share a file. Since paths are
        in logs, it must not contain the address.
    :param file_mode: the permissions of a local file, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read it. Object storages have no file modes.
    :param include_secrets: whether the file has what lets somebody in: personal links and tokens.
    :return: `path`; the numbers of `registrations`, `attendances`, `tokens` and `chats` that were found, and of `rooms`
        and `sessions` that were searched; `complete`, whether all of them could be read; the first hundred `failures`,
        each with `room_id`, `session_id` if it concerns a session, and `reason`; and `failure_count`.
    """

    dataset = "conferences"
    template_fields: Sequence[str] = (*RoomsOperator.template_fields, "email_address", "path", "file_mode")
    operator_extra_links = (*ROOM_LINKS, *FILE_LINKS)

    def __init__(self, *, email_address: str, path: Path, file_mode: Id = "600", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.email_address = email_address
        self.path = path
        self.file_mode = file_mode

    def execute(self, context: Context) -> PersonResult:
        """Search all rooms and sessions, write the file, and return the numbers.

        :raises ValueError: naming the argument and its valid values.
        :raises AirflowException: if there are more failures than accepted.
        """
        from airflow_clickmeeting.datasets.person import find_person
        from airflow_clickmeeting.output.outlets import report_outputs
        from airflow_clickmeeting.storage import located, open_atomic

        address = self._address()
        target = located(self.path, "")
        file_mode = validate.permissions("file_mode", self.file_mode)
        with self.create_reader(context) as reader:
            found = find_person(reader, address, include_secrets=self.include_secrets)
        failures = reader.failures
        if failures.count:
            self.check_failures(failures, failures.count + found.lists, ADVICE)
        content = json.dumps(_content(reader, address, found), ensure_ascii=False, indent=2)
        with open_atomic(target, file_mode) as file:
            file.write(content.encode("utf-8", "surrogatepass"))
        self.written = [str(target)]
        about = {"path": str(target), "format": "json"}
        report_outputs(reader.hook, "person", self.outlets, context, {str(target): about}, about)
        numbers = {**found.counts, "rooms": found.searched["rooms"], "sessions": found.searched["sessions"]}
        self.log.info("Wrote %s; found and searched: %s", target, numbers)
        outcome = {"complete": not failures.count, "failures": failures.kept, "failure_count": failures.count}
        return cast("PersonResult", {"path": str(target), **numbers, **outcome})

    def _address(self) -> str:
        """Validate the address and the path; the errors do not show the address."""
        address = str(self.email_address).strip()
        if not validate.is_email(address):
            raise ValueError("email_address must be an e-mail address; the value is not shown, since it is personal.")
        if isinstance(self.path, str) and self.path.endswith("/"):
            raise ValueError("path must be a file, not a folder, so that two people do not share a file.")
        if address.casefold() in str(self.path).casefold():
            raise ValueError("path must not contain the e-mail address, since paths are in logs; use another name.")
        return address


def _content(reader: DatasetReader, address: str, found: PersonalData) -> dict[str, Any]:
    from airflow_clickmeeting.datasets.person import NOT_SEARCHED

    failures = reader.failures
    places = sorted(failures.by_place, key=lambda place: (place[0] or 0, place[1] or 0))
    return {
        "email_address": address,
        "searched_at": reader.hook.now().isoformat(timespec="seconds"),
        "complete": not failures.count,
        "searched": dict(found.searched),
        "not_read": [{"room_id": room_id, "session_id": session_id} for room_id, session_id in places],
        "failures": failures.kept,
        "not_searched": NOT_SEARCHED,
        "registrations": found.registrations,
        "attendances": found.attendances,
        "tokens": found.tokens,
        "chats": found.chats,
    }
