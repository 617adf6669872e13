"""Convert the items of ClickMeeting's responses to the rows of a table.

Rows are converted in batches, column by column, which takes a third of the time of one row after the other.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import islice
from types import NoneType
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import without_secrets
from airflow_clickmeeting.api.validate import bad_argument, flag

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.columns import Column

Item = Mapping[str, Any]
Cells = Sequence[Any]
Row = dict[str, Any]
#: some rows as columns: each column's cells by its name, in the order of the columns
Batch = dict[str, Cells]

#: rows in a batch; more do not make it faster
BATCH = 1000

#: Parquet and databases store no larger numbers
MAX_INTEGER = (1 << 63) - 1
MIN_INTEGER = -MAX_INTEGER - 1


def rows_of(batch: Batch) -> Iterator[Row]:
    """Yield the rows of a batch."""
    for cells in zip(*batch.values(), strict=True):
        yield dict(zip(batch, cells, strict=True))


def size_of(batch: Batch) -> int:
    """Return the number of rows in a batch."""
    return len(next(iter(batch.values())))


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

    @cached_property
    def _column_readers(self) -> list[tuple[str, Callable[[Sequence[Item]], Cells]]]:
        return [(name, cells_of(read)) for name, read in self._readers]

    def row(self, item: Item) -> Row:
        """Return one item as a row with every column in order; secrets are left out, and `entry` is not filled in.

        :raises ValueError: naming the key and the value that does not fit.
        """
        return {name: read(item) for name, read in self._readers}

    def batch(self, rows: Iterable[Row]) -> Batch:
        """Return rows as a batch."""
        rows = list(rows)
        return {name: [row[name] for row in rows] for name in self.header}

    def rows(
        self, items: Iterable[Item], skip: Callable[[str], object] | None = None, ids: Item | None = None
    ) -> Iterator[Row]:
        """Return the rows of one response, as `batches` does."""
        for batch in self.batches(items, skip, ids):
            yield from rows_of(batch)

    def batches(
        self, items: Iterable[Item], skip: Callable[[str], object] | None = None, ids: Item | None = None
    ) -> Iterator[Batch]:
        """Return the rows of one response in batches, with `entry` if the dataset has that column.

        Equal entries get numbers, so the digests of all entries of a response stay in memory,
        80 bytes per row, or 20 if there are more than 100,000.

        :param items: the items of one response, in any order.
        :param skip: called with the reason for each item that cannot be read, which is then left out; without it, the
            error is raised.
        :param ids: the values of some columns for all items, such as the id of the room that the items belong to.
        :raises ValueError: for an item that cannot be read, if `skip` is None.
        """
        items, start, ids = iter(items), 1, ids or {}
        entries = Entries()
        while some := [*islice(items, BATCH)]:
            try:
                batch = self._read_columns(some, ids)
            except ValueError:
                batch = self.batch(self._readable(some, start, skip, ids))
            if self.entry_of:
                batch["entry"] = entries.of([batch[name] for name in self.entry_of])
            yield batch
            start += len(some)

    def _read_columns(self, items: Sequence[Item], ids: Item) -> Batch:
        given = {name: [read(ids)] * len(items) for name, read in self._readers if name in ids}
        return {name: given[name] if name in given else cells(items) for name, cells in self._column_readers}

    def _readable(
        self, items: Iterable[Item], start: int, skip: Callable[[str], object] | None, ids: Item
    ) -> Iterator[Row]:
        for number, item in enumerate(items, start):
            try:
                row = self.row({**item, **ids})
            except ValueError as error:
                if skip is None:
                    raise
                skip(f"{self.name}, row {number}: {error}")
            else:
                yield row


class Entries:
    """Makes the cells of the column `entry` of one response, batch by batch."""

    def __init__(self) -> None:
        self._seen = Digests()
        self._again: Counter[bytes] = Counter()

    def of(self, columns: Iterable[Cells]) -> list[str]:
        """Return a digest of each row's own cells, so that it reveals nothing that the row does not contain.

        :param columns: the cells of the texts that identify a row.
        """
        texts = map("\0".join, zip(*([cell or "" for cell in cells] for cells in columns), strict=True))
        digests = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts]
        return [digest.hex() if self._seen.add(digest) else self._numbered(digest) for digest in digests]

    def _numbered(self, digest: bytes) -> str:
        self._again[digest] += 1
        return f"{digest.hex()}-{self._again[digest] + 1}"


class Digests:
    """A set of digests of eight bytes. A large one takes a quarter of the memory of Python's set, and is slower.

    :param max_few: how many digests are in a set of Python's before all of them move.
    """

    def __init__(self, max_few: int = 100_000) -> None:
        self._max_few = max_few
        self._few: set[bytes] = set()
        # by their first two bytes, the other six of each digest
        self._many: defaultdict[bytes, bytearray] = defaultdict(bytearray)

    def add(self, digest: bytes) -> bool:
        """Add a digest, and return whether it was not there yet."""
        if self._many:
            return self._add_to_many(digest)
        if digest in self._few:
            return False
        self._few.add(digest)
        if len(self._few) > self._max_few:
            for each in self._few:
                self._add_to_many(each)
            self._few.clear()
        return True

    def _add_to_many(self, digest: bytes) -> bool:
        endings, ending = self._many[digest[:2]], digest[2:]
        place = endings.find(ending)
        while place >= 0:
            if place % len(ending) == 0:  # otherwise it is across two of them
                return False
            place = endings.find(ending, place + 1)
        endings += ending
        return True


class Reader(ABC):
    """Reads the values of one column."""

    @abstractmethod
    def __call__(self, item: Item) -> Any:
        """Return the value from one item, or None; raise ValueError if the value does not fit the type."""

    @abstractmethod
    def cells(self, items: Sequence[Item]) -> Cells:
        """Return the values from some items, which is faster than one by one."""


@dataclass(frozen=True)
class Field(Reader):
    """Reads the values of one key.

    :param key: the key.
    :param convert: converts one value; the key is for its error.
    :param convert_usual: converts all values of a column if they are what ClickMeeting usually sends, in the same way
        as `convert`; otherwise returns None, and `convert` converts them one by one.
    """

    key: str
    convert: Callable[[str, Any], Any]
    convert_usual: Callable[[Cells], Cells | None]

    def __call__(self, item: Item) -> Any:
        return self.convert(self.key, item.get(self.key))

    def cells(self, items: Sequence[Item]) -> Cells:
        key, convert = self.key, self.convert
        values = [item.get(key) for item in items]
        found = self.convert_usual(values)
        return [convert(key, value) for value in values] if found is None else found


@dataclass(frozen=True)
class Unknown(Reader):
    """Reads what no column covers, as JSON text without secrets.

    :param known: the keys that columns cover.
    :param parts: the keys inside nested objects that columns cover, with the key of the object.
    """

    known: frozenset[str]
    parts: frozenset[tuple[str, str]]

    def __call__(self, item: Item) -> str | None:
        if item.keys() <= self.known:
            return None
        unknown = {key: value for key, value in item.items() if key not in self.known}
        for outer in {outer for outer, _ in self.parts} & unknown.keys():
            held = unknown.pop(outer)
            is_object = isinstance(held, Mapping)
            rest = {k: v for k, v in held.items() if (outer, k) not in self.parts} if is_object else held
            unknown |= {outer: rest} if rest else {}
        return as_json(without_secrets(unknown))

    def cells(self, items: Sequence[Item]) -> Cells:
        keys: set[str] = set().union(*items)
        return [None] * len(items) if keys <= self.known else [*map(self, items)]


def cells_of(read: Callable[[Item], Any]) -> Callable[[Sequence[Item]], Cells]:
    """Return a function that reads a column's values from some items, as `read` does from one."""
    return read.cells if isinstance(read, Reader) else lambda items: [*map(read, items)]


