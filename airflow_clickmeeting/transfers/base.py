"""Base classes of exports and loads: which data they read, and how they handle failures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.validate import ALL, Id
from airflow_clickmeeting.extra_links import ROOM_LINKS
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.fetch import Source
    from airflow_clickmeeting.datasets.scope import Scope
    from airflow_clickmeeting.datasets.table import Dataset
    from airflow_clickmeeting.failures import Failure, FailureLog

ADVICE = (
    "Everything else was read and written, and a retry does everything again. Correct what failed, or set max_failures "
    "to accept it"
)


class ReadResult(TypedDict):
    """What was read, and the first hundred failures.

    `since` and `until` are the bounds of the period as ISO 8601 text; None is no bound. `list_restarts` says how often
    the account's list of rooms changed while it was read, and was read again.
    """

    rooms: int
    sessions: int
    since: str | None
    until: str | None
    list_restarts: int
    failures: list[Failure]
    failure_count: int


class RoomsOperator(ClickMeetingOperator):
    """Base of operators that read data of rooms.

    A failure of one room does not stop the others. If ClickMeeting does not find a room or session, or its response
    cannot be read, or a row has a value that does not fit, the operator logs the failure, continues with the rest, and
    returns the failure in its result. A wrong key, a lost connection and a rate limit fail the task at once.

    :param room_id: a room's id, a list of ids, or `all` for the whole account with active and inactive rooms. None is
        an error, so that a skipped task upstream does not mean all rooms.
    :param max_parallel: how many requests to send at a time, 1 to 64; the connection's `max_requests_per_second` limits
        the rate of all requests together.
    :param max_failures: how many failures the task accepts, after it has done everything else: a number of rooms,
        sessions and rows, or a float below 1 as a share of them.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "room_id",
        "max_parallel",
        "max_failures",
    )
    operator_extra_links = ROOM_LINKS
    dataset: str

    def __init__(
        self,
        *,
        room_id: Id | Sequence[Id] = ALL,
        max_parallel: Id = 8,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.max_parallel = max_parallel
        self.max_failures = max_failures

    def source(self) -> Source:
        """Return the source of the dataset."""
        from airflow_clickmeeting.datasets.sources import SOURCES

        known = self.dataset in SOURCES
        return SOURCES[self.dataset if known else validate.one_of("dataset", self.dataset, SOURCES)]()

    def scope(self, source: Source, context: Context) -> Scope:
        """Return which rooms to read."""
        from airflow_clickmeeting.datasets.scope import Scope

        rooms, _ = validate.rooms_and_session(self.room_id)
        return Scope(rooms)

    def shaped(self, dataset: Dataset) -> Dataset:
        """Validate the arguments that change the dataset's columns, and return the dataset to read."""
        return dataset

    def create_reader(self, context: Context) -> DatasetReader:
        """Validate all arguments before the first request, and return the reader of the dataset.

        :raises ValueError: naming the argument and its valid values.
        """
        from airflow_clickmeeting.datasets.collect import DatasetReader
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
        from airflow_clickmeeting.hooks.transport_requests import MAX_CONNECTIONS

        source = self.source()
        dataset = self.shaped(source.dataset)
        scope = self.scope(source, context)
        validate.max_failures("max_failures", self.max_failures)
        max_parallel = validate.whole_number("max_parallel", self.max_parallel, most=MAX_CONNECTIONS)
        # it would log a line for each room and session
        self.hook = hook = ClickMeetingHook(self.clickmeeting_conn_id, log_level=logging.DEBUG)
        return DatasetReader(hook, source, scope, dataset, max_parallel, self.log)

    def check_failures(self, failures: FailureLog, total: int, advice: str) -> None:
        """Log the failures, and fail the task if there are more than accepted; a single error is raised itself.

        :param failures: at least one failure.
        :param total: how many rooms, sessions and rows were tried.
        :param advice: what a retry does, and what the user can do, as for `FailureLog.check`.
        """
        from airflow_clickmeeting.failures import allowed_failures

        failures.log_counts()
        accepted = validate.max_failures("max_failures", self.max_failures)
        # the class of the error decides whether Airflow retries the task
        if failures.error and total == 1 > allowed_failures(accepted, total):
            raise failures.error
        failures.check(accepted, total, advice)


class TableOperator(RoomsOperator):
    """Base of operators that read the rows of a dataset.

    :param pseudonymise: names of personal columns to replace by keyed hashes; the key comes from one of the next two.
    :param pseudonym_conn_id: a connection whose password is the key.
    :param pseudonym_variable: an Airflow variable whose value is the key.
    """

    template_fields: Sequence[str] = (
        *RoomsOperator.template_fields,
        "pseudonymise",
        "pseudonym_conn_id",
        "pseudonym_variable",
    )
    # without these, people's data would be exported as they are
    decisive_fields = ("pseudonymise", "pseudonym_conn_id", "pseudonym_variable")

    def __init__(
        self,
        *,
        pseudonymise: Sequence[str] | None = None,
        pseudonym_conn_id: str | None = None,
        pseudonym_variable: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pseudonymise = pseudonymise
        self.pseudonym_conn_id = pseudonym_conn_id
        self.pseudonym_variable = pseudonym_variable

    def conclude(self, reader: DatasetReader, rows: int) -> ReadResult:
        """Return the counts and the failures of a reader, or fail if there are more failures than accepted.

        :param rows: how many rows were read.
        :raises ClickMeetingError: the only error, if exactly one room or session was requested; or an error 403, if
            that is what ClickMeeting answered for each room or session.
        :raises AirflowException: naming the first failures otherwise.
        """
        from airflow_clickmeeting.exceptions import ForbiddenError

        failures, period = reader.failures, reader.scope.period
        if failures.error and failures.kinds == {ForbiddenError} and not reader.places_read:
            raise failures.error
        if failures.count:
            self.check_failures(failures, failures.count + reader.places_read + rows, ADVICE)
        return {
            "rooms": reader.rooms,
            "sessions": reader.sessions,
            "since": period.since.isoformat() if period.since else None,
            "until": period.until.isoformat() if period.until else None,
            "list_restarts": reader.restarts,
            "failures": failures.kept,
            "failure_count": failures.count,
        }

    def shaped(self, dataset: Dataset) -> Dataset:
        """Validate the arguments for pseudonyms, and return the dataset with pseudonyms if they are wanted."""
        from airflow_clickmeeting.datasets.pseudonyms import pseudonymised

        sources = [self.pseudonym_conn_id, self.pseudonym_variable]
        keys = sum(each is not None for each in sources)
        if self.pseudonymise is None and not keys:
            return dataset
        if self.pseudonymise is None:
            raise ValueError("pseudonymise is missing: give the names of the columns to replace with the key.")
        if keys != 1:
            raise ValueError(
                "pseudonymise needs a key: give either pseudonym_conn_id, a connection whose password is the key, "
                "or pseudonym_variable, an Airflow variable."
            )
        return pseudonymised(dataset, self.pseudonymise, self._pseudonym_key())

    def _pseudonym_key(self) -> str:
        from airflow.sdk import BaseHook, Variable

        if self.pseudonym_conn_id is not None:
            return BaseHook.get_connection(self.pseudonym_conn_id).password or ""
        return str(Variable.get(str(self.pseudonym_variable)))


class PeriodOperator(TableOperator):
    """Base of operators that read data of a period.

    By default the period is the run's data interval, so that daily runs and backfills neither overlap nor leave gaps.
    If the interval is missing or empty, as in manual runs and with Airflow 3's default timetable for cron expressions,
    the period has no bounds: give incremental DAGs `schedule=CronDataIntervalTimetable(...)`.

    :param since: the start of the period, an aware datetime or ISO 8601 text; by default the start of the run's data
        interval.
    :param until: the end of the period, which is not included; by default the end of the run's data interval.
    """

    template_fields: Sequence[str] = (*TableOperator.template_fields, "since", "until")

    def __init__(self, *, since: When | None = None, until: When | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.until = until

    def scope(self, source: Source, context: Context) -> Scope:
        """Return which rooms and which period to read."""
        from airflow_clickmeeting.datasets.scope import Period, Scope

        rooms, _ = validate.rooms_and_session(self.room_id)
        return Scope(rooms, period=Period.of_run(self.since, self.until, context, self.log))


class DatasetOperator(PeriodOperator):
    """Base of operators that read any dataset; subclasses set `dataset` to its name.

    :param session_id: the only session to read, or `all`; for one session, `room_id` must be its room, and `since` and
        `until` are ignored.
    """

    template_fields: Sequence[str] = (*PeriodOperator.template_fields, "session_id")

    def __init__(self, *, session_id: Id = ALL, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id

    def scope(self, source: Source, context: Context) -> Scope:
        """Return which session, or which rooms and period, to read."""
        from airflow_clickmeeting.datasets.scope import Scope

        of_all_sessions = validate.is_all(self.session_id)
        if of_all_sessions and source.in_time:
            return super().scope(source, context)
        unfit = {
            "since": self.since is not None and not source.in_time,
            "until": self.until is not None and not source.in_time,
            "session_id": not of_all_sessions and not source.of_sessions,
        }
        for name in (name for name, is_unfit in unfit.items() if is_unfit):
            raise ValueError(f"{name} must be left out: {source.dataset.name} cannot be filtered by it.")
        return Scope(*validate.rooms_and_session(self.room_id, self.session_id))
