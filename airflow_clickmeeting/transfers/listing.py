"""What operators share that take a list of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.transfers.guests import GuestList
    from airflow_clickmeeting.transfers.people import People


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
        from airflow_clickmeeting.transfers.guests import GuestList

        return GuestList("people", self.people, sql=self.sql, conn_id=self.conn_id, columns=self.columns)
