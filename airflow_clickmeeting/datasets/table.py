"""Convert the items of ClickMeeting's responses to the rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from airflow_clickmeeting.datasets.columns import Column, Item

Row = dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """A table whose columns stay the same, whatever ClickMeeting returns.

    :param name: the name of the dataset, such as `attendees`.
    :param columns: all of them, in their order.
    :param key: the columns that together identify a row.
    :param entry_of: the text columns whose digest is the column `entry`, for rows that have no id on ClickMeeting.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    entry_of: tuple[str, ...] = ()

    @property
    def header(self) -> list[str]:
        """The names of all columns."""
        return [column.name for column in self.columns]

    @cached_property
    def _readers(self) -> list[tuple[str, Callable[[Item], Any]]]:
        return [(column.name, column.read) for column in self.columns]

    def row(self, item: Item) -> Row:
        """Return one item as a row with every column in order; secrets are left out, and `entry` is not filled in.

        :raises ValueError: naming the key and the value that does not fit.
        """
        return {name: read(item) for name, read in self._readers}

    def rows(self, items: Iterable[Item], skip: Callable[[str], object] | None = None) -> Iterator[Row]:
        """Return the rows of one response, with `entry` if the dataset has that column.

        Equal entries get numbers, so the digests of all entries of a response stay in memory, about 80 bytes per row.

        :param items: the items of one response, in any order.
        :param skip: called with the reason for each item that cannot be read, which is then left out; without it, the
            error is raised.
        :raises ValueError: for an item that cannot be read, if `skip` is None.
        """
        rows = map(self.row, items) if skip is None else self._readable(items, skip)
        return _with_entry(rows, self.entry_of) if self.entry_of else rows

    def _readable(self, items: Iterable[Item], skip: Callable[[str], object]) -> Iterator[Row]:
        for number, item in enumerate(items, start=1):
            try:
                row = self.row(item)
            except ValueError as error:
                skip(f"{self.name}, row {number}: {error}")
            else:
                yield row


def _with_entry(rows: Iterable[Row], entry_of: tuple[str, ...]) -> Iterator[Row]:
    """Fill in `entry` from the row's own cells, so that it reveals nothing that the row does not contain."""
    cells = itemgetter(*entry_of)
    seen: set[bytes] = set()
    again: Counter[bytes] = Counter()
    for row in rows:
        content = "\0".join([cell or "" for cell in cells(row)])
        digest = blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        row["entry"] = digest.hex()
        if digest in seen:
            again[digest] += 1
            row["entry"] += f"-{again[digest] + 1}"
        seen.add(digest)
        yield row
