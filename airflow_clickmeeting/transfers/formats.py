"""Rows to bytes, row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from airflow_clickmeeting.api.values import refuse

Rows = Iterable[dict[str, Any]]
Writer = Callable[[IO[bytes], Sequence[str], Rows], int]


def write_csv(file: IO[bytes], header: Sequence[str], rows: Rows) -> int:
    """Write a header and rows as CSV (RFC 4180, UTF-8), and return how many rows; None is an empty cell."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the last number is the count
        writer.writerow(row)
    text.flush()
    text.detach()
    return count


def write_jsonl(file: IO[bytes], _header: Sequence[str], rows: Rows) -> int:
    """Write a JSON object per line (UTF-8), and return how many."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the last number is the count
        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return count


WRITERS: dict[str, Writer] = {"csv": write_csv, "jsonl": write_jsonl}


def format_of(path: str, file_format: str | None = None) -> str:
    """Return the format to write in: the given one, else the one that the file's name says.

    :raises ValueError: naming the formats there are.
    """
    chosen = (file_format or path.rpartition(".")[2]).lower()
    if chosen not in WRITERS:
        name, value = ("file_format", file_format) if file_format else ("path", path)
        refuse(name, value, f"{'' if file_format else 'a file name that ends in '}one of {', '.join(WRITERS)}")
    return chosen
