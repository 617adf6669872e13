"""Write rows as CSV, JSON Lines or Parquet in batches, so that memory does not grow with their number."""

from __future__ import annotations

import gzip
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from json.encoder import encode_basestring
from operator import itemgetter
from typing import IO, Any, cast

from airflow_clickmeeting.api.validate import bad_argument
from airflow_clickmeeting.datasets.columns import Column
from airflow_clickmeeting.datasets.table import Batch, Cells, Row

# East Asian spreadsheets know full-width signs, too.
SIGNS = "=+-@＝＋－＠"  # noqa: RUF001
# What a spreadsheet may skip before a formula: white space, characters of no width such as a byte order mark, and null.
_CODES = (0, *range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F)
BLANKS = "".join(map(chr, (*_CODES, 0x3000, 0xFEFF)))
FORMULA = re.compile(f"[{re.escape(BLANKS)}]*[{re.escape(SIGNS)}]|[\t\r\n]")
FIRST = itemgetter(slice(1))
RISKY = frozenset(BLANKS + SIGNS)
BATCH = 1024
ROW_GROUP = 64 * BATCH
PLAIN = {"integer", "number", "boolean"}


class RowWriter(ABC):
    """Base of writers of rows; the bytes depend only on the rows, not on the number of calls of `write`.

    :param file: the file to write to.
    :param columns: the columns that every row has, in this order.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        self._names = [column.name for column in columns]
        self._waiting: list[list[Any]] = [[] for _ in columns]
        self._written = 0

    @property
    def count(self) -> int:
        """How many rows the writer has received."""
        return self._written + len(self._waiting[0])

    def write(self, rows: Iterable[Row]) -> int:
        """Write rows, and return how many; rows before an error are included in `count`."""
        return self.write_batches({name: [row[name]] for name in self._names} for row in rows)

    def write_batches(self, batches: Iterable[Batch]) -> int:
        """Write rows in batches of any size, which is faster than row by row; the rest is as in `write`."""
        before = self.count
        for batch in batches:
            for name, waiting in zip(self._names, self._waiting, strict=True):
                waiting.extend(batch[name])
            while len(self._waiting[0]) >= BATCH:
                self._put_waiting()
        return self.count - before

    def finish(self) -> None:
        """Write the last batch."""
        if self._waiting[0]:
            self._put_waiting()

    def close(self) -> None:  # noqa: B027 - most writers have nothing to close
        """Release resources, also after an error."""

    def _put_waiting(self) -> None:
        cells = [waiting[:BATCH] for waiting in self._waiting]
        self._put(cells)
        self._written += len(cells[0])
        self._waiting = [waiting[BATCH:] for waiting in self._waiting]

    @abstractmethod
    def _put(self, cells: Iterable[Cells]) -> None:
        """Write a batch, given as the cells of each column."""


class CsvWriter(RowWriter):
    """Writes CSV (RFC 4180) in UTF-8 with a header; None and an empty text both become an empty cell.

    It quotes column by column, which is three times as fast as `csv.writer` and gives the same bytes.

    :param escape_formulas: whether to put an apostrophe before texts that a spreadsheet would run as a formula.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[Column], *, escape_formulas: bool = True) -> None:
        super().__init__(file, columns)
        self._escape_formulas = escape_formulas
        self._put_lines([self._names])

    def _put(self, cells: Iterable[Cells]) -> None:
        self._put_lines(zip(*map(self._texts, self._columns, cells), strict=True))

    def _texts(self, column: Column, cells: Cells) -> Sequence[str]:
        if column.type in PLAIN:
            return _plain(column, cells, nothing="")
        if not any(cells):
            return [""] * len(cells)
        texts = cells if all(cells) else [cell or "" for cell in cells]
        # most columns have no risky cell, and this finds out faster than a search in each cell
        if self._escape_formulas and column.type == "text" and not RISKY.isdisjoint(map(FIRST, texts)):
            texts = [f"'{text}" if FORMULA.match(text) else text for text in texts]
        return [_quoted(text) for text in texts] if _needs_quotes("".join(texts)) else texts

    def _put_lines(self, lines: Iterable[Iterable[str]]) -> None:
        self._file.write(_utf8("\r\n".join([*map(",".join, lines), ""])))


def _needs_quotes(text: str) -> bool:
    return "," in text or '"' in text or "\n" in text or "\r" in text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _needs_quotes(text) else text


