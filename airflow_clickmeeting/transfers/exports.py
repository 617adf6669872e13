"""Exports of what ClickMeeting knows to files on any object storage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Context

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.operators.base import RoomOperator
from airflow_clickmeeting.storage import located, written_whole

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path
    from airflow_clickmeeting.transfers.datasets import Dataset


class Exported(TypedDict):
    """A file that was written: where, how, and how many rows."""

    path: str
    format: str
    rows: int


class ExportOperator(RoomOperator):
    """Base of exports of one room.

    The file is written beside its place and moved there whole. A second run writes it anew, with the same bytes
    while ClickMeeting's answer is the same. Secrets, such as personal links, are not exported.

    :param path: the file, or a folder with a slash at its end, on any object storage.
    :param file_format: `csv` or `jsonl`; by default what the path ends in, and in a folder `csv`.
    :return: `path`, `format` and the number of `rows`.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "path", "file_format")

    def __init__(self, *, path: Path, file_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.file_format = file_format

    @property
    @abstractmethod
    def dataset(self) -> Dataset:
        """The table to write."""

    @abstractmethod
    def items(self) -> Iterable[dict[str, Any]]:
        """Ask for what is to be exported."""

    def execute(self, context: Context) -> Exported:
        """Ask, and write."""
        from airflow_clickmeeting.transfers.formats import WRITERS, format_of

        target = located(self.path, f"{self.dataset.name}.{self.file_format or 'csv'}")
        chosen = format_of(target.name, self.file_format)
        items = self.items()
        with written_whole(target) as file:
            rows = WRITERS[chosen](file, self.dataset.header, map(self.dataset.row, items))
        self.log.info("%d %s of room %s written to %s", rows, self.dataset.name, self.room_id, target)
        return {"path": str(target), "format": chosen, "rows": rows}


class ClickMeetingExportAttendeesOperator(ExportOperator):
    """Export who was in a session to a file, a row per entry: who leaves and comes back has several rows.

    :param session_id: the session.
    """

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "session_id")

    def __init__(self, *, session_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id

    @property
    def dataset(self) -> Dataset:
        """A row per entry."""
        from airflow_clickmeeting.transfers.datasets import ATTENDEES

        return ATTENDEES

    def items(self) -> Iterable[dict[str, Any]]:
        """List the entries."""
        attendees = self.hook.list_session_attendees(self.room_id, self.session_id)
        place = {"room_id": int(self.room_id), "session_id": int(self.session_id)}
        return ({**place, **attendee} for attendee in attendees)


class ClickMeetingExportRegistrationsOperator(ExportOperator):
    """Export who registered for a room to a file, a row per registration; the room's own fields go into `fields`."""

    @property
    def dataset(self) -> Dataset:
        """A row per registration."""
        from airflow_clickmeeting.transfers.datasets import REGISTRATIONS

        return REGISTRATIONS

    def items(self) -> Iterable[dict[str, Any]]:
        """List the registrations."""
        registrations = self.hook.list_registrations(self.room_id)
        return ({"room_id": int(self.room_id), **registration} for registration in registrations)
