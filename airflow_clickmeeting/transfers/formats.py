"""The formats of files: which one a name asks for, and a file open for rows."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, cast

from airflow_clickmeeting.api.values import refuse
from airflow_clickmeeting.transfers.columns import Column
from airflow_clickmeeting.transfers.writers import (
    CsvWriter,
    JsonLinesWriter,
    ParquetWriter,
    RowWriter,
    load_pyarrow,
)

FORMATS = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz")


@contextmanager
def rows_to(
    file: IO[bytes], columns: Sequence[Column], file_format: str, *, guard: bool = False
) -> Iterator[RowWriter]:
    """Open a file for rows, which is complete when the context ends without an error.

    The same rows make the same bytes, also gzipped.

    :param file: open for writing; it stays open.
    :param columns: of a dataset.
    :param file_format: what `format_of` returned.
    :param guard: put an apostrophe before texts that a spreadsheet would take for a formula; for CSV only.
    """
    name, _, gzipped = file_format.partition(".")
    with ExitStack() as stack:
        if gzipped:
            file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0)))
        writer = _writers(guard)[name](file, columns)
        stack.callback(writer.close)
        yield writer
        writer.finish()


def _writers(guard: bool) -> dict[str, Callable[[IO[bytes], Sequence[Column]], RowWriter]]:
    return {"csv": partial(CsvWriter, guard=guard), "jsonl": JsonLinesWriter, "parquet": ParquetWriter}


def format_of(path: str, file_format: str | None = None, formats: Collection[str] = FORMATS) -> str:
    """Return the format to write in: the given one, else the one that the file's name says; `.gz` counts in both.

    :param formats: those there are.
    :raises ValueError: naming the formats there are.
    :raises ModuleNotFoundError: for Parquet without pyarrow.
    """
    chosen = (file_format or _ending(path)).lower()
    if file_format and path.lower().endswith(".gz") and not chosen.endswith(".gz"):
        chosen += ".gz"
    name, value = ("file_format", file_format) if file_format else ("path", path)
    if chosen == "parquet.gz":
        refuse(name, value, "Parquet without .gz, since Parquet compresses its columns itself")
    if chosen not in formats:
        refuse(name, value, f"{'' if file_format else 'a file name that ends in '}one of {', '.join(formats)}")
    if chosen == "parquet":
        load_pyarrow()
    return chosen


def _ending(path: str) -> str:
    return ".".join(path.split(".")[-2 if path.lower().endswith(".gz") else -1 :])
