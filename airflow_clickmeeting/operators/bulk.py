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
    from airflow_clickmeeting.people.forms import Target
    from airflow_clickmeeting.people.ledger import Ledger
    from airflow_clickmeeting.people.people_list import PeopleList
    from airflow_clickmeeting.people.read import People
    from airflow_clickmeeting.people.results import BulkResult, Outcomes
    from airflow_clickmeeting.storage import Path


class PeopleSourceOperator(ClickMeetingOperator):
    """Base of operators for a list of people, which may come from a database.

    :param sql: a query instead of a list, whose columns are as a file's; also a file `.sql` beside the DAG.
    :param sql_conn_id: the database of the query, of any type that has a hook of Airflow's common SQL provider.
    :param columns: fields by the list's own names of columns, where those are others; None leaves a column out.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "sql", "sql_conn_id", "columns")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow has it

    def __init__(
        self,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.columns = columns


class RoomPeopleOperator(PeopleSourceOperator):
    """Base of operators that do something for each person of a list, and for one room.

    A column is understood by names such as `email`, `E-mail` or `Email Address`, `first_name` or `First Name`,
    `surname`, `nickname` or `Full Name`, in whatever case; `columns` says others for `email`, `firstname`, `lastname`
    or `nickname`. Columns that match none are not looked at. Who is there twice counts as in the first valid row.

    :param room_id: the room's id.
    :param people: dicts with one person each, or the path of a file on any object storage: CSV with a header, or JSON
        lines, by its ending `.csv` or `.jsonl`, perhaps with `.gz`.
    """

    template_fields: Sequence[str] = (*PeopleSourceOperator.template_fields, "room_id", "people")

    def __init__(self, *, room_id: Id, people: People | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.people = people

    def people_list(self) -> PeopleList:
        """Read and check all rows.

        :raises ValueError: when the arguments make no sense, when there is nobody, or when a file cannot be read.
        """
        from airflow_clickmeeting.people.people_list import PeopleList

        return PeopleList("people", self.people, sql=self.sql, sql_conn_id=self.sql_conn_id, columns=self.columns)


class PeopleOperator(PeopleSourceOperator):
    """Base of operators that send each person of a list.

    All rows are checked first. Those that are not valid are told, and the others are sent; somebody who is there twice
    is sent once, as in the first valid row. What ClickMeeting gives no clear answer to is tried in three rounds. When
    twenty in turn are refused alike, the rest is not tried. Nobody's name or address is logged or returned.

    :param people: dicts with one person each, or the path of a file on any object storage: CSV with a header, or
        JSON lines, by its ending `.csv` or `.jsonl`, perhaps with `.gz`.
    :param ledger: a JSON lines file on any object storage, or a folder with a slash at its end, that keeps what became
        of each person. With the same one, another try or task sends only those who have not been sent.
    :param max_parallel: how many requests at a time, 1 to 64; the connection's `max_requests_per_second` is the pace of
        all together.
    :param max_failures: how many rows may be invalid or fail before the task does, after all were tried: a number, or
        a float below 1 as a share of all rows.
    """

    template_fields: Sequence[str] = (
        *PeopleSourceOperator.template_fields,
        "people",
        "ledger",
        "max_parallel",
        "max_failures",
    )
    operation: str

    def __init__(
        self,
        *,
        people: People | None = None,
        ledger: Path | None = None,
        max_parallel: Id = 8,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.people = people
        self.ledger = ledger
        self.max_parallel = max_parallel
        self.max_failures = max_failures

    @abstractmethod
    def form(self) -> Target:
        """Return what is filled in for each person.

        :raises ValueError: naming an argument and what it may be.
        """

    def room(self) -> int | None:
        """Return the room, if it is for one."""
        return None

    def execute(self, context: Context) -> BulkResult:
        """Check all rows, then send those that are not there."""
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS
        from airflow_clickmeeting.people.ledger import Ledger
        from airflow_clickmeeting.people.results import Outcomes

        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        with Ledger(self.ledger, self.operation, self.room()) as ledger:
            outcomes = Outcomes(ledger, self.log)
            self._send(ledger, outcomes, max_parallel)
        outcomes.check(max_failures)
        return outcomes.result()

    def _send(self, ledger: Ledger, outcomes: Outcomes, max_parallel: int) -> None:
        from airflow_clickmeeting.people.people_list import roster
        from airflow_clickmeeting.people.read import people_from
        from airflow_clickmeeting.people.register import BulkRegistrar

        people = people_from("people", self.people, sql=self.sql, sql_conn_id=self.sql_conn_id, skip=outcomes.invalid)
        form = self.form()
        rows = roster(people, form.columns(self.columns), form.email, form.fault, outcomes)
        self.hook.log_level = logging.DEBUG  # else there is a line for each person
        BulkRegistrar(form, ledger, outcomes, max_parallel).send(rows)
