"""Test writing rows in each format, and reading them back."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_clickmeeting.datasets.columns import boolean, integer, moment, nested, number, text
from airflow_clickmeeting.output import writers
from airflow_clickmeeting.output.writers import FORMATS, format_of, rows_to

COLUMNS = (integer("id"), text("name"), *moment("start"), number("minutes"), boolean("came"), nested("fields"))
HEADER = [column.name for column in COLUMNS]
ADA = dict.fromkeys(HEADER) | {"id": 1, "name": "Ada"}

instants = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.integers(-(2**63), 2**63 - 1),
            "name": st.none() | st.text() | st.text(',"\r\n =+-@\t', max_size=4),
            "start_utc": st.none() | instants,
            "start": st.none() | instants,
            "minutes": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "came": st.none() | st.booleans(),
            "fields": st.none() | st.dictionaries(st.text(), st.text(), min_size=1).map(json.dumps),
        }
    ),
    max_size=12,
)
every_format = pytest.mark.parametrize("file_format", FORMATS)


def written(file_format: str, *pieces: list[dict], **options) -> bytes:
    """Write rows in several calls, and return the file."""
    file = io.BytesIO()
    with rows_to(file, COLUMNS, file_format, **options) as out:
        for piece in pieces:
            assert out.write(piece) == len(piece)
    assert out.count == sum(map(len, pieces))
    return file.getvalue()


def cells_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def as_cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


@pytest.fixture
def small_batches(mocker):
    """Set two rows per batch, and four per row group."""
    mocker.patch.object(writers, "BATCH", 2)
    mocker.patch.object(writers, "ROW_GROUP", 4)


# --- each format ------------------------------------------------------------------------------------------------------


@given(rows)
def test_csv_is_read_back_as_it_was(rows):
    cells = [[as_cell(row[name]) for name in HEADER] for row in rows]
    assert cells_of(written("csv", rows, escape_formulas=False)) == [HEADER, *cells]


@given(rows)
def test_csv_is_what_the_standard_library_writes(rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([HEADER, *([as_cell(row[name]) for name in HEADER] for row in rows)])
    assert written("csv", rows, escape_formulas=False) == file.getvalue().encode()


@given(rows)
def test_json_lines_are_read_back_as_they_were(rows):
    lines = written("jsonl", rows).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == rows


@given(rows)
def test_parquet_is_read_back_as_it_was(rows):
    found = parquet.read_table(io.BytesIO(written("parquet", rows))).to_pylist()
    expected = [row | {"start_utc": (at := row["start_utc"]) and datetime.fromisoformat(at)} for row in rows]
    assert found == expected


def test_parquet_has_the_types_of_the_columns_also_where_there_are_no_rows():
    schema = parquet.read_schema(io.BytesIO(written("parquet")))
    assert {field.name: str(field.type) for field in schema} == {
        "id": "int64",
        "name": "string",
        "start_utc": "timestamp[us, tz=UTC]",
        "start": "string",
        "minutes": "double",
        "came": "bool",
        "fields": "string",
    }


@pytest.mark.usefixtures("small_batches")
def test_parquet_has_row_groups_of_a_bounded_size():
    file = parquet.ParquetFile(io.BytesIO(written("parquet", [ADA] * 7, [ADA] * 4)))
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [4, 4, 3]


def test_csv_without_rows_is_its_header():
    assert written("csv") == b"id,name,start_utc,start,minutes,came,fields\r\n"


def test_json_lines_without_rows_are_empty():
    assert written("jsonl") == b""


@pytest.mark.parametrize(("half", "read"), [("csv", "1,A?,"), ("jsonl", '"name":"A?"')])
def test_half_a_character_becomes_a_question_mark(half, read):
    assert read in written(half, [ADA | {"name": "A\ud83d"}]).decode()


def test_half_a_character_becomes_a_question_mark_in_parquet():
    names = parquet.read_table(io.BytesIO(written("parquet", [ADA | {"name": "A\ud83d"}, ADA | {"name": None}])))[
        "name"
    ]
    assert names.to_pylist() == ["A?", None]


# --- formulas ---------------------------------------------------------------------------------------------------------


FORMULAS = [
    *("=1+1", "+48", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", '=HYPERLINK("x","y")'),
    *(" =1+1", "   @SUM(A1)", "\n\n=1", "\t +1", "\ufeff=1", "\ufeff \ufeff-1", "\xa0=1", "\u3000=1", "\u200b=1"),
    *("\0=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", " \uff1d1"),
]
HARMLESS = ["Ada", "1=1", "a-b", "ada@example.com", " Ada", "\ufeffAda", "", " ", "(=1)", "'=1", "12", "Zażółć"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_text_is_no_formula(name):
    assert cells_of(written("csv", [ADA | {"name": name}]))[1][1] == f"'{name}"
    assert cells_of(written("csv", [ADA | {"name": name}], escape_formulas=False))[1][1] == name


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_text_is_left_alone(name):
    assert cells_of(written("csv", [ADA | {"name": name}]))[1][1] == name


def test_every_cell_of_a_column_is_judged_by_itself():
    names = [*FORMULAS, *HARMLESS]
    cells = cells_of(written("csv", [ADA | {"name": name} for name in names]))[1:]
    assert [cell[1] for cell in cells] == [*(f"'{name}" for name in FORMULAS), *HARMLESS]


def test_all_white_space_is_known():
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert spaces <= set(writers.BLANKS)


@given(st.text(writers.BLANKS + writers.SIGNS + "a1", min_size=1))
def test_no_text_of_blanks_and_signs_passes_unseen(name):
    (cell,) = [row[1] for row in cells_of(written("csv", [ADA | {"name": name}]))[1:]]
    bare = name.lstrip(writers.BLANKS)
    assert cell.startswith("'") is (bare[:1] in set(writers.SIGNS) if bare else False) | (name[0] in "\t\r\n")


def test_numbers_booleans_times_and_json_are_left_alone():
    row = ADA | {"id": -1, "minutes": -0.5, "came": True, "fields": '{"a": "=1"}'}
    row |= {"start_utc": "2030-06-03T08:01:00+00:00"}
    assert written("csv", [row, ADA | {"name": None}]) == written(
        "csv", [row, ADA | {"name": None}], escape_formulas=False
    )
    assert cells_of(written("csv", [row]))[1] == ["-1", "Ada", row["start_utc"], "", "-0.5", "true", row["fields"]]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_other_formats_need_no_guard(file_format):
    formula = [ADA | {"name": "=1+1"}]
    assert written(file_format, formula, escape_formulas=True) == written(file_format, formula)


# --- files ------------------------------------------------------------------------------------------------------------


@every_format
@pytest.mark.usefixtures("small_batches")
def test_the_bytes_depend_on_the_rows_and_not_on_the_pieces_in_which_they_came(file_format):
    rows = [ADA | {"id": number} for number in range(11)]
    whole = written(file_format, rows)
    assert written(file_format, rows[:1], [], rows[1:4], rows[4:]) == whole
    assert written(file_format, *([row] for row in rows)) == whole


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_a_gzipped_file_holds_the_same_and_neither_its_name_nor_the_time(file_format, tmp_path):
    path = tmp_path / "attendees.gz"
    with path.open("wb") as file, rows_to(file, COLUMNS, f"{file_format}.gz") as out:
        out.write([ADA])
    content = path.read_bytes()
    assert gzip.decompress(content) == written(file_format, [ADA])
    flags, modified = content[3], content[4:8]
    assert (flags, modified) == (0, bytes(4))


@every_format
def test_the_file_stays_open(file_format):
    file = io.BytesIO()
    with rows_to(file, COLUMNS, file_format) as out:
        out.write([ADA])
    assert not file.closed


@pytest.mark.usefixtures("small_batches")
def test_rows_are_written_as_they_come_and_not_kept():
    file = io.BytesIO()
    with rows_to(file, COLUMNS, "jsonl") as out:
        for number in range(1, 8):
            out.write([ADA])
            assert out.count == number
            assert file.getvalue().count(b"\n") == number // 2 * 2


@every_format
def test_rows_before_an_odd_one_count(file_format):
    def odd():
        yield from [ADA] * 3
        raise ValueError("odd")

    file = io.BytesIO()
    with rows_to(file, COLUMNS, file_format) as out:
        with pytest.raises(ValueError, match="odd"):
            out.write(odd())
        out.write([ADA])
        assert out.count == 4
    assert file.getvalue() == written(file_format, [ADA] * 4)


@every_format
def test_an_error_among_the_rows_comes_through(file_format):
    with pytest.raises(ZeroDivisionError), rows_to(io.BytesIO(), COLUMNS, file_format) as out:
        out.write(ADA | {"minutes": 1 / number} for number in (1, 0))


class FullDisk(io.BytesIO):
    def write(self, data) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@every_format
def test_a_full_disk_comes_through(file_format):
    with pytest.raises(OSError, match="No space left"), rows_to(FullDisk(), COLUMNS, file_format) as out:
        out.write([ADA])


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", ["attendees", "attendees.2030.06", "a b"])
def test_the_name_says_the_format(name, file_format):
    assert format_of(f"{name}.{file_format}") == format_of(f"{name}.{file_format}".upper()) == file_format


@pytest.mark.parametrize(
    ("path", "file_format", "chosen"),
    [
        ("attendees", "jsonl", "jsonl"),
        ("attendees.txt", "JSONL", "jsonl"),
        ("attendees.csv", "parquet", "parquet"),
        ("attendees.csv.gz", "csv", "csv.gz"),
        ("attendees.gz", "jsonl", "jsonl.gz"),
        ("attendees", "csv.gz", "csv.gz"),
        ("attendees.csv.gz", "csv.gz", "csv.gz"),
    ],
)
def test_a_format_that_is_given_comes_first(path, file_format, chosen):
    assert format_of(path, file_format) == chosen


THERE_ARE = "one of csv, jsonl, parquet, csv.gz, jsonl.gz; got"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.xlsx",), f"path must be a file name that ends in {THERE_ARE} 'a.xlsx'."),
        (("attendees",), f"path must be a file name that ends in {THERE_ARE} 'attendees'."),
        (("a.gz",), f"path must be a file name that ends in {THERE_ARE} 'a.gz'."),
        (("a.csv", "xml"), f"file_format must be {THERE_ARE} 'xml'."),
        (("a.csv.gz", "xml"), f"file_format must be {THERE_ARE} 'xml'."),
        (
            ("a.parquet.gz",),
            "path must be Parquet without .gz, since Parquet compresses its columns itself; got 'a.parquet.gz'.",
        ),
        (
            ("a.gz", "parquet"),
            "file_format must be Parquet without .gz, since Parquet compresses its columns itself; got 'parquet'.",
        ),
    ],
)
def test_a_format_that_is_not_there_is_refused_with_those_that_are(arguments, message):
    with pytest.raises(ValueError) as refused:
        format_of(*arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize("module", ["pyarrow", "pyarrow.parquet"])
def test_parquet_without_pyarrow_names_the_extra(module, mocker):
    mocker.patch.dict(sys.modules, {module: None})
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'airflow-clickmeeting\[parquet\]'"):
        format_of("attendees.parquet")
    assert format_of("attendees.csv") == "csv"
