"""Build the paths of files from a template with placeholders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from string import Formatter
from typing import TYPE_CHECKING

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.validate import bad_argument, identifier
from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.storage import located

if TYPE_CHECKING:
    from airflow_clickmeeting.failures import FailureLog
    from airflow_clickmeeting.storage import Path

# Numbers and dates cannot point to another folder, as a text of ClickMeeting's response could.
PLACEHOLDERS: dict[str, Callable[[RoomOrSession], object]] = {
    "room_id": lambda place: identifier("room_id", place.room_id),
    "session_id": lambda place: identifier("session_id", place.session_id),
    "date": lambda place: parse((place.session or {}).get("start_date", "")).date(),
}
OF_ROOMS = ("room_id",)
OF_SESSIONS = tuple(PLACEHOLDERS)


class PathTemplate:
    """A path with the placeholders `{room_id}`, `{session_id}` and `{date}`.

    :param name: the argument, for errors.
    :param path: the path, or a folder that ends in a slash.
    :param file_name: the name of the file in such a folder.
    :param known: the valid placeholders.
    :raises ValueError: for another placeholder, listing the valid ones.
    """

    def __init__(self, name: str, path: Path, file_name: str, known: Collection[str] = ()) -> None:
        target = located(path, file_name)
        self.file_name = target.name
        self.text = str(target)
        self.used = set(_placeholders(name, self.text, known))

    def files(
        self, found: Iterable[tuple[RoomOrSession, list[RoomOrSession]]], failures: FailureLog
    ) -> dict[str, list[RoomOrSession]]:
        """Return the files to write with their places; a room without places has an empty file if its path is known.

        :param found: rooms with their places.
        :param failures: gets the places whose id or date does not fit into a path.
        """
        files: dict[str, list[RoomOrSession]] = {} if self.used else {self.text: []}
        for room, places in found:
            groups = [(room, places)] if self.used == {*OF_ROOMS} else [(place, [place]) for place in places]
            for place, content in groups:
                try:
                    files.setdefault(self._file_of(place), []).extend(content)
                except ValueError as error:
                    failures.add(f"the path cannot be built: {error}", **place.ids)
        return files

    def _file_of(self, place: RoomOrSession) -> str:
        return self.text.format_map({name: PLACEHOLDERS[name](place) for name in self.used})


def _placeholders(name: str, path: str, known: Collection[str]) -> list[str]:
    valid = f"the placeholders {', '.join(f'{{{each}}}' for each in known)}" if known else "no placeholders"
    try:
        parts = [part for part in Formatter().parse(path) if part[1] is not None]
    except ValueError:
        bad_argument(name, path, f"a path with {valid}, in which each brace is closed")
    for _, placeholder, how, conversion in parts:
        if placeholder not in known or how or conversion:
            bad_argument(name, path, f"a path with {valid} and no others" if known else f"a path with {valid}")
    return [str(placeholder) for _, placeholder, *_ in parts]