def as_json(value: object) -> str | None:
    """Return nested data as JSON text for one cell; None if it is empty."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def to_text(key: str, value: Any) -> str | None:
    """Return a text; a number is converted to text."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        bad_argument(key, value, "a text")
    return str(value)


def to_integer(key: str, value: Any) -> int | None:
    """Return a whole number of at most 64 bits."""
    if value is None or value == "":
        return None
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        bad_argument(key, value, "a whole number")
    if not (isinstance(value, str) or found == value) or not MIN_INTEGER <= found <= MAX_INTEGER:
        bad_argument(key, value, "a whole number of at most 64 bits")
    return found


def to_number(key: str, value: Any) -> float | None:
    """Return a number."""
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        bad_argument(key, value, "a number")


def to_boolean(key: str, value: Any) -> bool | None:
    """Return a boolean, also from 0 and 1, or from words."""
    return None if value == "" else flag(key, value)


def to_time(key: str, value: Any) -> str | None:
    """Return an instant as ISO 8601 text in UTC."""
    try:
        return _utc(value) if value else None
    except (TypeError, ValueError, OverflowError):
        bad_argument(key, value, "an ISO 8601 time")


def to_nested(key: str, value: Any) -> str | None:
    """Return nested data as JSON text without secrets."""
    return as_json(without_secrets(value)) if value else None


def usual_texts(values: Cells) -> Cells | None:
    """Return texts and None as they are."""
    return values if _have_types(values, str) else None


def usual_integers(values: Cells) -> Cells | None:
    """Return numbers and None as they are."""
    if not _have_types(values, int):
        return None
    numbers = [value for value in values if value]
    return values if not numbers or (min(numbers) >= MIN_INTEGER and max(numbers) <= MAX_INTEGER) else None


def usual_numbers(values: Cells) -> Cells | None:
    """Return floats and None as they are."""
    return values if _have_types(values, float) else None


def usual_booleans(values: Cells) -> Cells | None:
    """Return booleans and None as they are."""
    return values if _have_types(values, bool) else None


def usual_times(values: Cells) -> Cells | None:
    """Return instants in UTC; None stays."""
    if not _have_types(values, str):
        return None
    try:
        return [_utc(value) if value else None for value in values]
    except (ValueError, OverflowError):
        return None


def usual_nested(values: Cells) -> Cells | None:
    """Return None for each value if all are empty."""
    return None if any(values) else [None] * len(values)


def _have_types(values: Cells, of: type) -> bool:
    return {of, NoneType}.issuperset(map(type, values))


@lru_cache(maxsize=10_000)
def _utc(moment: str) -> str:
    return parse(moment).astimezone(UTC).isoformat()