class JsonLinesWriter(RowWriter):
    """Writes a JSON object per line, in UTF-8; JSON columns are written as texts, so that the schema never changes."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        super().__init__(file, columns)
        self._line = "{" + ",".join(f'"{name}":%s' for name in self._names) + "}"

    def _put(self, cells: Iterable[Cells]) -> None:
        lines = zip(*map(self._values, self._columns, cells), strict=True)
        self._file.write(_utf8("\n".join([*map(self._line.__mod__, lines), ""])))

    def _values(self, column: Column, cells: Cells) -> Sequence[str]:
        if column.type in PLAIN:
            return _plain(column, cells, nothing="null")
        return ["null" if cell is None else encode_basestring(cell) for cell in cells]


def _plain(column: Column, cells: Cells, *, nothing: str) -> Sequence[str]:
    """Return numbers and booleans as CSV and JSON write them."""
    texts = [nothing if cell is None else str(cell) for cell in cells]
    return [text.lower() for text in texts] if column.type == "boolean" else texts


class ParquetWriter(RowWriter):
    """Writes Parquet: times as timestamps in UTC, JSON as text, and at most `ROW_GROUP` rows in a row group."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        super().__init__(file, columns)
        self._pyarrow = pa = load_pyarrow()
        types = {
            "text": pa.string(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "boolean": pa.bool_(),
            "time": pa.timestamp("us", "UTC"),
            "json": pa.string(),
        }
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._group: list[Any] = []
        self._parquet = pa.parquet.ParquetWriter(file, self._schema)

    def _put(self, cells: Iterable[Cells]) -> None:
        arrays = [self._array(each, of) for each, of in zip(cells, self._schema.types, strict=True)]
        self._group.append(self._pyarrow.record_batch(arrays, schema=self._schema))
        if len(self._group) * BATCH == ROW_GROUP:
            self._put_group()

    def _array(self, cells: Cells, of: Any) -> Any:
        pa = self._pyarrow
        if pa.types.is_timestamp(of):
            return pa.array(cells, pa.string()).cast(of)
        try:
            return pa.array(cells, of)
        except UnicodeEncodeError:
            return pa.array([cell and _utf8(cell).decode() for cell in cells], of)

    def _put_group(self) -> None:
        self._parquet.write_table(self._pyarrow.Table.from_batches(self._group, self._schema))
        self._group = []

    def finish(self) -> None:
        """Write the last row group."""
        super().finish()
        if self._group:
            self._put_group()

    def close(self) -> None:
        """Write the footer."""
        self._parquet.close()


def load_pyarrow() -> Any:
    """Import and return pyarrow, which the extra `parquet` installs.

    :raises ModuleNotFoundError: naming the extra if pyarrow is missing.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise ModuleNotFoundError(
            "Parquet needs pyarrow. Run pip install 'airflow-clickmeeting[parquet]' on the workers, then clear this "
            "task."
        ) from error
    return pa


def _utf8(text: str) -> bytes:
    """Encode a text; a lone surrogate, which JSON can contain, becomes a question mark."""
    return text.encode("utf-8", "replace")


FORMATS = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz")


@contextmanager
def rows_to(
    file: IO[bytes], columns: Sequence[Column], file_format: str, *, escape_formulas: bool = True
) -> Iterator[RowWriter]:
    """Yield a writer of rows to a file, which is complete if the context ends without an error.

    The same rows give the same bytes, also gzipped.

    :param file: a file that is open for writing; it stays open.
    :param columns: the columns of the dataset.
    :param file_format: the format that `format_of` returned.
    :param escape_formulas: whether to put an apostrophe before texts that a spreadsheet would run as a formula, in CSV.
    """
    name, _, gzipped = file_format.partition(".")
    with ExitStack() as stack:
        if gzipped:
            file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0)))
        writer = _writers(escape_formulas)[name](file, columns)
        stack.callback(writer.close)
        yield writer
        writer.finish()


def _writers(escape_formulas: bool) -> dict[str, Callable[[IO[bytes], Sequence[Column]], RowWriter]]:
    return {
        "csv": partial(CsvWriter, escape_formulas=escape_formulas),
        "jsonl": JsonLinesWriter,
        "parquet": ParquetWriter,
    }


def format_of(path: str, file_format: str | None = None, formats: Collection[str] = FORMATS) -> str:
    """Return the format to write: the given one, or else that of the file's ending, both with `.gz` if it is gzipped.

    :param formats: the valid formats.
    :raises ValueError: for another format, listing the valid ones.
    :raises ModuleNotFoundError: for Parquet without pyarrow.
    """
    chosen = (file_format or _ending(path)).lower()
    if file_format and path.lower().endswith(".gz") and not chosen.endswith(".gz"):
        chosen += ".gz"
    name, value = ("file_format", file_format) if file_format else ("path", path)
    if chosen == "parquet.gz":
        bad_argument(name, value, "Parquet without .gz, since Parquet compresses its columns itself")
    if chosen not in formats:
        bad_argument(name, value, f"{'' if file_format else 'a file name that ends in '}one of {', '.join(formats)}")
    if chosen == "parquet":
        load_pyarrow()
    return chosen


def _ending(path: str) -> str:
    return ".".join(path.split(".")[-2 if path.lower().endswith(".gz") else -1 :])
