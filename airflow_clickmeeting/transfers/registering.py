"""Lists of people into a room's registrations, and into the account's address book."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.transfers.listing import ListOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path
    from airflow_clickmeeting.transfers.forms import Form
    from airflow_clickmeeting.transfers.ledger import Ledger
    from airflow_clickmeeting.transfers.outcomes import Done, Outcomes
    from airflow_clickmeeting.transfers.people import People


class PeopleOperator(ListOperator):
    """Base of operators that send each person of a list.

    All rows are checked first. Those that are not valid are told, and the others are sent; somebody who is there twice
    is sent once, as in the first valid row. What ClickMeeting gives no clear answer to is tried in three rounds. When
    twenty in turn are refused alike, the rest is not tried. Nobody's name or address is logged or returned.

    :param participants: dicts with one person each, or the path of a file on any object storage: CSV with a header, or
        JSON lines, by its ending `.csv` or `.jsonl`, perhaps with `.gz`.
    :param ledger: a JSON lines file on any object storage, or a folder with a slash at its end, that keeps what became
        of each person. With the same one, another try or task sends only those who have not been sent.
    :param max_parallel: how many requests at a time, 1 to 64; the connection's `max_requests_per_second` is the pace of
        all together.
    :param max_failures: how many rows may be invalid or fail before the task does, after all were tried.
    :param max_failure_share: as part of all rows, from 0 to 1; where both are given, either may allow it.
    """

    template_fields: Sequence[str] = (
        *ListOperator.template_fields,
        "participants",
        "ledger",
        "max_parallel",
        "max_failures",
        "max_failure_share",
    )
    operation: str

    def __init__(
        self,
        *,
        participants: People | None = None,
        ledger: Path | None = None,
        max_parallel: Id = 8,
        max_failures: Id = 0,
        max_failure_share: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.participants = participants
        self.ledger = ledger
        self.max_parallel = max_parallel
        self.max_failures = max_failures
        self.max_failure_share = max_failure_share

    @abstractmethod
    def form(self) -> Form:
        """Return what is filled in for each person.

        :raises ValueError: naming an argument and what it may be.
        """

    def room(self) -> int | None:
        """Return the room, if it is for one."""
        return None

    def execute(self, context: Context) -> Done:
        """Check all rows, then send those that are not there."""
        from airflow_clickmeeting.api import values
        from airflow_clickmeeting.hooks.requests_transport import MOST_CONNECTIONS
        from airflow_clickmeeting.transfers.ledger import Ledger
        from airflow_clickmeeting.transfers.outcomes import Outcomes

        max_parallel = values.whole_number("max_parallel", self.max_parallel, most=MOST_CONNECTIONS)
        max_failures = values.whole_number("max_failures", self.max_failures, least=0)
        max_failure_share = (
            0 if self.max_failure_share is None else values.share("max_failure_share", self.max_failure_share)
        )
        with Ledger(self.ledger, self.operation, self.room()) as ledger:
            outcomes = Outcomes(ledger, self.log)
            self._send(ledger, outcomes, max_parallel)
        self.log.info("%s", str(outcomes))
        outcomes.check(max_failures, max_failure_share)
        return outcomes.result()

    def _send(self, ledger: Ledger, outcomes: Outcomes, max_parallel: int) -> None:
        from airflow_clickmeeting.transfers.people import people_from
        from airflow_clickmeeting.transfers.roster import roster
        from airflow_clickmeeting.transfers.sending import Sender

        people = people_from(
            "participants", self.participants, sql=self.sql, conn_id=self.conn_id, skip=outcomes.invalid
        )
        form = self.form()
        rows = roster(people, form.columns(self.columns), form.email, form.fault, outcomes)
        self.hook.log_level = logging.DEBUG  # else there is a line for each person
        Sender(form, ledger, outcomes, max_parallel).send(rows)


class ClickMeetingRegisterParticipantsOperator(PeopleOperator):
    """Register the people of a list for a room.

    A second run registers nobody again, and so causes no second mail: with the ledger, or by the room's own list of
    registrations, which is read first. Whose answer was lost is looked up there before they are sent again. The room is
    read as well: columns go to the fields of its form by label in whatever case, or number; the standard three also by
    names such as `first_name`, `surname` and `e-mail`.

    :param room_id: a room with registration on.
    :param confirmation_email: whether ClickMeeting writes to the people; by default ClickMeeting decides.
    :param lang: the language of that mail.
    :return: the numbers of `rows`, `duplicates`, and by outcome `created`, `already_registered`, `invalid` and
        `failed`, of this and earlier tries with the same ledger; the path of the `ledger`; and the first hundred
        `faults`, each with `row`, `outcome` and `why`.
    """

    template_fields: Sequence[str] = (*PeopleOperator.template_fields, "room_id", "confirmation_email", "lang")
    operation = "registrations"

    def __init__(
        self, *, room_id: Id, confirmation_email: bool | Id | None = None, lang: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.confirmation_email = confirmation_email
        self.lang = lang

    def room(self) -> int:
        """Return the room."""
        from airflow_clickmeeting.api.values import identifier

        return identifier("room_id", self.room_id)

    def form(self) -> Form:
        """Read the room."""
        from airflow_clickmeeting.transfers.forms import RegistrationForm

        return RegistrationForm(self.hook, self.room(), confirmation_email=self.confirmation_email, lang=self.lang)


class ClickMeetingCreateContactsOperator(PeopleOperator):
    """Put the people of a list into the account's address book, or update those that are there.

    A second run with the same ledger sends only who is missing in it; without a ledger it sends all again, which
    changes nothing. Columns are `email`, `firstname`, `lastname`, which are needed, `phone`, `company` and `country`,
    two letters, also written as `First Name`, `e-mail` and the like.

    :return: the numbers of `rows`, `duplicates`, and by outcome `created` (or updated: ClickMeeting does not tell),
        `already_registered` (always 0), `invalid` and `failed`, of this and earlier tries with the same ledger; the
        path of the `ledger`; and the first hundred `faults`, each with `row`, `outcome` and `why`.
    """

    operation = "contacts"

    def form(self) -> Form:
        """Return a card."""
        from airflow_clickmeeting.transfers.forms import ContactForm

        return ContactForm(self.hook)
