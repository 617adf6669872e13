"""From the items of ClickMeeting's answers to the rows of a table."""

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
    """A table whose columns stay the same whatever the account answers.

    :param name: what its rows are.
    :param columns: all of them, in their order.
    :param key: the columns that together tell its rows apart.
    :param entry_of: the text columns whose digest is the column `entry`, where ClickMeeting gives rows no identity.
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
        """Return one item as a row, every column by name in order; secrets are left out, and so is `entry`.

        :raises ValueError: naming the key whose value does not fit.
        """
        return {name: read(item) for name, read in self._readers}

    def rows(self, items: Iterable[Item], skip: Callable[[str], object] | None = None) -> Iterator[Row]:
        """Return the rows of one answer, with `entry` where the dataset has it.

        Equal entries get a number each, so the digests of an answer's entries are kept, about 80 bytes a row.

        :param items: what one call answered, in whatever order.
        :param skip: is told what items cannot be read, and why, and the rest goes on; without it they raise.
        :raises ValueError: for an item that cannot be read.
        """
        rows = map(self.row, items) if skip is None else self._readable(items, skip)
        return _told_apart(rows, self.entry_of) if self.entry_of else rows

    def _readable(self, items: Iterable[Item], skip: Callable[[str], object]) -> Iterator[Row]:
        for number, item in enumerate(items, start=1):
            try:
                row = self.row(item)
            except ValueError as error:
                skip(f"{self.name}, row {number}: {error}")
            else:
                yield row


def _told_apart(rows: Iterable[Row], entry_of: tuple[str, ...]) -> Iterator[Row]:
    """Fill in `entry`: made of the row's own cells, so that it tells nothing that they do not."""
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
