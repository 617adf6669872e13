"""Load data of ClickMeeting into a table of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.times import Length
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.transfers.base import DatasetOperator, ReadResult

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.fetch import Source
    from airflow_clickmeeting.datasets.scope import RoomOrSession
    from airflow_clickmeeting.datasets.table import Row
    from airflow_clickmeeting.output.upsert import Upserts

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
    that ClickMeeting no longer returns, but only if it could read the whole list of the session. If that list is less
    than half as long as in the table, this is a failure, and the old rows stay. It deletes nothing from the other
    datasets.

    The event of an asset among the task's outlets has `table`, `dataset` and `rows` in its extra.

    :param dataset: `conferences`, `sessions`, `attendees`, `registrations`, `recordings`, `attendance` or
        `attendance_summaries`.
    :param sql_conn_id: the connection to the database, of a type whose hook uses Airflow's common SQL provider.
    :param table: `table` or `schema.table`, case-sensitive; the schema must exist.
    :param allow_shrink: whether the rows of a session may become less than half as many, or none.
    :param rejoin_gap: as in `ClickMeetingExportAttendanceOperator`; only for `attendance` and `attendance_summaries`.
    :param join_sessions_within: the same. When the operator loads an event, it deletes the rows that its later sessions
        have from loads without this argument.
    :return: `table`, `dataset`, the numbers of `rows`, `rooms` and `sessions`, the first hundred `failures`,
        each with `room_id`, `session_id` if it concerns a session, and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "dataset",
        "sql_conn_id",
        "table",
        "allow_shrink",
        "rejoin_gap",
        "join_sessions_within",
    )

    def __init__(
        self,
        *,
        dataset: str,
        sql_conn_id: str,
        table: str,
        allow_shrink: bool | Id = False,
        rejoin_gap: timedelta | float | str | None = None,
        join_sessions_within: Length | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.allow_shrink = allow_shrink
        self.rejoin_gap = rejoin_gap
        self.join_sessions_within = join_sessions_within

    def source(self) -> Source:
        """Return the source of the dataset."""
        from airflow_clickmeeting.datasets.sources import AttendanceSource

        found = super().source()
        if isinstance(found, AttendanceSource):
            return found.of(self.rejoin_gap or 0, self.join_sessions_within)
        for name in ("rejoin_gap", "join_sessions_within"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} must be left out: it is for attendance only, not for {found.dataset.name}.")
        return found

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

        allow_shrink = validate.decided("allow_shrink", self.allow_shrink)
        with self.create_reader(context) as reader, database(self.sql_conn_id) as engine:
            table = declared(reader.dataset, self.table)
            prepare(engine, table)
            places = [place for _, found in reader.find_places() for place in found]
            with engine.begin() as connection:
                rows = write_rows(reader, places, Upserts(connection, table), allow_shrink=allow_shrink)
            url = address(engine, table)
        self.log.info("Wrote %d rows of %s to the table %s", rows, reader.dataset.name, self.table)
        about = {"table": self.table, "dataset": reader.dataset.name, "rows": rows}
        report_outputs(reader.hook, self.outlets, context, {url: about}, about)
        return cast("LoadResult", {**about, **self.conclude(reader, rows)})


def write_rows(reader: DatasetReader, places: Iterable[RoomOrSession], upserts: Upserts, *, allow_shrink: bool) -> int:
    """Write the rows of all places, delete the old rows of each session that was read as a whole, and return how many.

    A session, or its room, that has a failure keeps its old rows, since the list may lack good rows.
    """
    failures = reader.failures.by_place
    before, count = failures.copy(), 0
    for place, rows in reader.read_rows(places):
        if rows is None:
            continue
        old = upserts.keys_of(place.ids)
        old_count, new_count = len(old), upserts.write(with_key(reader, place, rows), old)
        count += new_count
        # an event has its rows under its first session
        old.update(*(upserts.keys_of(part.ids) for part in place.parts[1:]))
        ids = [(place.room_id, None), *((part.room_id, part.session_id) for part in place.parts)]
        if old and not any(failures[each] > before[each] for each in ids):
            if allow_shrink or new_count * 2 >= old_count:
                upserts.delete(old)
            else:
                reason = (
                    f"{reader.dataset.name}: the list has {new_count} rows now, less than half of the {old_count} in "
                    "the table, so no row was deleted; if the list is right, set allow_shrink"
                )
                reader.failures.add(reason, **place.ids)
    return count


def with_key(reader: DatasetReader, place: RoomOrSession, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows of a place; one without a complete key becomes a failure, since a table cannot hold it."""
    for row in rows:
        if missing := [name for name in reader.dataset.key if row[name] is None]:
            reader.failures.add(f"{reader.dataset.name}: a row without {', '.join(missing)}", **place.ids)
        else:
            yield row
