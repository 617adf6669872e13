"""Invitations in batches, each noted in a ledger before it is sent and after, so that nobody gets a second mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_clickmeeting.api.redact import without_addresses
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
)
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.people.ledger import Entry, Ledger
from airflow_clickmeeting.people.people_list import InvalidRow, Person, format_rows

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


T = TypeVar("T")

ON_UNCERTAIN = ("skip", "resend", "fail")
IN_DOUBT = ("sending", "uncertain")
SMALLER = 10
# what would be wrong with every batch
OF_ALL = (AuthenticationError, NotFoundError, RateLimitedError, ConnectionFailedError)


class BulkInviter:
    """Sends invitations to guests, but for those of whom the ledger says that they have, or may have, got theirs.

    :param hook: the account.
    :param room_id: the room, which is read before anything is sent, and after each answer that was lost.
    :param invitation: makes the call for a batch.
    :param ledger: knows who was sent what.
    :param on_uncertain: what becomes of a batch that may have been sent: `skip`, `resend` or `fail`.
    :param batch_size: how many people a call invites at most.
    """

    def __init__(
        self,
        hook: ClickMeetingHook,
        room_id: int,
        invitation: Callable[[Sequence[Person]], Call[Any]],
        ledger: Ledger,
        on_uncertain: str,
        batch_size: int,
    ) -> None:
        self._hook = hook
        self._room_id = room_id
        self._invitation = invitation
        self._ledger = ledger
        self._on_uncertain = on_uncertain
        self._batch_size = batch_size
        self.rows: dict[str, list[int]] = defaultdict(list)
        self.failures = FailureLog(hook.log)
        self._doubted: set[Person] = set()

    def note_invalid(self, rows: Iterable[InvalidRow]) -> None:
        """Note rows that name nobody who could be invited."""
        for row, reason, given in rows:
            self._ledger.put(None, row=row, outcome="invalid", why=reason, given=given)
            self.rows["invalid"].append(row)
            self.failures.add(reason, row=row)

    def send(self, people: Iterable[Person]) -> None:
        """Send what is to be sent, a batch after the other.

        :raises ClickMeetingError: when it would fail with every batch.
        :raises AirflowFailException: when a batch is uncertain, and `on_uncertain` is `fail`.
        """
        wanted = [person for person in people if self._is_wanted(person)]
        if self._on_uncertain == "fail" and self.rows["uncertain"]:
            raise self._uncertainty("nothing was sent")
        if not wanted:
            return
        self._hook.get_conference(self._room_id)
        for number, batch in enumerate(self._batches(wanted), start=1):
            self._send(number, batch)

    def _is_wanted(self, person: Person) -> bool:
        entry = self._ledger.get(person.email)
        if entry is None or entry["outcome"] not in ("sent", *IN_DOUBT):
            return True
        if entry["outcome"] == "sent":
            self.rows["already_sent"].append(person.row)
        elif self._on_uncertain == "resend":
            self._doubted.add(person)
            return True
        else:
            self._settle([person], "uncertain", **_doubt(entry))
        return False

    def _batches(self, people: Iterable[Person]) -> Iterator[list[Person]]:
        """Split guests; those of a batch that was refused go in smaller ones, so that in the end one stands alone."""
        by_size: dict[int, list[Person]] = defaultdict(list)
        for person in people:
            refused: Any = (self._ledger.get(person.email) or {}).get("refused")
            size = max(1, refused // SMALLER) if refused else self._batch_size
            by_size[min(size, self._batch_size)].append(person)
        for size, together in sorted(by_size.items(), reverse=True):
            yield from _parts(together, size)

    def _send(self, number: int, batch: list[Person]) -> None:
        call = self._invitation(batch)
        more: dict[str, Any] = {"batch": number, "at": self._hook.now().isoformat(timespec="seconds")}
        self._put(batch, "sending", **more)
        # this writes what became of the batch before as well
        self._ledger.flush()
        try:
            self._hook.run(call)
        except ClickMeetingError as error:
            if _had_no_effect(error):
                self._refuse(batch, error, more)
            else:
                self._doubt(call, batch, error, more)
        else:
            self._settle(batch, "sent", **more)

    def _refuse(self, batch: list[Person], error: ClickMeetingError, more: dict[str, Any]) -> None:
        """Note a batch that was certainly not sent now, and go on with the others if it is not the fault of all."""
        of_all = isinstance(error, OF_ALL)
        more["refused"] = None if of_all else len(batch)
        # who may have got a mail from a run before still may
        doubted = [person for person in batch if person in self._doubted]
        self._settle(doubted, "uncertain", str(error), **more)
        self._settle([person for person in batch if person not in self._doubted], "failed", str(error), **more)
        if of_all:
            raise error.adding(f"{len(self.rows['sent'])} people were invited before; another try goes on") from error

    def _doubt(self, call: Call[Any], batch: list[Person], error: ClickMeetingError, more: dict[str, Any]) -> None:
        """Handle a batch that may have been sent."""
        if self._on_uncertain == "resend":
            self._hook.log.warning("Sent again, for it is uncertain whether it was: %s", without_addresses(str(error)))
            try:
                self._hook.run(call)
            except ClickMeetingError as again:
                error = again
            else:
                return self._settle(batch, "sent", **more)
        self._settle(batch, "uncertain", str(error), **more)
        rows = format_rows(person.row for person in batch)
        self._hook.log.warning("It is uncertain whether %s were invited: %s", rows, without_addresses(str(error)))
        if self._on_uncertain == "fail":
            raise self._uncertainty("the others were not tried") from error
        # trouble that lasts shall make one batch uncertain, and not all
        self._hook.get_conference(self._room_id)
        return None

    def _settle(self, people: Sequence[Person], outcome: str, why: str | None = None, **more: Any) -> None:
        self._put(people, outcome, why, **more)
        self.rows[outcome] += [person.row for person in people]
        if outcome == "failed":
            for person in people:
                self.failures.add(without_addresses(why or ""), row=person.row)

    def _put(self, people: Iterable[Person], outcome: str, why: str | None = None, **more: Any) -> None:
        for person in people:
            self._ledger.put(person.email, row=person.row, outcome=outcome, why=why, **more)

    def _uncertainty(self, rest: str) -> AirflowFailException:
        rows = self.rows["uncertain"]
        return AirflowFailException(
            f"It is uncertain whether {len(rows)} people got their invitation, {format_rows(rows)}; {rest}. The ledger "
            f"{self._ledger.path} names them. on_uncertain='skip' would leave them out, 'resend' would write again."
        )


def _had_no_effect(error: ClickMeetingError) -> bool:
    """Tell whether certainly nothing was sent: no request got through, or ClickMeeting refused it."""
    return error.problem.no_effect or 400 <= (error.code or 0) < 500


def _doubt(entry: Entry) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name in ("batch", "at")}
    return {**kept, "why": entry.get("why") or "the task ended before an answer came"}


def _parts(items: Sequence[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
