"""Send invitations in batches; the ledger records each batch before and after, so that nobody gets a second mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.redact import without_addresses
from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
)
from airflow_clickmeeting.failures import Failure, FailureLog
from airflow_clickmeeting.people.ledger import Ledger
from airflow_clickmeeting.people.people_list import InvalidRow, Person, format_rows

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


ON_UNCERTAIN = ("skip", "resend", "fail")
IN_DOUBT = ("sending", "uncertain")
SMALLER = 10
# errors that would concern every batch
OF_ALL = (AuthenticationError, NotFoundError, RateLimitedError, ConnectionFailedError)


class InviteResult(TypedDict):
    """The numbers of rows by outcome, and the first hundred rows that are uncertain or failed."""

    room_id: int
    rows: int
    sent: int
    unchanged: int
    duplicates: int
    invalid: int
    failed: int
    uncertain: int
    uncertain_rows: list[int]
    failures: list[Failure]
    failure_count: int
    ledger: str


@dataclass
class BulkInviter:
    """Sends invitations to people, except those who have or may have their invitation, according to the ledger.

    :param hook: the account.
    :param room_id: the room, which is read before anything is sent, and after each lost response.
    :param invitation: builds the call for a batch.
    :param ledger: knows who was invited, and keeps the outcome of each person.
    :param on_uncertain: what to do with a batch that may have been sent: `skip`, `resend` or `fail`.
    :param batch_size: the highest number of people in a request.
    """

    hook: ClickMeetingHook
    room_id: int
    invitation: Callable[[Sequence[Person]], Call[Any]]
    ledger: Ledger
    on_uncertain: str
    batch_size: int
    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)
    # the keys of people whom an earlier run may have invited
    _uncertain_before: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.failures = FailureLog(self.hook.log)

    def add_invalid(self, rows: Iterable[InvalidRow]) -> None:
        """Record rows without a valid person."""
        for row, reason, given in rows:
            self.ledger.put(None, row=row, outcome="invalid", why=reason, given=given)
            self.rows["invalid"].append(row)
            self.failures.add(reason, True, row=row)

    def send(self, people: Iterable[Person]) -> None:
        """Send the invitations that are to be sent, one batch after the other.

        :raises ClickMeetingError: for an error that concerns every batch.
        :raises AirflowFailException: if a batch is uncertain, and `on_uncertain` is `fail`.
        """
        wanted = [person for person in people if self._is_wanted(person)]
        if self.on_uncertain == "fail" and self.rows["uncertain"]:
            raise self._uncertain_error("nothing was sent")
        if not wanted:
            return
        self.hook.run(calls.get_conference(self.room_id))
        for number, batch in enumerate(self._batches(wanted), start=1):
            self._send(number, batch)

    def _is_wanted(self, person: Person) -> bool:
        entry = self.ledger.get(person.key)
        if entry is None or entry["outcome"] not in ("sent", *IN_DOUBT):
            return True
        if entry["outcome"] == "sent":
            self.rows["already_sent"].append(person.row)
        elif self.on_uncertain == "resend":
            self._uncertain_before.add(person.key)
            return True
        else:
            kept: dict[str, Any] = {name: value for name, value in entry.items() if name in ("batch", "at")}
            why = entry.get("why") or "the task ended before it had a response"
            self._settle([person], "uncertain", why, **kept)
        return False

    def _batches(self, people: Iterable[Person]) -> Iterator[list[Person]]:
        """Split people into batches of one role; those of a refused batch go in smaller ones, in the end alone."""
        groups: dict[tuple[int, str], list[Person]] = defaultdict(list)
        for person in people:
            refused: Any = (self.ledger.get(person.key) or {}).get("refused")
            size = max(1, refused // SMALLER) if refused else self.batch_size
            groups[min(size, self.batch_size), person.role].append(person)
        for (size, _), group in sorted(groups.items(), reverse=True):
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def _send(self, number: int, batch: list[Person]) -> None:
        call = self.invitation(batch)
        more: dict[str, Any] = {"batch": number, "at": self.hook.now().isoformat(timespec="seconds")}
        self._put(batch, "sending", **more)
        # This also writes the outcome of the previous batch, and fails if another task holds the ledger by now. A task
        # that takes the ledger over after this write reads here that the batch may have been sent.
        self.ledger.flush()
        self.ledger.check()
        try:
            self.hook.run(call)
        except ClickMeetingError as error:
            if _had_no_effect(error):
                self._refuse(batch, error, more)
            else:
                self._doubt(call, batch, error, more)
        else:
            self._settle(batch, "sent", **more)

    def _refuse(self, batch: list[Person], error: ClickMeetingError, more: dict[str, Any]) -> None:
        """Record a batch that was certainly not sent, and raise if the error concerns every batch."""
        of_all = isinstance(error, OF_ALL)
        more["refused"] = None if of_all else len(batch)
        # a retry sends the people of a larger batch in smaller ones
        permanent = len(batch) == 1 and self.failures.is_permanent(error)
        # people whom an earlier run may have invited stay uncertain
        for person in batch:
            before = person.key in self._uncertain_before
            self._settle([person], "uncertain" if before else "failed", error.summary, permanent=permanent, **more)
        if of_all:
            raise error.adding(f"{len(self.rows['sent'])} people were invited before; a retry continues") from error

    def _doubt(self, call: Call[Any], batch: list[Person], error: ClickMeetingError, more: dict[str, Any]) -> None:
        """Handle a batch that may have been sent."""
        if self.on_uncertain == "resend":
            self.hook.log.warning(
                "Sending a batch again, since its outcome is uncertain and on_uncertain is resend: %s",
                without_addresses(error.summary),
            )
            self.ledger.check()
            try:
                self.hook.run(call)
            except ClickMeetingError as again:
                error = again
            else:
                return self._settle(batch, "sent", **more)
        self._settle(batch, "uncertain", error.summary, **more)
        rows = format_rows(person.row for person in batch)
        self.hook.log.warning(
            "It is uncertain whether %s were invited; on_uncertain decides what happens to them: %s",
            rows,
            without_addresses(error.summary),
        )
        if self.on_uncertain == "fail":
            raise self._uncertain_error("the remaining batches were not tried") from error
        # stop here if ClickMeeting still does not respond, so that not every batch becomes uncertain
        self.hook.run(calls.get_conference(self.room_id))
        return None

    def _settle(
        self, people: Sequence[Person], outcome: str, why: str | None = None, *, permanent: bool = False, **more: Any
    ) -> None:
        self._put(people, outcome, why, **more)
        self.rows[outcome] += [person.row for person in people]
        if outcome == "failed":
            for person in people:
                self.failures.add(without_addresses(why or ""), permanent, row=person.row)

    def _put(self, people: Iterable[Person], outcome: str, why: str | None = None, **more: Any) -> None:
        for person in people:
            self.ledger.put(person.key, row=person.row, outcome=outcome, why=why, **more)

    def _uncertain_error(self, rest: str) -> AirflowFailException:
        rows = self.rows["uncertain"]
        return AirflowFailException(
            f"It is uncertain whether {len(rows)} people got their invitation, {format_rows(rows)}; {rest}. The ledger "
            f"{self.ledger.path} names them. Set on_uncertain='skip' to leave them out, or 'resend' to write again, "
            "then clear this task."
        )


def _had_no_effect(error: ClickMeetingError) -> bool:
    """Return whether certainly nothing was sent: the request did not arrive, or ClickMeeting refused it."""
    return error.problem.no_effect or 400 <= (error.code or 0) < 500
