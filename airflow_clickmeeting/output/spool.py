"""Keep rows in a temporary file until all of them have been read, so that no transaction waits for requests."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

#: some rows as columns: the cells of each column
Columns = Sequence[Sequence[Any]]


class Extent(NamedTuple):
    """A part of the file: where it begins, and how many rows it has."""

    offset: int
    rows: int


class Spool:
    """Rows in a temporary file.

    :param file: an empty file, open for reading and writing.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, batches: Iterable[Columns]) -> Extent:
        """Append batches of rows, and return the part of the file that has them."""
        offset, rows = self._file.tell(), 0
        for columns in batches:
            pickle.dump(columns, self._file, pickle.HIGHEST_PROTOCOL)
            rows += len(columns[0])
        return Extent(offset, rows)

    def read(self, extent: Extent) -> Iterator[Columns]:
        """Yield the batches of a part, after all parts have been added."""
        position, left = extent
        while left:
            self._file.seek(position)
            columns: Columns = pickle.load(self._file)  # noqa: S301 - this object wrote it
            position, left = self._file.tell(), left - len(columns[0])
            yield columns
