"""Where rows of people come from, how they are numbered, and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import uuid

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.people.columns import contact_columns
from airflow_clickmeeting.people.people_list import PeopleList, read_rows
from airflow_clickmeeting.storage import WRITE_FIRST

ADA = {"First Name": "Ada", "E-mail": "ada@example.com"}
EVE = {"First Name": "Eve", "E-mail": "eve@example.com"}


@pytest.fixture
def file(tmp_path):
    """Write a file, and return its path."""

    def file(name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(tmp_path / name)

    return file


def rows_of(people=None, *, sql=None, sql_conn_id=None, encoding=None):
    _, rows = read_rows("people", people, sql, sql_conn_id, encoding)
    return ((number, row) for number, row in rows if row is not None)


def read(people=None, **more):
    return [(number, row) for number, row in rows_of(people, **more) if not isinstance(row, str)]


def problems(people=None, **more):
    return [(number, row) for number, row in rows_of(people, **more) if isinstance(row, str)]


def refusal(people=None, **more):
    with pytest.raises(ValueError) as error:
        read(people, **more)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "First Name,E-mail\nAda,ada@example.com\nEve,eve@example.com\n",
        "First Name;E-mail\r\nAda;ada@example.com\r\nEve;eve@example.com",
        "First Name\tE-mail\nAda\tada@example.com\nEve\teve@example.com",
        '\ufeff"First Name","E-mail"\n"Ada",ada@example.com\nEve,"eve@example.com"\n',
        " First Name , E-mail ,,\nAda,ada@example.com,,\nEve,eve@example.com, ,",
    ],
)
@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz"])
def test_csv_as_programs_and_spreadsheets_write_it(file, name, content):
    assert read(file(name, content)) == [(2, ADA), (3, EVE)]


def test_the_delimiter_is_not_looked_for_in_quotes(file):
    path = file("people.csv", '"Name, as in, the passport";E-mail\nAda;ada@example.com\n')
    assert read(path) == [(2, {"Name, as in, the passport": "Ada", "E-mail": "ada@example.com"})]


def test_rows_of_csv_are_numbered_as_a_spreadsheet_does(file):
    path = file("people.csv", 'Name,Note\nAda,"two\nlines"\n\n,\nEve,\nBob\n')
    assert read(path) == [
        (2, {"Name": "Ada", "Note": "two\nlines"}),
        (5, {"Name": "Eve", "Note": None}),
        (6, {"Name": "Bob", "Note": None}),
    ]


@pytest.mark.parametrize("name", ["people.jsonl", "people.jsonl.gz"])
def test_json_lines_are_numbered_by_lines(file, name):
    content = '\ufeff{"First Name": "Ada", "E-mail": "ada@example.com"}\r\n\n{"Name": "Zażółć 🎉", "n": 1}'
    assert read(file(name, content)) == [(1, ADA), (3, {"Name": "Zażółć 🎉", "n": 1})]


def test_lists_count_from_1():
    assert read([ADA, EVE]) == [(1, ADA), (2, EVE)]
    assert read((ADA,)) == [(1, ADA)]


def test_a_file_may_lie_on_any_object_storage():
    attach("memory", fs=MemoryFileSystem())
    path = ObjectStoragePath(f"memory://{uuid.uuid4().hex}/people.csv")
    path.write_bytes(b"First Name;E-mail\nAda;ada@example.com")
    assert read(path) == read(str(path)) == [(2, ADA)]


def test_a_query_gives_rows(warehouse):
    warehouse.run(
        "CREATE TABLE people (name varchar(20), phone integer)",
        "INSERT INTO people VALUES ('Ada', 1), ('Eve', 2), ('Bob', NULL)",
    )
    sql = "SELECT name AS \"First Name\", phone FROM people WHERE name NOT LIKE 'B%:x' ORDER BY name"
    assert read(sql=sql, sql_conn_id=warehouse.conn_id) == [
        (1, {"First Name": "Ada", "phone": 1}),
        (2, {"First Name": "Bob", "phone": None}),
        (3, {"First Name": "Eve", "phone": 2}),
    ]
    with pytest.raises(ValueError, match=r"the query has no rows\.$"):
        PeopleList(
            "people",
            None,
            contact_columns(None),
            sql="SELECT * FROM people WHERE 1=0",
            sql_conn_id=warehouse.conn_id,
        )
    twice = refusal(sql="SELECT name, name FROM people", sql_conn_id=warehouse.conn_id)
    assert twice == "two columns are called 'name'"


def test_a_statement_that_is_no_query(connect, tmp_path):
    connect(None, "warehouse", conn_type="sqlite", host=f"{tmp_path}/warehouse.db", password=None)
    statement = "CREATE TABLE people (name varchar(20))"
    assert (
        refusal(sql=statement, sql_conn_id="warehouse") == f"sql must be a query that returns rows; got {statement!r}."
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "people must be given, or else sql with sql_conn_id; not both."),
        (
            {"people": [ADA], "sql": "SELECT 1", "sql_conn_id": "warehouse"},
            "people must be given, or else sql with sql_conn_id; not both.",
        ),
        ({"sql": " ", "sql_conn_id": "warehouse"}, "sql must be a text that is not blank; got ' '."),
        ({"sql": "SELECT 1"}, "sql_conn_id must be a text that is not blank; got None."),
        (
            {"people": [ADA], "sql_conn_id": "warehouse"},
            "sql_conn_id must be left out where there is no sql; got 'warehouse'.",
        ),
        ({"people": []}, "people must be a list with at least one of the people; got []."),
        (
            {"people": [ADA], "encoding": "cp1250"},
            "encoding must be left out where people is not a file; got 'cp1250'.",
        ),
        (
            {"sql": "SELECT 1", "sql_conn_id": "warehouse", "encoding": "cp1250"},
            "encoding must be left out where people is not a file; got 'cp1250'.",
        ),
    ],
)
def test_arguments_that_make_no_sense(arguments, said):
    assert refusal(**arguments) == said


@pytest.mark.parametrize("people", ["[{'E-mail': 'ada@example.com'}]", "people.xlsx", "", "None", 5, {"a": 1}])
def test_neither_a_list_nor_a_path(people):
    said = refusal(people)
    assert said.startswith("people must be a list of dicts, or a path that ends in .csv or .jsonl, perhaps with")
    assert ("a template renders to text" in said) is isinstance(people, str)
    assert "ada@" not in said


@pytest.mark.parametrize(
    ("name", "content", "number", "why"),
    [
        ("people.csv", "Name\nAda\n\nEve,5\nBob", 4, "it has 2 cells, and the header has 1"),
        ("people.jsonl", '{"Name": "Ada"}\n[1]\n{"Name": "Bob"}', 2, "it is not a JSON object"),
        ("people.jsonl", '{"Name": "Ada"}\n{"Name": \n{"Name": "Bob"}', 2, "it is not a JSON object"),
        ("people.jsonl", '{"Name": "Ada"}\n5\n{"Name": "Bob"}', 2, "it is not a JSON object"),
        ("people.jsonl", '{"Name": "Ada"}\n"text"\n{"Name": "Bob"}', 2, "it is not a JSON object"),
        ("people.jsonl", '{"Name": "Ada"}\nnull\n{"Name": "Bob"}', 2, "it is not a JSON object"),
    ],
)
def test_a_row_that_cannot_be_read_has_a_reason_and_the_others_are_read(file, name, content, number, why):
    path = file(name, content)
    assert [row["Name"] for _, row in read(path)] == ["Ada", "Bob"]
    assert problems(path) == [(number, why)]


def test_an_item_of_a_list_that_is_no_dict():
    assert problems([ADA, "eve@example.com"]) == [(2, "it is of type str, not a dict")]


NEXT_STEP = 'in a spreadsheet, save the file as "CSV UTF-8", or set encoding to that of the file, such as "cp1250".'
POLISH = "Imię;Nazwisko\nŻaneta;Gęślą\n\nŁucja;Ćwikła\n"


@pytest.mark.parametrize("encoding", ["cp1250", "iso-8859-2", "CP1250", "mac_latin2", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz"])
def test_csv_in_another_encoding(file, name, encoding):
    path = file(name, POLISH.encode(encoding))
    assert read(path, encoding=encoding) == [
        (2, {"Imię": "Żaneta", "Nazwisko": "Gęślą"}),
        (4, {"Imię": "Łucja", "Nazwisko": "Ćwikła"}),
    ]
    assert "it is not UTF-8" in refusal(path)


def test_a_spreadsheets_unicode_text(file):
    path = file("people.csv", "\ufeffImię\tNazwisko\r\nŻaneta\tGęślą\r\n".encode("utf-16-le"))
    assert read(path, encoding="utf-16") == [(2, {"Imię": "Żaneta", "Nazwisko": "Gęślą"})]


def test_json_lines_in_another_encoding(file):
    path = file("people.jsonl", '{"Imię": "Żaneta"}\n\n{"Imię": "Łucja"}'.encode("cp1250"))
    assert read(path, encoding="cp1250") == [(1, {"Imię": "Żaneta"}), (3, {"Imię": "Łucja"})]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig", None])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf_8_has_a_byte_order_mark_or_none(file, encoding, mark):
    assert read(file("people.csv", f"{mark}Imię\nŻaneta"), encoding=encoding) == [(2, {"Imię": "Żaneta"})]


@pytest.mark.parametrize(
    ("content", "encoding", "row", "named"),
    [
        (b"Name\nAda\nZo\xeb\n", None, 3, "UTF-8"),
        (b"Name\nAda\nZo\xeb\n", "utf-8", 3, "UTF-8"),
        ("Name\nAda\n".encode("utf-16"), None, 1, "UTF-8"),
        (b"Name\nAda\nZo\x81\n", "cp1250", 3, "cp1250"),
        (b"Name\nAda\nZo\xeb\n", "ascii", 3, "ascii"),
        (b"Name\nAda\n", "utf-16", 1, "utf-16"),
        ("Name\nAda\nEve".encode("utf-16")[:-1], "utf-16", 3, "utf-16"),
    ],
)
def test_the_wrong_encoding_is_an_error_that_names_file_and_row_and_says_what_to_do(
    file, content, encoding, row, named
):
    path = file("people.csv", content)
    assert refusal(path, encoding=encoding) == f"{path}, row {row}: it is not {named}; {NEXT_STEP}"


def test_utf_8_that_says_so_is_not_read_in_another_encoding(file):
    path = file("people.csv", "\ufeffImię\nŻaneta")
    reason = "it begins with the byte order mark of UTF-8; leave encoding out"
    assert refusal(path, encoding="cp1250") == f"{path} cannot be read, row 1: {reason}."


@pytest.mark.parametrize("encoding", ["cp12500", "zip", "hex", "rot13", "", 1250, b"cp1250", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused_before_the_file_is_opened(tmp_path, encoding):
    with pytest.raises(ValueError, match=r"^encoding must be the name of a text encoding, such as 'utf-8', 'cp1250'"):
        read_rows("people", f"{tmp_path}/nowhere.csv", None, None, encoding)


@pytest.mark.parametrize(
    ("content", "row", "why"),
    [
        (b'Name\nAda\n"Eve\nBob\n', 3, "unexpected end of data"),
        (b"Name,Name\nAda,Eve", 1, "two columns are called 'Name'"),
        (b"Name,,E-mail\nAda,,Eve", 1, "each column needs a name"),
        (b"\nName\nAda", 1, "each column needs a name"),
        (b"", 1, "each column needs a name"),
    ],
)
def test_a_csv_file_that_cannot_be_read(file, content, row, why):
    said = refusal(path := file("people.csv", content))
    assert said.startswith(path)
    assert f"row {row}: {why}" in said


def test_what_is_no_gzip_or_only_half_of_it(tmp_path):
    path = tmp_path / "people.csv.gz"
    path.write_bytes(b"Name\nAda\n")
    assert refusal(str(path)).startswith(f"{path} cannot be read, row 1: Not a gzipped file")
    path.write_bytes(gzip.compress(b"Name\n" + b"Ada\n" * 9)[:-9])
    assert refusal(str(path)).startswith(f"{path} cannot be read, row ")


def test_a_file_that_is_not_there(tmp_path):
    assert refusal(f"{tmp_path}/people.csv") == f"The file {tmp_path}/people.csv does not exist. {WRITE_FIRST}"
    (tmp_path / "folder.csv").mkdir()
    assert refusal(f"{tmp_path}/folder.csv") == f"The file {tmp_path}/folder.csv does not exist. {WRITE_FIRST}"


def test_a_file_that_may_not_be_read(file, mocker):
    def refused(*_, **__):
        raise PermissionError("denied")

    path = file("people.csv", "Name\nAda")
    mocker.patch.object(ObjectStoragePath, "open", refused)
    assert refusal(path) == f"{path} cannot be read, row 1: denied. {WRITE_FIRST}"


def test_a_right_that_the_storage_does_not_give_is_named(bucket):
    bucket.fs.pipe_file(f"{bucket.name}/people.csv", b"First Name,E-mail\nAda,ada@example.com\n")
    assert read(f"{bucket.url}/people.csv") == [(2, ADA)]
    bucket.deny("s3:GetObject")
    said = refusal(f"{bucket.url}/people.csv")
    assert "the right s3:GetObject, or s3:ListBucket if there is no such file, is missing" in said
    assert said.endswith("Give the connection's user or role this right on the bucket, then clear this task.")


@pytest.mark.parametrize(("name", "content"), [("people.csv", "Name\n\n,\n"), ("people.jsonl", ""), ("a.jsonl", "\n")])
def test_a_file_with_nobody_in_it(file, name, content):
    path = file(name, content)
    with pytest.raises(ValueError) as error:
        PeopleList("people", path, contact_columns(None))
    assert str(error.value) == f"people must be at least one of the people; {path} has no rows."


def test_arguments_are_refused_before_anything_is_walked():
    with pytest.raises(ValueError, match="people must be"):
        read_rows("people", "people.xlsx", None, None)


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_file(file):
    path = file("people.csv", "First Name,E-mail\n" + "Ada,ada@example.com\n" * 200_000)
    tracemalloc.start()
    assert sum(1 for _ in rows_of(path)) == 200_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_databases_extra_is_named_when_it_is_missing(mocker):
    mocker.patch.dict(sys.modules, {"airflow_clickmeeting.output.database": None})
    with pytest.raises(ModuleNotFoundError, match=r"airflow-clickmeeting\[sql\]"):
        read(sql="SELECT 1", sql_conn_id="warehouse")
