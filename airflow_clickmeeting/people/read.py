"""Rows of people, whatever they come from: a list, a file on any object storage, or a database."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.storage import located

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.storage import Path

    People = Sequence[Mapping[str, Any]] | Path


RawPerson = dict[str, Any]
Skip = Callable[[int, str], object]
# a row with its number: a person, what is wrong with it, or nothing
Numbered = Iterator[tuple[int, Mapping[str, Any] | str | None]]

DELIMITERS = (",", ";", "\t")
AT_ONCE = 1000


def people_from(
    name: str,
    people: People | None,
    *,
    sql: str | None = None,
    sql_conn_id: str | None = None,
    skip: Skip | None = None,
) -> Iterator[tuple[int, RawPerson]]:
    """Return rows of people with their numbers, as a person counts them; they are read while they are walked.

    In a CSV file the header is row 1; its delimiter may be a comma, a semicolon or a tab. In JSON lines the number is
    the line's; lists and queries count from 1. Rows with nothing in them are left out. Texts are UTF-8, with or
    without a byte order mark.

    :param name: the argument that says whose rows, for errors.
    :param people: dicts, or the path of a file `.csv` or `.jsonl`, which may end in `.gz`.
    :param sql: a query instead, whose columns are the keys.
    :param conn_id: the database that it is for.
    :param skip: is told the number of a row that cannot be read, and why, and the rest goes on; without it they raise.
    :raises ValueError: at once when the arguments make no sense; while walking when there is nobody, when the file is
        not there or cannot be read, and for a row, naming the file and the row.
    """
    if (people is None) == (sql is None):
        raise ValueError(f"{name} must be given, or else sql with sql_conn_id; not both.")
    if sql is not None:
        return _people(name, "the query", _queried(validate.filled("sql", sql), sql_conn_id), skip)
    if sql_conn_id is not None:
        validate.bad_argument("sql_conn_id", sql_conn_id, "left out where there is no sql")
    if isinstance(people, Sequence) and not isinstance(people, str):
        return _people(name, name, _listed(validate.rows(name, people, "people")), skip)
    path, read = _file(name, people)
    return _people(name, str(path), _opened(path, read), skip)


def _people(name: str, where: str, rows: Numbered, skip: Skip | None) -> Iterator[tuple[int, RawPerson]]:
    anybody = False
    for number, row in rows:
        if row is None:
            continue
        anybody = True
        if not isinstance(row, str):
            yield number, dict(row)
        elif skip is None:
            raise ValueError(f"{where}, row {number}: {row}.")
        else:
            skip(number, row)
    if not anybody:
        raise ValueError(f"{name} must be at least one of the people; there is nobody in {where}.")


def _listed(people: Sequence[Any]) -> Numbered:
    for number, row in enumerate(people, start=1):
        yield number, row if isinstance(row, Mapping) else f"it is of type {type(row).__name__}, not a dict"


def _queried(sql: str, sql_conn_id: str | None) -> Numbered:
    try:
        from airflow_clickmeeting.output.database import database
    except ImportError as error:
        raise ModuleNotFoundError("Databases need more: pip install 'airflow-clickmeeting[sql]'") from error

    with database(validate.filled("sql_conn_id", sql_conn_id)) as engine, engine.connect() as connection:
        # a percent sign is no placeholder where there are no parameters
        options = {"yield_per": AT_ONCE, "no_parameters": True}
        result = connection.execution_options(**options).exec_driver_sql(sql)
        if not result.returns_rows:
            validate.bad_argument("sql", sql, "a query that returns rows")
        header = _header(list(result.keys()))
        for number, row in enumerate(result, start=1):
            yield number, dict(zip(header, row, strict=True))


# --- files --------------------------------------------------------------------------------------------------


def _csv(lines: Iterator[str]) -> Numbered:
    first = next(lines, "")
    unquoted = re.sub('"[^"]*"', "", first)
    delimiter = max(DELIMITERS, key=unquoted.count)
    rows = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header = _header(_without_blank_end(next(rows, [])))
    yield 1, None
    for number, row in enumerate(map(_without_blank_end, rows), start=2):
        if len(row) > len(header):
            yield number, f"it has {len(row)} cells, and the header has {len(header)}"
        else:
            yield number, dict(zip_longest(header, row)) if row else None


def _json_lines(lines: Iterator[str]) -> Numbered:
    for number, line in enumerate(lines, start=1):
        yield number, _json_object(line) if line.strip() else None


def _json_object(line: str) -> Mapping[str, Any] | str:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else "it is no JSON object"


_READERS = {".csv": _csv, ".jsonl": _json_lines}


def _file(name: str, path: object) -> tuple[ObjectStoragePath, Callable[[Iterator[str]], Numbered]]:
    """Return a file's path and its reader; what is none is not shown, for it may be a list rendered to text."""
    text = str(path).strip()
    for suffix, read in _READERS.items():
        if text.removesuffix(".gz").endswith(suffix):
            return located(path, ""), read  # type: ignore[arg-type]  # whatever it is, it says a path
    raise ValueError(
        f"{name} must be a list of dicts, or a path that ends in .csv or .jsonl, perhaps with .gz; "
        f"got {type(path).__name__} of {len(text)} characters{validate.RENDERED * isinstance(path, str)}."
    )


def _opened(path: ObjectStoragePath, read: Callable[[Iterator[str]], Numbered]) -> Numbered:
    number = 0
    try:
        with path.open("rb") as file, gzip.open(file) if path.name.endswith(".gz") else nullcontext(file) as plain:
            for number, row in read(_lines(plain)):
                yield number, row
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        why = 'it is not UTF-8, which spreadsheets call "CSV UTF-8"'
        raise ValueError(f"{path}, row {number + 1}: {why}.") from None
    except (ValueError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile, PermissionError) as error:
        raise ValueError(f"{path} cannot be read, row {number + 1}: {error}.") from error


def _lines(file: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in file:
        yield line.decode(encoding)
        encoding = "utf-8"


def _header(names: Sequence[str]) -> list[str]:
    header = [name.strip() for name in names]
    if not header or not all(header):
        raise ValueError("each column needs a name")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"the column {twice!r} is there twice")
    return header


def _without_blank_end(cells: list[str]) -> list[str]:
    """Spreadsheets write columns, and rows, that are empty."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells
