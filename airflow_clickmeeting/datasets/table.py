"""Convert the items of ClickMeeting's responses to the rows of a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property, lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api.times import parse
from airflow_clickmeeting.api.types import without_secrets
from airflow_clickmeeting.api.validate import bad_argument, flag

if TYPE_CHECKING:
    from airflow_clickmeeting.datasets.columns import Column

Item = Mapping[str, Any]
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

    def rows(
        self, items: Iterable[Item], skip: Callable[[str], object] | None = None, ids: Item | None = None
    ) -> Iterator[Row]:
        """Return the rows of one response, with `entry` if the dataset has that column.

        Equal entries get numbers, so the digests of all entries of a response stay in memory, about 80 bytes per row.

        :param items: the items of one response, in any order.
        :param skip: called with the reason for each item that cannot be read, which is then left out; without it, the
            error is raised.
        :param ids: values to add to each item, such as the id of the room that the items belong to.
        :raises ValueError: for an item that cannot be read, if `skip` is None.
        """
        rows = map(self.row, items) if skip is None else self._readable(items, skip, ids or {})
        return _with_entry(rows, self.entry_of) if self.entry_of else rows

    def _readable(self, items: Iterable[Item], skip: Callable[[str], object], ids: Item) -> Iterator[Row]:
        for number, item in enumerate(items, start=1):
            try:
                row = self.row({**item, **ids})
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


# --- values -------------------------------------------------------------------------------------------------


def as_json(value: object) -> str | None:
    """Return nested data as JSON text for one cell; None if it is empty."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def read_text(key: str, item: Item) -> str | None:
    """Return a text; a number is converted to text."""
    value = item.get(key)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        bad_argument(key, value, "a text")
    return str(value)


def read_integer(key: str, item: Item) -> int | None:
    """Return a whole number of at most 64 bits, since Parquet and databases store no larger ones."""
    value = item.get(key)
    if value is None or value == "":
        return None
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        bad_argument(key, value, "a whole number")
    if not (isinstance(value, str) or found == value) or not -(1 << 63) <= found < 1 << 63:
        bad_argument(key, value, "a whole number of at most 64 bits")
    return found


def read_number(key: str, item: Item) -> float | None:
    """Return a number."""
    value = item.get(key)
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        bad_argument(key, value, "a number")


def read_boolean(key: str, item: Item) -> bool | None:
    """Return a boolean, also from 0 and 1, or from words."""
    value = item.get(key)
    return None if value == "" else flag(key, value)


def read_time(keys: tuple[str, ...], item: Item) -> str | None:
    """Return the instant of the first key that has one, as ISO 8601 text in UTC."""
    for key in keys:
        if value := item.get(key):
            try:
                return _utc(value)
            except (TypeError, ValueError, OverflowError):
                bad_argument(key, value, "an ISO 8601 time")
    return None


def read_nested(key: str, item: Item) -> str | None:
    """Return nested data as JSON text without secrets."""
    value = item.get(key)
    return as_json(without_secrets(value)) if value else None


def read_unknown(known: Set[str], parts: Set[tuple[str, str]], item: Item) -> str | None:
    """Return what no column covers, as JSON text without secrets.

    :param known: the keys that columns cover.
    :param parts: the keys inside nested objects that columns cover, with the key of the object.
    """
    if item.keys() <= known:
        return None
    unknown = {key: value for key, value in item.items() if key not in known}
    for outer in {outer for outer, _ in parts} & unknown.keys():
        held = unknown.pop(outer)
        rest = {k: v for k, v in held.items() if (outer, k) not in parts} if isinstance(held, Mapping) else held
        unknown |= {outer: rest} if rest else {}
    return as_json(without_secrets(unknown))


@lru_cache(maxsize=10_000)
def _utc(moment: str) -> str:
    return parse(moment).astimezone(UTC).isoformat()
