"""Which file data goes into: a path with placeholders, and what stands in for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from string import Formatter
from typing import TYPE_CHECKING

from airflow_clickmeeting.api.validate import bad_argument
from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.storage import located

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path

PLACEHOLDERS: dict[str, Callable[[RoomOrSession], object]] = {
    "room_id": lambda place: place.room_id,
    "session_id": lambda place: place.session_id,
    "date": lambda place: place.session and place.session["start_date"][:10],
}
OF_ROOMS = ("room_id",)
OF_SESSIONS = tuple(PLACEHOLDERS)


class PathTemplate:
    """A path in which `{room_id}`, `{session_id}` and `{date}` stand for what data is of.

    :param name: the argument, for errors.
    :param path: the path, or a folder with a slash at its end.
    :param file_name: the file in such a folder.
    :param known: the placeholders that there are.
    :raises ValueError: for another placeholder, naming those that there are.
    """

    def __init__(self, name: str, path: Path, file_name: str, known: Collection[str] = ()) -> None:
        target = located(path, file_name)
        self.file_name = target.name
        self.text = str(target)
        self.used = set(_placeholders(name, self.text, known))

    def files(self, found: Iterable[tuple[RoomOrSession, list[RoomOrSession]]]) -> dict[str, list[RoomOrSession]]:
        """Return the files to write, and what goes into each; a room with nothing has an empty one where it can.

        :param found: rooms, and what there is of each.
        """
        files: dict[str, list[RoomOrSession]] = {} if self.used else {self.text: []}
        for room, places in found:
            if self.used == {*OF_ROOMS}:
                files[self._file_of(room)] = []
            for place in places:
                files.setdefault(self._file_of(place), []).append(place)
        return files

    def _file_of(self, place: RoomOrSession) -> str:
        return self.text.format_map({name: PLACEHOLDERS[name](place) for name in self.used})


def _placeholders(name: str, path: str, known: Collection[str]) -> list[str]:
    there_are = f"the placeholders {', '.join(f'{{{each}}}' for each in known)}" if known else "no placeholder"
    try:
        parts = [part for part in Formatter().parse(path) if part[1] is not None]
    except ValueError:
        bad_argument(name, path, f"a path with {there_are}, in which each brace is closed")
    for _, placeholder, how, conversion in parts:
        if placeholder not in known or how or conversion:
            bad_argument(name, path, f"a path with {there_are} and no other")
    return [str(placeholder) for _, placeholder, *_ in parts]
