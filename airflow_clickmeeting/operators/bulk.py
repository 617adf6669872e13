"""Base classes of operators for lists of people."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import ROOM_LINKS
from airflow_clickmeeting.operators.base import ClickMeetingOperator, StatefulOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.people.people_list import People, PeopleList
    from airflow_clickmeeting.people.register import BulkResult
    from airflow_clickmeeting.storage import Path


class PeopleOperator(ClickMeetingOperator):
    """Base of operators for a list of people, which may come from a database.

    :param people: dicts with one person each, or the path of a file on any object storage: CSV with a header, or JSON
        lines, by its ending `.csv` or `.jsonl`, perhaps with `.gz`.
    :param sql: a query instead of a list, whose columns are used like those of a file; also a file `.sql` beside the
        DAG.
    :param sql_conn_id: the database of the query, of any type whose hook uses Airflow's common SQL provider.
    :param columns: fields by the list's own column names, if these are different; None leaves a column out.
    :param encoding: the encoding of a file of people, such as `cp1250`, `iso-8859-2` or `utf-16`; by default UTF-8,
        with or without a byte order mark.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "people",
        "sql",
        "sql_conn_id",
        "columns",
        "encoding",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        people: People | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        encoding: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.people = people
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.columns = columns
        self.encoding = encoding


class RoomPeopleOperator(PeopleOperator):
    """Base of operators that do something for each person of a list, and for one room.

    Columns match by common names such as `email`, `E-mail` or `Email Address`, `first_name` or `First Name`, `surname`,
    `nickname` or `Full Name`, in any case; with `columns`, other names match `email`, `firstname`, `lastname` or
    `nickname`. Columns that match nothing are ignored. A person who is in the list twice counts as in the first valid
    row.

    :param room_id: the room's id.
    """

    template_fields: Sequence[str] = (*PeopleOperator.template_fields, "room_id")
    operator_extra_links = ROOM_LINKS

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id

    #: the function in `people.columns` that matches columns with fields
    columns_of: ClassVar[str] = "contact_columns"

    def people_list(self) -> PeopleList:
        """Read and check all rows.

        :raises ValueError: for wrong arguments, for a list without anybody, and for a file that cannot be read.
        """
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.people import columns as people_columns
        from airflow_clickmeeting.people.people_list import PeopleList

        columns = getattr(people_columns, self.columns_of)(validate.table("columns", self.columns))
        source = {"sql": self.sql, "sql_conn_id": self.sql_conn_id, "encoding": self.encoding}
        return PeopleList("people", self.people, columns, **source)


class BulkOperator(StatefulOperator, PeopleOperator):
    """Base of operators that send each person of a list with a request of its own.

    The operator checks all rows first, and then sends the valid ones; a person who is in the list twice is sent once,
    as in the first valid row. Requests without a clear response are tried in three rounds. After twenty refusals in a
    row for the same reason, the operator does not send the rest. Names and addresses are neither logged nor returned.

    :param ledger: a JSON lines file on any object storage, or a folder that ends in a slash, that keeps the outcome of
        each person. With the same ledger, another try or task sends only those who have not been sent. A task fails
        before it sends anything if another task holds the ledger, or if it does not find the ledger of an earlier try.
    :param file_mode: the permissions of a local ledger, as octal digits in a text or a number such as `0o640`; by
        default only the owner can read it.
    :param max_parallel: how many requests to send at a time, 1 to 64; the connection's `max_requests_per_second` limits
        the rate of all requests together.
    :param max_failures: how many rows may be invalid or fail before the task fails, after all were tried: a number, or
        a float below 1 as a share of all rows.
    """

    template_fields: Sequence[str] = (
        *PeopleOperator.template_fields,
        "ledger",
        "file_mode",
        "max_parallel",
        "max_failures",
    )
    state_fields = ("ledger",)
    # without a ledger, people may be contacted twice
    decisive_fields = ("ledger",)
    #: what the ledger is of
    operation: ClassVar[str]
    #: the class in `people.forms` that sends people, and the operator's arguments that it takes
    target: ClassVar[str]
    target_arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        file_mode: Id = "600",
        max_parallel: Id = 8,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ledger = ledger
        self.file_mode = file_mode
        self.max_parallel = max_parallel
        self.max_failures = max_failures

    def execute(self, context: Context) -> BulkResult:
        """Check all rows, and send the people who have not been sent.

        :raises ValueError: naming the argument and its valid values.
        :raises AirflowException: if more rows failed than `max_failures`; an `AirflowFailException` if no retry can
            send any of them.
        :raises AirflowException: if another task holds the ledger, or took it over; an `AirflowFailException` if an
            earlier try or run began a ledger that is not there.
        :raises ClickMeetingError: for an error that concerns every person, such as a wrong key.
        """
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS
        from airflow_clickmeeting.people import forms
        from airflow_clickmeeting.people.ledger import Ledger
        from airflow_clickmeeting.people.people_list import PeopleList
        from airflow_clickmeeting.people.register import BulkRegistrar

        arguments = {name: getattr(self, name) for name in self.target_arguments}
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        mode = validate.permissions("file_mode", self.file_mode)
        given = validate.table("columns", self.columns)
        room_id = validate.identifier("room_id", arguments["room_id"]) if "room_id" in arguments else None
        self.hook = hook = ClickMeetingHook(self.clickmeeting_conn_id)
        with Ledger(self.ledger, self.operation, room_id, mode=mode, context=context) as ledger:
            target = getattr(forms, self.target)(hook, **arguments)
            source = {"sql": self.sql, "sql_conn_id": self.sql_conn_id, "encoding": self.encoding}
            people = PeopleList("people", self.people, target.columns(given), **source)
            hook.log_level = logging.DEBUG  # the hook would log a line for each person
            registrar = BulkRegistrar(target, ledger, self.log, max_parallel)
            registrar.send(people)
        return registrar.conclude(max_failures)
