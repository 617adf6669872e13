"""Export data of ClickMeeting to files on any object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NotRequired, cast

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.times import Length
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.extra_links import FILE_LINKS, ROOM_LINKS
from airflow_clickmeeting.transfers.base import DatasetOperator, PeriodOperator, ReadResult, TableOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.attendance.compute import SummaryOfSessions
    from airflow_clickmeeting.datasets.collect import DatasetReader
    from airflow_clickmeeting.datasets.fetch import Source
    from airflow_clickmeeting.datasets.sources import AttendanceSource
    from airflow_clickmeeting.datasets.table import Batch, Dataset
    from airflow_clickmeeting.output.outlets import Written
    from airflow_clickmeeting.output.paths import PathTemplate
    from airflow_clickmeeting.storage import AtomicFile, Path

    WriteFile = Callable[[str, Dataset, Iterable[Batch], str], Callable[[], Written]]

__all__ = [
    "ClickMeetingExportAttendanceOperator",
    "ClickMeetingExportAttendeesOperator",
    "ClickMeetingExportConferencesOperator",
    "ClickMeetingExportPollAnswersOperator",
    "ClickMeetingExportRecordingsOperator",
    "ClickMeetingExportRegistrationsOperator",
    "ClickMeetingExportSessionsOperator",
]


class ExportResult(ReadResult):
    """The result of an export: the path with its placeholders, the files, their format, and the rows in all files."""

    path: str
    paths: list[str]
    format: str
    rows: int
    summary: NotRequired[SummaryOfSessions]


class ExportOperator(TableOperator):
    """Base of exports.

    Each file replaces the old one only when it is complete. `max_parallel` files at a time are stored. A second run
    writes all files again, with the same bytes if ClickMeeting's data are the same. If everything for a file failed,
    the old file stays. Secrets, such as personal links, are not exported.

    The operator reports the files to the task's outlets: it adds each file to an asset alias, and an asset's event has
    `path`, `format` and `rows` in its extra.

    :param path: the file, or a folder that ends in a slash, on any object storage. With `{room_id}` in the path, each
        room has its own file. Datasets of sessions also have `{session_id}` and `{date}`, the day on which a session
        began in the room's time zone. Data with the same path go into one file.
    :param file_format: `csv`, `jsonl`, `parquet`, `csv.gz` or `jsonl.gz`; by default the ending of the path, and `csv`
        in a folder.
    :param escape_formulas: whether to put, in CSV, an apostrophe before texts that a spreadsheet would run as a
        formula. Turn it off for a program that must read such texts unchanged.
    :param file_mode: the permissions of local files, as octal digits in a text or a number such as `0o640`; by default
        only the owner can read them. Until a file is complete, only its owner can. Object storages have no file modes.
    :return: `path`, `paths` of the files, `format`, the numbers of `rows`, `rooms` and `sessions`, the first
        hundred `failures`, each with `room_id`, `session_id` if it concerns a session, and `reason`; and
        `failure_count`.
    """

    template_fields: Sequence[str] = (
        *TableOperator.template_fields,
        "path",
        "file_format",
        "escape_formulas",
        "file_mode",
    )
    operator_extra_links = (*ROOM_LINKS, *FILE_LINKS)

    def __init__(
        self,
        *,
        path: Path,
        file_format: str | None = None,
        escape_formulas: bool | str = True,
        file_mode: Id = "600",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.file_format = file_format
        self.escape_formulas = escape_formulas
        self.file_mode = file_mode

    def execute(self, context: Context) -> ExportResult:
        """Read the dataset, write the files, and return the result."""
        from airflow_clickmeeting.output.outlets import report_files
        from airflow_clickmeeting.output.paths import OF_ROOMS, OF_SESSIONS, PathTemplate
        from airflow_clickmeeting.output.writers import format_of

        escape_formulas = validate.decided("escape_formulas", self.escape_formulas)
        file_mode = validate.permissions("file_mode", self.file_mode)
        write = partial(_write_file, escape_formulas=escape_formulas, file_mode=file_mode)
        with self.create_reader(context) as reader:
            known = OF_SESSIONS if reader.source.of_sessions else OF_ROOMS
            template = PathTemplate("path", self.path, f"{self.dataset}.{self.file_format or 'csv'}", known)
            file_format = format_of(template.file_name, self.file_format)
            # create_reader has validated max_parallel
            files = _write_files(reader, template, file_format, write, int(self.max_parallel))
            extras = self.write_extras(reader, write)
        rows = sum(file.rows for file in files)
        self.log.info("Wrote %d rows of %s to %d files: %s", rows, self.dataset, len(files), template.text)
        about = {"path": template.text, "format": file_format, "rows": rows}
        self.written = [str(file.path) for file in files]
        report_files(reader.hook, self.dataset, self.outlets, context, files, about)
        counts = self.conclude(reader, rows)
        return cast("ExportResult", {**about, "paths": self.written, **counts, **extras})

    def write_extras(self, reader: DatasetReader, write: WriteFile) -> dict[str, Any]:
        """Write more than the rows, and return what to add to the result."""
        return {}


class PeriodExportOperator(ExportOperator, PeriodOperator):
    """Base of exports of a period."""

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "since", "until")


class SessionExportOperator(PeriodExportOperator, DatasetOperator):
    """Base of exports of sessions."""

    template_fields: Sequence[str] = (*PeriodExportOperator.template_fields, "session_id")


class ClickMeetingExportConferencesOperator(ExportOperator):
    """Export the current rooms, a row per room."""

    dataset = "conferences"


class ClickMeetingExportSessionsOperator(SessionExportOperator):
    """Export the sessions that ended in a period, a row per session."""

    dataset = "sessions"


class ClickMeetingExportAttendeesOperator(SessionExportOperator):
    """Export the attendees of sessions that ended in a period, a row per entry: a person who rejoins has several."""

    dataset = "attendees"


class ClickMeetingExportPollAnswersOperator(SessionExportOperator):
    """Export the answers to polls in sessions that ended in a period, a row per person, poll, question and answer.

    ClickMeeting sends the answers in the list of attendees. A person whose entries repeat an answer has it once, and a
    question without an answer has no row. A part of the polls that cannot be read is a failure, which names the entry,
    the poll, the question and the answer by their numbers; the other answers are exported. The list of attendees also
    has the polls as they came, as JSON in the column `polls`.
    """

    dataset = "poll_answers"


class ClickMeetingExportRegistrationsOperator(PeriodExportOperator):
    """Export the registrations of a period, a row per registration; the room's custom fields go into `fields`.

    Rooms with registration off have no registrations.
    """

    dataset = "registrations"


class ClickMeetingExportRecordingsOperator(PeriodExportOperator):
    """Export a list of the recordings that ended in a period, a row per recording, without their links."""

    dataset = "recordings"


class ClickMeetingExportAttendanceOperator(SessionExportOperator):
    """Export who attended the sessions that ended in a period, and for how long, a row per person and session.

    A person who registered and did not come has a row too, unless nobody came. The result's `summary` has the number of
    `sessions`, and over all of them `registered`, `came`, `attended`, `no_show`, `walk_in`, `show_up_rate`,
    `median_minutes` and `peak`, which is the highest peak of any session.

    With `join_sessions_within`, sessions of a room that went on as another one are one event: it counts as one session,
    with the id of the first one. It belongs to the period in which it is over, that is, so long after its last session
    ended. `session_id` may be any of its sessions.

    :param rejoin_gap: absences up to this long count as presence, a timedelta or seconds.
    :param join_sessions_within: how much later than the end of a session the next one of the room may start and be the
        same event, a timedelta or ISO 8601 text, at most a day; by default each session stands alone.
    :param summary_path: a file for these numbers, a row per session or event; its ending decides the format.
    """

    dataset = "attendance"
    template_fields: Sequence[str] = (
        *SessionExportOperator.template_fields,
        "rejoin_gap",
        "join_sessions_within",
        "summary_path",
    )

    def __init__(
        self,
        *,
        rejoin_gap: timedelta | float | str = 0,
        join_sessions_within: Length | None = None,
        summary_path: Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rejoin_gap = rejoin_gap
        self.join_sessions_within = join_sessions_within
        self.summary_path = summary_path

    def source(self) -> Source:
        """Return the source of the dataset."""
        from airflow_clickmeeting.datasets.sources import AttendanceSource

        return AttendanceSource.of(self.rejoin_gap, self.join_sessions_within)

    def create_reader(self, context: Context) -> DatasetReader:
        """Validate all arguments, and return the reader of the dataset."""
        if self.summary_path is not None:
            self._summary_file(self.summary_path)
        return super().create_reader(context)

    def write_extras(self, reader: DatasetReader, write: WriteFile) -> dict[str, Any]:
        """Write the summaries of the sessions, unless every session failed."""
        from airflow_clickmeeting.datasets.definitions import ATTENDANCE_SUMMARIES

        source = cast("AttendanceSource", reader.source)
        if self.summary_path is not None and (source.summaries or not reader.failures.count):
            path, file_format = self._summary_file(self.summary_path)
            write(path, ATTENDANCE_SUMMARIES, ATTENDANCE_SUMMARIES.batches(source.summaries), file_format)()
        return {"summary": source.totals.summary}

    def _summary_file(self, path: Path) -> tuple[str, str]:
        from airflow_clickmeeting.output.paths import PathTemplate
        from airflow_clickmeeting.output.writers import format_of

        template = PathTemplate("summary_path", path, "attendance_summaries.csv")
        return template.text, format_of(template.file_name)


def _write_files(
    reader: DatasetReader, template: PathTemplate, file_format: str, write: WriteFile, max_parallel: int
) -> list[Written]:
    """Write the rows of one file after the other, and store some files meanwhile.

    A file is left out if everything for it failed.
    """
    found = reader.find_places()
    files = template.files(found, reader.failures) if found or not reader.failures.count else {}

    def complete_files() -> Iterator[tuple[str, Callable[[], Written]]]:
        yield from (
            (path, write(path, reader.dataset, (), file_format)) for path, places in files.items() if not places
        )
        targets = (path for path, places in files.items() for _ in places)
        batches = reader.read_batches(chain.from_iterable(files.values()))
        for path, group in groupby(zip(targets, batches, strict=True), key=itemgetter(0)):
            readable = (rows for _, (_, rows) in group if rows is not None)
            if (first := next(readable, None)) is not None:
                rows = chain(first, chain.from_iterable(readable))
                yield path, write(path, reader.dataset, rows, file_format)

    if max_parallel == 1 or len(files) == 1:
        written = {path: store() for path, store in complete_files()}
    else:
        from airflow_clickmeeting.parallel import OrderedExecutor

        with OrderedExecutor(max_parallel) as executor:
            started = ((path, executor.submit(store).result) for path, store in complete_files())
            written = {path: result() for path, result in executor.ordered(started)}
    return [written[path] for path in files if path in written]


def _write_file(
    path: str,
    dataset: Dataset,
    batches: Iterable[Batch],
    file_format: str,
    *,
    escape_formulas: bool,
    file_mode: int,
) -> Callable[[], Written]:
    """Write rows to a file, and return the function that stores it, which a thread may call."""
    from airflow_clickmeeting.output.outlets import Written
    from airflow_clickmeeting.output.writers import rows_to
    from airflow_clickmeeting.storage import AtomicFile, located

    target = located(path, "")
    file = AtomicFile(target, file_mode)
    with (
        file.discard_on_error(),
        rows_to(file.file, dataset.columns, file_format, escape_formulas=escape_formulas) as out,
    ):
        rows = out.write_batches(batches)
    return partial(_store, file, Written(target, rows))


def _store(file: AtomicFile, written: Written) -> Written:
    file.commit()
    return written
