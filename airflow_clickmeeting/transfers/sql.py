"""Load data of ClickMeeting into a table of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.times import Length
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.transfers.base import DatasetOperator, ReadResult

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.fetch import Source
    from airflow_clickmeeting.datasets.scope import RoomOrSession
    from airflow_clickmeeting.datasets.table import Batch, Row
    from airflow_clickmeeting.output.spool import Extent, Spool
    from airflow_clickmeeting.output.upsert import Upserts

__all__ = ["ClickMeetingToSqlOperator"]

#: bytes of rows that wait in memory; more are in a temporary file
MAX_IN_MEMORY = 8 << 20


class LoadResult(ReadResult):
    """The result of a load: the table, the dataset, and how many rows were loaded."""

    table: str
    dataset: str
    rows: int


class ClickMeetingToSqlOperator(DatasetOperator):
    """Load a dataset into a table of a database.

    It loads into PostgreSQL, MySQL, MariaDB, SQLite and DuckDB. For another database, export to Parquet, and load the
    files with the database's own loader.

    The operator creates the table if it does not exist. If an existing table does not fit, or the database is another
    one, the task fails before the first request to ClickMeeting. All rows are read first and then written in one
    transaction: if reading or writing stops with an error, the table stays as it was.

    The operator upserts rows by the dataset's key: it inserts new rows and updates changed ones, so a second run
    changes nothing if ClickMeeting's data are the same. For datasets of sessions it also deletes the rows of a session
    that ClickMeeting no longer returns, but only if it could read the whole list of the session. If that list is less
    than half as long as in the table, this is a failure, and the old rows stay. It deletes nothing from the other
    datasets.

    The event of an asset among the task's outlets has `table`, `dataset` and `rows` in its extra.

    :param dataset: `conferences`, `sessions`, `attendees`, `poll_answers`, `registrations`, `recordings`, `attendance`
        or `attendance_summaries`.
    :param sql_conn_id: the connection to the database, of the type `postgres`, `mysql`, `sqlite` or `duckdb`, or of
        another one whose hook has a SQLAlchemy engine for one of these databases.
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
        from airflow_clickmeeting.scratch import ScratchFile

        try:
            from airflow_clickmeeting.output.database import address, database
            from airflow_clickmeeting.output.spool import Spool
            from airflow_clickmeeting.output.table import declared, prepare
            from airflow_clickmeeting.output.upsert import Upserts
        except ImportError as error:
            raise ModuleNotFoundError(
                "Loading into databases needs the extra sql. Run pip install 'airflow-clickmeeting[sql]' on the "
                "workers, then clear this task."
            ) from error

        allow_shrink = validate.decided("allow_shrink", self.allow_shrink)
        with (
            self.create_reader(context) as reader,
            database(self.sql_conn_id, to_load=True) as engine,
            ScratchFile(MAX_IN_MEMORY) as file,
        ):
            spool = Spool(file)
            table = declared(reader.dataset, self.table)
            prepare(engine, table)
            places = [place for _, found in reader.find_places() for place in found]
            batches = spool_rows(reader, places, spool)
            self.log.info("Read %s; comparing them with the table %s", reader.dataset.name, self.table)
            with engine.begin() as connection:
                upserts = Upserts(connection, table)
                rows = write_rows(reader, batches, spool, upserts, allow_shrink=allow_shrink)
            url = address(engine, table)
        self.log.info("Wrote %d rows of %s to the table %s", rows, reader.dataset.name, self.table)
        about = {"table": self.table, "dataset": reader.dataset.name, "rows": rows}
        report_outputs(reader.hook, reader.dataset.name, self.outlets, context, {url: about}, about)
        return cast("LoadResult", {**about, **self.conclude(reader, rows)})


class PlaceRows(NamedTuple):
    """The rows of a place in the spool, and whether they are all that it has."""

    place: RoomOrSession
    rows: Extent
    complete: bool


def spool_rows(reader: DatasetReader, places: Iterable[RoomOrSession], spool: Spool) -> list[PlaceRows]:
    """Read the rows of all places into the spool, and return those places that could be read.

    A session that has a failure, or whose room has one, is not complete, since its list may lack good rows.
    """
    failures = reader.failures.by_place
    before, found = failures.copy(), []
    for place, batches in reader.read_batches(places):
        if batches is not None:
            rows = spool.add([*batch.values()] for batch in with_key(reader, place, batches))
            ids = [(place.room_id, None), *session_ids(place)]
            found.append(PlaceRows(place, rows, not any(failures[each] > before[each] for each in ids)))
    return found


def write_rows(
    reader: DatasetReader, read: Iterable[PlaceRows], spool: Spool, upserts: Upserts, *, allow_shrink: bool
) -> int:
    """Write the rows of all places, delete the other rows of each complete session, and return how many are written."""
    read = [*read]
    before = upserts.count_rows(each for place, _, _ in read for each in session_ids(place))
    count, kept = upserts.write(batch for _, rows, _ in read for batch in spool.read(rows))
    for place, rows, complete in read:
        first, *others = sessions = session_ids(place)
        # an event has its rows under its first session
        if complete and (before[first] != kept[first] or any(before[each] for each in others)):
            if allow_shrink or rows.rows * 2 >= before[first]:
                upserts.delete_others(sessions, spool.read(rows))
            else:
                reason = (
                    f"{reader.dataset.name}: the list has {rows.rows} rows now, less than half of the "
                    f"{before[first]} in the table, so no row was deleted; if the list is right, set allow_shrink"
                )
                reader.failures.add(reason, **place.ids)
    return count


def session_ids(place: RoomOrSession) -> list[tuple[int, int | None]]:
    """Return the ids of the room and of each session that count as this place."""
    return [(part.room_id, part.session_id) for part in place.parts]


def with_key(reader: DatasetReader, place: RoomOrSession, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the rows of a place; one without a complete key becomes a failure, since a table cannot hold it."""
    from airflow_clickmeeting.datasets.table import rows_of

    dataset = reader.dataset

    def has_key(row: Row) -> bool:
        if missing := [name for name in dataset.key if row[name] is None]:
            reader.failures.add(f"{dataset.name}: a row without {', '.join(missing)}", **place.ids)
        return not missing

    for batch in batches:
        if any(None in batch[name] for name in dataset.key):
            yield dataset.batch(filter(has_key, rows_of(batch)))
        else:
            yield batch
