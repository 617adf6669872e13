"""Load data of ClickMeeting into a table of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import Context

from airflow_clickmeeting.transfers.base import DatasetOperator, ReadResult

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.scope import RoomOrSession
    from airflow_clickmeeting.datasets.table import Row

__all__ = ["ClickMeetingToSqlOperator"]


class LoadResult(ReadResult):
    """The result of a load: the table, the dataset, and how many rows were loaded."""

    table: str
    dataset: str
    rows: int


class ClickMeetingToSqlOperator(DatasetOperator):
    """Load a dataset into a table of a database.

    The operator creates the table if it does not exist. If an existing table does not fit, the task fails before the
    first request to ClickMeeting. All rows are written in one transaction: if reading or writing stops with an error,
    the table stays as it was.

    The operator upserts rows by the dataset's key: it inserts new rows and updates changed ones, so a second run
    changes nothing if ClickMeeting's data are the same. For datasets of sessions it also deletes the rows of a session
    that ClickMeeting no longer returns; a session that failed, or has no rows, keeps its old rows. It deletes nothing
    from the other datasets.

    The event of an asset among the task's outlets has `table`, `dataset` and `rows` in its extra.

    :param dataset: `conferences`, `sessions`, `attendees`, `registrations`, `recordings`, `attendance` or
        `attendance_summaries`.
    :param sql_conn_id: the connection to the database, of a type whose hook uses Airflow's common SQL provider.
    :param table: `table` or `schema.table`, case-sensitive; the schema must exist.
    :return: `table`, `dataset`, the numbers of `rows`, `rooms` and `sessions`, the first hundred `failures`,
        each with `room_id`, `session_id` if it concerns a session, and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "dataset", "sql_conn_id", "table")

    def __init__(self, *, dataset: str, sql_conn_id: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.sql_conn_id = sql_conn_id
        self.table = table

    def execute(self, context: Context) -> LoadResult:
        """Read the dataset, write the table, and return the result."""
        from airflow_clickmeeting.output.outlets import report_outputs

        try:
            from airflow_clickmeeting.output.database import address, database
            from airflow_clickmeeting.output.table import declared, prepare
            from airflow_clickmeeting.output.upsert import Upserts
        except ImportError as error:
            raise ModuleNotFoundError(
                "Loading into databases needs the extra sql: pip install 'airflow-clickmeeting[sql]'"
            ) from error

        with self.create_reader(context) as reader, database(self.sql_conn_id) as engine:
            table = declared(reader.dataset, self.table)
            prepare(engine, table)
            places = [place for _, found in reader.find_places() for place in found]
            with engine.begin() as connection:
                rows = Upserts(connection, table).write(read_rows_with_key(reader, places))
            url = address(engine, table)
        self.log.info("Wrote %d rows of %s to the table %s", rows, reader.dataset.name, self.table)
        about = {"table": self.table, "dataset": reader.dataset.name, "rows": rows}
        report_outputs(reader.hook, self.outlets, context, {url: about}, about)
        return cast("LoadResult", {**about, **self.conclude(reader, rows)})


def read_rows_with_key(reader: DatasetReader, places: Iterable[RoomOrSession]) -> Iterator[Row]:
    """Yield the rows of all places; rows without a complete key become failures, since a table cannot hold them."""
    key = reader.dataset.key
    for place, rows in reader.read_rows(places):
        for row in rows or ():
            if missing := [name for name in key if row[name] is None]:
                reason = f"{reader.dataset.name}: a row without {', '.join(missing)}"
                reader.failures.add(reason, **place.ids)
            else:
                yield row
