"""What operators share that take a list of people."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.people.forms import Form
    from airflow_clickmeeting.people.ledger import Ledger
    from airflow_clickmeeting.people.people_list import GuestList
    from airflow_clickmeeting.people.read import People
    from airflow_clickmeeting.people.results import Done, Outcomes
    from airflow_clickmeeting.storage import Path


class ListOperator(ClickMeetingOperator):
    """Base of operators for a list of people, which may come from a database.

    :param sql: a query instead of a list, whose columns are as a file's; also a file `.sql` beside the DAG.
    :param conn_id: the database that the query is for, of any type that has a hook of Airflow's common SQL provider.
    :param columns: fields by the list's own names of columns, where those are others; None leaves a column out.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "sql", "conn_id", "columns")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow has it

    def __init__(
        self,
        *,
        sql: str | None = None,
        conn_id: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.conn_id = conn_id
        self.columns = columns


class GuestsOperator(ListOperator):
    """Base of operators that do something for each person of a list, and for one room.

    A column is understood by names such as `email`, `E-mail` or `Email Address`, `first_name` or `First Name`,
    `surname`, `nickname` or `Full Name`, in whatever case; `columns` says others for `email`, `firstname`, `lastname`
    or `nickname`. Columns that match none are not looked at. Who is there twice counts as in the first valid row.

    :param room_id: the room's id.
    :param people: dicts with one person each, or the path of a file on any object storage: CSV with a header, or JSON
        lines, by its ending `.csv` or `.jsonl`, perhaps with `.gz`.
    """

    template_fields: Sequence[str] = (*ListOperator.template_fields, "room_id", "people")

    def __init__(self, *, room_id: Id, people: People | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.people = people

    def guest_list(self) -> GuestList:
        """Read and check all rows.

        :raises ValueError: when the arguments make no sense, when there is nobody, or when a file cannot be read.
        """
        from airflow_clickmeeting.people.people_list import GuestList

        return GuestList("people", self.people, sql=self.sql, conn_id=self.conn_id, columns=self.columns)


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
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.hooks.transport_requests import MOST_CONNECTIONS
        from airflow_clickmeeting.people.ledger import Ledger
        from airflow_clickmeeting.people.results import Outcomes

        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MOST_CONNECTIONS)
        max_failures = validate.whole_number("max_failures", self.max_failures, least=0)
        max_failure_share = (
            0 if self.max_failure_share is None else validate.share("max_failure_share", self.max_failure_share)
        )
        with Ledger(self.ledger, self.operation, self.room()) as ledger:
            outcomes = Outcomes(ledger, self.log)
            self._send(ledger, outcomes, max_parallel)
        self.log.info("%s", str(outcomes))
        outcomes.check(max_failures, max_failure_share)
        return outcomes.result()

    def _send(self, ledger: Ledger, outcomes: Outcomes, max_parallel: int) -> None:
        from airflow_clickmeeting.people.people_list import roster
        from airflow_clickmeeting.people.read import people_from
        from airflow_clickmeeting.people.register import Sender

        people = people_from(
            "participants", self.participants, sql=self.sql, conn_id=self.conn_id, skip=outcomes.invalid
        )
        form = self.form()
        rows = roster(people, form.columns(self.columns), form.email, form.fault, outcomes)
        self.hook.log_level = logging.DEBUG  # else there is a line for each person
        Sender(form, ledger, outcomes, max_parallel).send(rows)
