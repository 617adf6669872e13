"""Read rows of people from a file on any object storage, or from a database."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from itertools import chain, zip_longest
from typing import IO, TYPE_CHECKING, Any

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.object_store import MissingRightError, naming_right
from airflow_clickmeeting.people.columns import Rows
from airflow_clickmeeting.storage import WRITE_FIRST, UnreadableFileError, located

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

DELIMITERS = (",", ";", "\t")
UTF_8 = codecs.lookup("utf-8-sig")
ROWS_PER_FETCH = 1000


def read_query(sql: str, sql_conn_id: str | None) -> Rows:
    """Yield the rows of a query while they are fetched, numbered from 1.

    :param sql: the query, whose columns are the keys.
    :param sql_conn_id: the connection of the database.
    :raises ValueError: for a query that returns no rows by its nature, and for a column without a name.
    """
    try:
        from airflow_clickmeeting.output.database import database
    except ImportError as error:
        raise ModuleNotFoundError(
            "Reading people from a database needs the extra sql. Run pip install 'airflow-clickmeeting[sql]' on the "
            "workers, then clear this task."
        ) from error

    sql = validate.filled("sql", sql)
    with database(validate.filled("sql_conn_id", sql_conn_id)) as engine, engine.connect() as connection:
        # without parameters, a percent sign is not a placeholder
        options = {"yield_per": ROWS_PER_FETCH, "no_parameters": True}
        # closed before the connection, since MySQL accepts no other command while rows of a query are unread
        with closing(connection.execution_options(**options).exec_driver_sql(sql)) as result:
            if not result.returns_rows:
                validate.bad_argument("sql", sql, "a query that returns rows")
            header = _header(list(result.keys()))
            for number, row in enumerate(result, start=1):
                yield number, dict(zip(header, row, strict=True))


def read_file(name: str, path: object, encoding: str | None = None) -> tuple[str, Rows]:
    """Return the path of a file, and its rows, which are read while you iterate over them.

    In a CSV file the header is row 1; the delimiter may be a comma, a semicolon or a tab. In JSON lines the number is
    that of the line. Blank rows are None.

    :param name: the argument that has the path, for errors.
    :param path: a file `.csv` or `.jsonl`, which may end in `.gz`.
    :param encoding: the encoding of the text, such as `cp1250`; by default UTF-8, with or without a byte order mark.
    :raises ValueError: at once for another path, and for an encoding that does not exist; while iterating, for a file
        that does not exist or cannot be read, naming the file and the row.
    """
    text = str(path).strip()
    codec = _codec(encoding)
    for suffix, read in _READERS.items():
        if text.removesuffix(".gz").endswith(suffix):
            file = located(path, "")  # type: ignore[arg-type] # anything whose text is a path
            return str(file), _opened(file, read, codec)
    # the value is not shown, since it may be a list of people that a template rendered to text
    raise ValueError(
        f"{name} must be a list of dicts, or a path that ends in .csv or .jsonl, perhaps with .gz; "
        f"got {type(path).__name__} of {len(text)} characters{validate.RENDERED * isinstance(path, str)}."
    )


def _csv(lines: Iterator[str]) -> Rows:
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


def _json_lines(lines: Iterator[str]) -> Rows:
    for number, line in enumerate(lines, start=1):
        yield number, _json_object(line) if line.strip() else None


def _json_object(line: str) -> Mapping[str, Any] | str:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else "it is not a JSON object"


_READERS = {".csv": _csv, ".jsonl": _json_lines}


def _opened(path: ObjectStoragePath, read: Callable[[Iterator[str]], Rows], codec: codecs.CodecInfo) -> Rows:
    number = 0
    try:
        with (
            naming_right(path, "read"),
            path.open("rb") as file,
            gzip.open(file) if path.name.endswith(".gz") else nullcontext(file) as plain,
        ):
            for number, row in read(_lines(plain, codec)):
                yield number, row
    except (FileNotFoundError, IsADirectoryError):
        raise UnreadableFileError(f"The file {path} does not exist. {WRITE_FIRST}") from None
    except UnicodeError:
        named = "UTF-8" if codec is UTF_8 else codec.name
        advice = 'in a spreadsheet, save the file as "CSV UTF-8", or set encoding to that of the file, such as "cp1250"'
        raise ValueError(f"{path}, row {number + 1}: it is not {named}; {advice}.") from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read, row {number + 1}: {error}.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, PermissionError) as error:
        cure = "" if isinstance(error, MissingRightError) else f" {WRITE_FIRST}"
        reason = str(error).rstrip(".")
        raise UnreadableFileError(f"{path} cannot be read, row {number + 1}: {reason}.{cure}") from error


def _codec(encoding: str | None) -> codecs.CodecInfo:
    if encoding is None:
        return UTF_8
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)  # an error for a codec of something else than text, such as zip
    except (LookupError, TypeError, ValueError):
        expected = "the name of a text encoding, such as 'utf-8', 'cp1250', 'iso-8859-2' or 'utf-16'"
        validate.bad_argument("encoding", encoding, expected)
    return UTF_8 if codec.name == "utf-8" else codec


def _lines(file: IO[bytes] | gzip.GzipFile, codec: codecs.CodecInfo) -> Iterator[str]:
    """Yield lines of text; each is decoded by itself, so that an error is about the next row."""
    decoder = codec.incrementaldecoder()
    rest = ""
    # a file of ObjectStoragePath cannot be iterated over on Airflow 3.1.0 and 3.1.1
    for number, line in enumerate(iter(file.readline, b"")):
        if number == 0 and codec is not UTF_8 and line.startswith(codecs.BOM_UTF8):
            raise ValueError("it begins with the byte order mark of UTF-8; leave encoding out")
        *lines, rest = (rest + decoder.decode(line)).split("\n")
        yield from (f"{each}\n" for each in lines)
    if rest := rest + decoder.decode(b"", final=True):
        yield rest


def _header(names: Sequence[str]) -> list[str]:
    header = [name.strip() for name in names]
    if not header or not all(header):
        raise ValueError("each column needs a name")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"two columns are called {twice!r}")
    return header


def _without_blank_end(cells: list[str]) -> list[str]:
    """Return the cells up to the last one that is not blank, since spreadsheets write blank columns and rows."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells
