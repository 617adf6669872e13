"""Exports of what ClickMeeting knows to files on any object storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NotRequired, cast

from airflow.sdk import Context

from airflow_clickmeeting.transfers.base import DatasetOperator, PeriodOperator, ReadResult, RoomsOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.attendance.compute import SummaryOfSessions
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.sources import AttendanceSource, Source
    from airflow_clickmeeting.datasets.table import Dataset, Row
    from airflow_clickmeeting.output.outlets import Written
    from airflow_clickmeeting.output.paths import PathTemplate
    from airflow_clickmeeting.storage import Path


class ExportResult(ReadResult):
    """What was exported: the path with its placeholders, the files, their format, and the rows in all of them."""

    path: str
    paths: list[str]
    format: str
    rows: int
    summary: NotRequired[SummaryOfSessions]


class ExportOperator(RoomsOperator):
    """Base of exports.

    Each file is written beside its place and moved there whole. A second run writes all of them anew, with the same
    bytes while ClickMeeting answers the same; a file stays as it is when all that belongs into it was skipped. Secrets,
    such as personal links, are not exported.

    The task's outlets are told of the files: each is added to an asset alias, and an asset's event has `path`, `format`
    and `rows` in its extra.

    :param path: the file, or a folder with a slash at its end, on any object storage. `{room_id}` in it makes a file
        for each room; of sessions there are also `{session_id}` and `{date}`, the day on which a session began in the
        room's zone. What has the same path goes into one file.
    :param file_format: `csv`, `jsonl`, `parquet`, `csv.gz` or `jsonl.gz`; by default what the path ends in, and in a
        folder `csv`.
    :param escape_formulas: whether to put, in CSV, an apostrophe before texts that a spreadsheet would take for
        a formula.
    :return: `path`, `paths` of the files, `format`, the numbers of `rows`, `rooms` and `sessions`, the first
        hundred `failures`, each with `room_id`, perhaps `session_id`, and `reason`; and `failure_count`.
    """

    template_fields: Sequence[str] = (*RoomsOperator.template_fields, "path", "file_format", "escape_formulas")

    def __init__(
        self, *, path: Path, file_format: str | None = None, escape_formulas: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.file_format = file_format
        self.escape_formulas = escape_formulas

    def execute(self, context: Context) -> ExportResult:
        """Collect, and write."""
        from airflow_clickmeeting.api.validate import flag
        from airflow_clickmeeting.output.outlets import tell
        from airflow_clickmeeting.output.paths import OF_ROOMS, OF_SESSIONS, PathTemplate
        from airflow_clickmeeting.output.writers import format_of

        known = OF_SESSIONS if self.source().of_sessions else OF_ROOMS
        template = PathTemplate("path", self.path, f"{self.dataset}.{self.file_format or 'csv'}", known)
        file_format = format_of(template.file_name, self.file_format)
        escape_formulas = bool(flag("escape_formulas", self.escape_formulas))
        with self.collection(context) as collection:
            files = list(_written(collection, template, file_format, escape_formulas=escape_formulas))
            more = self.more(collection)
        rows = sum(file.rows for file in files)
        self.log.info("%d rows of %s written, files: %d, %s", rows, self.dataset, len(files), template.text)
        about = {"path": template.text, "format": file_format, "rows": rows}
        tell(self.hook, self.outlets, context, files, about)
        collected = self.conclude(collection, rows)
        return cast("ExportResult", {**about, "paths": [str(file.path) for file in files], **collected, **more})

    def more(self, collection: DatasetReader) -> dict[str, Any]:
        """Do what else is to be done with what was collected, and return what to add to the result."""
        return {}


class PeriodExportOperator(ExportOperator, PeriodOperator):
    """Base of exports of what happened in rooms at some time."""

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "since", "until")


class SessionExportOperator(PeriodExportOperator, DatasetOperator):
    """Base of exports of sessions."""

    template_fields: Sequence[str] = (*PeriodExportOperator.template_fields, "session_id")


class ClickMeetingExportConferencesOperator(ExportOperator):
    """Export rooms as they are now, a row per room."""

    dataset = "conferences"


class ClickMeetingExportSessionsOperator(SessionExportOperator):
    """Export the sessions that ended in a period, a row per session."""

    dataset = "sessions"


class ClickMeetingExportAttendeesOperator(SessionExportOperator):
    """Export who was in the sessions that ended in a period, a row per entry: who comes back has several rows."""

    dataset = "attendees"


class ClickMeetingExportRegistrationsOperator(PeriodExportOperator):
    """Export who registered in a period, a row per registration; the room's own fields go into `fields`.

    Rooms where nobody can register have no registrations.
    """

    dataset = "registrations"


class ClickMeetingExportRecordingsOperator(PeriodExportOperator):
    """Export an index of the recordings that ended in a period, a row per recording, without the links to them."""

    dataset = "recordings"


class ClickMeetingExportAttendanceOperator(SessionExportOperator):
    """Export who attended the sessions that ended in a period, and for how long, a row per person and session.

    Whoever registered and did not come has a row too. The result's `summary` has the numbers of all sessions together,
    and how many `sessions` there were: `registered`, `came`, `attended`, `no_show`, `walk_in`, `show_up_rate`,
    `median_minutes` and `peak`, which is the highest of any session.

    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param summary_path: a file for those numbers too, a row per session; its ending says the format.
    """

    dataset = "attendance"
    template_fields: Sequence[str] = (*SessionExportOperator.template_fields, "rejoin_gap", "summary_path")

    def __init__(
        self, *, rejoin_gap: timedelta | float | str = 0, summary_path: Path | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rejoin_gap = rejoin_gap
        self.summary_path = summary_path

    def source(self) -> Source:
        """Return where the dataset comes from."""
        from airflow_clickmeeting.api.times import seconds
        from airflow_clickmeeting.datasets.sources import AttendanceSource

        return AttendanceSource(seconds("rejoin_gap", self.rejoin_gap))

    def collection(self, context: Context) -> DatasetReader:
        """Check all arguments, and return what there is to collect."""
        if self.summary_path is not None:
            self._summary_file(self.summary_path)
        return super().collection(context)

    def more(self, collection: DatasetReader) -> dict[str, Any]:
        """Write the summaries, unless all was skipped."""
        from airflow_clickmeeting.datasets.definitions import ATTENDANCE_SUMMARIES

        source = cast("AttendanceSource", collection.source)
        if self.summary_path is not None and (source.summaries or not collection.failures.count):
            path, file_format = self._summary_file(self.summary_path)
            _write(path, ATTENDANCE_SUMMARIES, ATTENDANCE_SUMMARIES.rows(source.summaries), file_format)
        return {"summary": source.totals.summary}

    def _summary_file(self, path: Path) -> tuple[str, str]:
        from airflow_clickmeeting.output.paths import PathTemplate
        from airflow_clickmeeting.output.writers import format_of

        template = PathTemplate("summary_path", path, "attendance_summaries.csv")
        return template.text, format_of(template.file_name)


def _written(
    collection: DatasetReader, template: PathTemplate, file_format: str, *, escape_formulas: bool
) -> Iterator[Written]:
    """Write one file after the other, as its rows come; none where all of it was skipped."""
    found = collection.find()
    files = template.files(found) if found or not collection.failures.count else {}
    batches = collection.rows(chain.from_iterable(files.values()))
    for path, places in files.items():
        readable = (rows for _, rows in islice(batches, len(places)) if rows is not None)
        first = next(readable, None)
        if first is not None or not places:
            rows = chain(first or (), chain.from_iterable(readable))
            yield _write(path, collection.dataset, rows, file_format, escape_formulas=escape_formulas)


def _write(
    path: str, dataset: Dataset, rows: Iterable[Row], file_format: str, *, escape_formulas: bool = False
) -> Written:
    from airflow_clickmeeting.output.outlets import Written
    from airflow_clickmeeting.output.writers import rows_to
    from airflow_clickmeeting.storage import located, open_atomic

    target = located(path, "")
    with (
        open_atomic(target) as file,
        rows_to(file, dataset.columns, file_format, escape_formulas=escape_formulas) as out,
    ):
        return Written(target, out.write(rows))
