"""What exports and loads share: whose data they take, and what becomes of what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context

from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.scope import Interval, Scope
    from airflow_clickmeeting.datasets.sources import Source
    from airflow_clickmeeting.datasets.table import Dataset
    from airflow_clickmeeting.failures import Failure

ADVICE = "Everything else was read and written. Set max_failures to accept this; a retry does everything again."


class ReadResult(TypedDict):
    """What was read: rooms, sessions, and the first hundred failures."""

    rooms: int
    sessions: int
    failures: list[Failure]
    failure_count: int


class RoomsOperator(ClickMeetingOperator):
    """Base of operators that take data of rooms.

    What cannot be read of one room does not sink the rest: a room or session that ClickMeeting does not find or fails
    to tell about, or a row with a value that does not fit, is skipped, logged and returned. A wrong key, a lost
    connection and a rate limit fail the task at once.

    :param room_id: a room's id, a list of them, or None for the whole account, active and inactive rooms.
    :param max_parallel: how many requests at a time, 1 to 64; the connection's `max_requests_per_second` is the pace of
        all together.
    :param max_failures: how much may fail before the task does, after all else was done: a number of rooms, sessions
        and rows, or a float below 1 as a share of them.
    :param pseudonymise: names of personal columns to replace by keyed hashes, with the key from one of the following.
    :param pseudonym_conn_id: a connection whose password is the key.
    :param pseudonym_variable: an Airflow variable that is the key.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "room_id",
        "max_parallel",
        "max_failures",
        "pseudonymise",
        "pseudonym_conn_id",
        "pseudonym_variable",
    )
    dataset: str

    def __init__(
        self,
        *,
        room_id: Id | Sequence[Id] | None = None,
        max_parallel: Id = 8,
        max_failures: float | str = 0,
        pseudonymise: Sequence[str] | None = None,
        pseudonym_conn_id: str | None = None,
        pseudonym_variable: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.max_parallel = max_parallel
        self.max_failures = max_failures
        self.pseudonymise = pseudonymise
        self.pseudonym_conn_id = pseudonym_conn_id
        self.pseudonym_variable = pseudonym_variable

    def source(self) -> Source:
        """Return where the dataset comes from."""
        from airflow_clickmeeting.api.validate import one_of
        from airflow_clickmeeting.datasets.sources import SOURCES

        return SOURCES[one_of("dataset", self.dataset, SOURCES)]()

    def scope(self, source: Source, context: Context) -> Scope:
        """Return whose data is wanted."""
        from airflow_clickmeeting.datasets.scope import scope_of

        return scope_of(self.room_id)

    def collection(self, context: Context) -> DatasetReader:
        """Check all arguments, and return what there is to collect, before anything is sent.

        :raises ValueError: naming the argument and what it may be.
        """
        from airflow_clickmeeting.api.validate import max_failures, whole_number
        from airflow_clickmeeting.datasets.collect import DatasetReader
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS

        source = self.source()
        scope = self.scope(source, context)
        dataset = self._pseudonymised(source.dataset)
        max_failures("max_failures", self.max_failures)
        max_parallel = whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        return DatasetReader(self.hook, source, scope, dataset, max_parallel, self.log)

    def conclude(self, reader: DatasetReader, rows: int) -> ReadResult:
        """Return what was read, or fail when more failed than may.

        :param rows: how many rows were read.
        """
        from airflow_clickmeeting.api.validate import max_failures
        from airflow_clickmeeting.failures import allowed_failures

        failures = reader.failures
        failures.log_counts()
        allowed, total = max_failures("max_failures", self.max_failures), failures.count + reader.batches + rows
        # where nothing else was asked for, its error says more
        if failures.error and failures.count == 1 > allowed_failures(allowed, total) and not reader.batches:
            raise failures.error
        failures.check(allowed, total, ADVICE)
        return {
            "rooms": reader.rooms,
            "sessions": reader.sessions,
            "failures": failures.kept,
            "failure_count": failures.count,
        }

    def _pseudonymised(self, dataset: Dataset) -> Dataset:
        from airflow_clickmeeting.datasets.pseudonyms import pseudonymised

        sources = [self.pseudonym_conn_id, self.pseudonym_variable]
        keys = sum(each is not None for each in sources)
        if self.pseudonymise is None and not keys:
            return dataset
        if self.pseudonymise is None:
            raise ValueError("pseudonymise is missing: it names the columns that the key is for.")
        if keys != 1:
            raise ValueError(
                "pseudonymise needs a key: give either pseudonym_conn_id, a connection whose password it is, "
                "or pseudonym_variable, an Airflow variable."
            )
        return pseudonymised(dataset, self.pseudonymise, self._pseudonym_key())

    def _pseudonym_key(self) -> str:
        from airflow.sdk import BaseHook, Variable

        if self.pseudonym_conn_id is not None:
            return BaseHook.get_connection(self.pseudonym_conn_id).password or ""
        return str(Variable.get(str(self.pseudonym_variable)))


class PeriodOperator(RoomsOperator):
    """Base of operators that take data of a time.

    By default that is the run's data interval, so that daily runs and backfills neither overlap nor leave gaps. Where
    there is none, or an empty one, as in manual runs and with Airflow 3's usual timetable for cron expressions, there
    are no bounds: give incremental DAGs `schedule=CronDataIntervalTimetable(...)`.

    :param since: from when on, an aware datetime or ISO 8601 text; with only one of the two, the other end is open.
    :param until: before when.
    """

    template_fields: Sequence[str] = (*RoomsOperator.template_fields, "since", "until")

    def __init__(self, *, since: When | None = None, until: When | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.until = until

    def scope(self, source: Source, context: Context) -> Scope:
        """Return whose data is wanted, and of what time."""
        from airflow_clickmeeting.datasets.scope import scope_of

        return scope_of(self.room_id, None, self.since, self.until, self._interval(context))

    def _interval(self, context: Context) -> Interval:
        interval = context.get("data_interval_start"), context.get("data_interval_end")
        if self.since is None and self.until is None and (None in interval or interval[0] == interval[1]):
            self.log.info("This run has no data interval, and no since or until is given: there are no bounds")
        return interval


class DatasetOperator(PeriodOperator):
    """Base of operators that take any dataset; subclasses set `dataset` to its name.

    :param session_id: the only session, whenever it was; its room must be given, and since and until do not matter.
    """

    template_fields: Sequence[str] = (*PeriodOperator.template_fields, "session_id")

    def __init__(self, *, session_id: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id

    def scope(self, source: Source, context: Context) -> Scope:
        """Return whose data is wanted: a session's, or that of a time."""
        from airflow_clickmeeting.datasets.scope import scope_of

        if self.session_id is None and source.in_time:
            return super().scope(source, context)
        for name, fits in {"since": source.in_time, "until": source.in_time, "session_id": source.of_sessions}.items():
            if getattr(self, name) is not None and not fits:
                raise ValueError(f"{name} must be left out: {source.dataset.name} are not told apart by it.")
        return scope_of(self.room_id, self.session_id, self.since, self.until)
