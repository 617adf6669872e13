"""What ClickMeeting knows into a table of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import Context

from airflow_clickmeeting.transfers.base import DatasetOperator, ReadResult

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.scope import RoomOrSession
    from airflow_clickmeeting.datasets.table import Row


class LoadResult(ReadResult):
    """What was loaded: the table, the dataset, and how many rows came."""

    table: str
    dataset: str
    rows: int


class ClickMeetingToSqlOperator(DatasetOperator):
    """Load a dataset into a table of a database.

    The table is made when it is not there; one that does not fit is refused before ClickMeeting is asked. All rows come
    in one transaction: when the task fails on its way, the table stays as it was.

    A second run changes nothing while ClickMeeting answers the same: by the dataset's key, new rows are inserted and
    those that have changed are updated. Datasets of sessions have each session's rows as they are now, and those that
    are not among them any more are deleted; a session that was skipped, or has no rows, keeps those of before. Of the
    other datasets nothing is deleted.

    The event of an asset among the task's outlets has `table`, `dataset` and `rows` in its extra.

    :param dataset: `conferences`, `sessions`, `attendees`, `registrations`, `recordings`, `attendance` or
        `attendance_summaries`.
    :param sql_conn_id: the connection to the database, of any type that has a hook of Airflow's common SQL provider.
    :param table: `table` or `schema.table`, letter for letter; the schema must be there.
    :return: `table`, `dataset`, the numbers of `rows`, `rooms` and `sessions`, the first hundred `failures`,
        each with `room_id`, perhaps `session_id`, and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "dataset", "sql_conn_id", "table")

    def __init__(self, *, dataset: str, sql_conn_id: str, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.sql_conn_id = sql_conn_id
        self.table = table

    def execute(self, context: Context) -> LoadResult:
        """Collect, and write."""
        from airflow_clickmeeting.output.outlets import tell_of

        try:
            from airflow_clickmeeting.output.database import address, database
            from airflow_clickmeeting.output.table import declared, prepare
            from airflow_clickmeeting.output.upsert import Upserts
        except ImportError as error:
            raise ModuleNotFoundError("Databases need more: pip install 'airflow-clickmeeting[sql]'") from error

        with self.collection(context) as collection, database(self.sql_conn_id) as engine:
            table = declared(collection.dataset, self.table)
            prepare(engine, table)
            places = [place for _, found in collection.find() for place in found]
            with engine.begin() as connection:
                rows = Upserts(connection, table).write(with_keys(collection, places))
            where = address(engine, table)
        self.log.info("%d rows of %s are in the table %s", rows, collection.dataset.name, self.table)
        about = {"table": self.table, "dataset": collection.dataset.name, "rows": rows}
        tell_of(self.hook, self.outlets, context, {where: about}, about)
        return cast("LoadResult", {**about, **self.conclude(collection, rows)})


def with_keys(collection: DatasetReader, places: Iterable[RoomOrSession]) -> Iterator[Row]:
    """Yield the rows of all places, but for those without a key, which no table could tell apart."""
    key = collection.dataset.key
    for place, rows in collection.rows(places):
        for row in rows or ():
            if missing := [name for name in key if row[name] is None]:
                reason = f"{collection.dataset.name}: a row without {', '.join(missing)}"
                collection.failures.add(reason, **place.ids)
            else:
                yield row
