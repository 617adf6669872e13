"""Test tables and their rows in each database: creation, checks of existing tables, and repeated writes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from databases import KINDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_clickmeeting.datasets.columns import boolean, integer, moment, nested, number, text
from airflow_clickmeeting.datasets.definitions import DATASETS
from airflow_clickmeeting.datasets.table import Dataset
from airflow_clickmeeting.output import upsert
from airflow_clickmeeting.output.existing import UniqueKey, existing_columns, unique_keys
from airflow_clickmeeting.output.table import declared, prepare
from airflow_clickmeeting.output.upsert import Upserts

PEOPLE = Dataset(
    "people",
    (integer("id"), text("name"), *moment("start"), number("minutes", unit="min"), boolean("came"), nested("fields")),
    key=("id",),
)
ENTRIES = Dataset(
    "entries",
    (integer("room_id"), integer("session_id"), text("entry"), text("nickname")),
    key=("room_id", "session_id", "entry"),
)
BUT_DUCKDB = [kind for kind in KINDS if kind != "duckdb"]
ADA = {
    "id": 1,
    "name": "Ada",
    "start_utc": "2030-06-03T08:01:00+00:00",
    "start": "2030-06-03T10:01:00+02:00",
    "minutes": 39.5,
    "came": True,
    "fields": '{"Company": "Example"}',
}
NOBODY = dict.fromkeys(ADA) | {"id": 2}


@pytest.fixture(autouse=True)
def chunks_of_two(mocker):
    mocker.patch.object(upsert, "CHUNK", 2)


@pytest.fixture
def load(warehouse) -> Callable[..., int]:
    """Write rows into a table, which is created if it does not exist."""

    def load(rows: Iterable[dict[str, Any]], dataset: Dataset = PEOPLE, table: str = "loaded") -> int:
        return write(warehouse.engine, rows, dataset, table)

    return load


def write(engine: sa.Engine, rows: Iterable[dict[str, Any]], dataset: Dataset = PEOPLE, name: str = "loaded") -> int:
    table = declared(dataset, name)
    prepare(engine, table)
    batches = [[list(cells) for cells in zip(*map(dict.values, group), strict=True)] for group in by_session(rows)]
    sessions = [(columns[0][0], columns[1][0]) for columns in batches]
    with engine.begin() as connection:
        upserts = Upserts(connection, table)
        before = upserts.count_rows(sessions)
        count, kept = upserts.write(batches)
        for session, columns in zip(sessions, batches, strict=True):
            if before[session] != kept[session]:
                upserts.delete_others([session], [columns])
        return count


def by_session(rows: Iterable[dict[str, Any]]) -> Iterator[Iterable[dict[str, Any]]]:
    return (group for _, group in groupby(rows, lambda row: [row.get(name) for name in upsert.SESSION]))


def entry(session_id: int, key: str, nickname: str = "Ada", room_id: int = 1) -> dict[str, Any]:
    return {"room_id": room_id, "session_id": session_id, "entry": key, "nickname": nickname}


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


# --- creation --------------------------------------------------------------------------------------------------------

TYPES = {
    "postgresql": ["BIGINT", "TEXT", "TIMESTAMP", "TEXT", "DOUBLE PRECISION", "BOOLEAN", "TEXT"],
    "sqlite": ["BIGINT", "TEXT", "TEXT", "TEXT", "DOUBLE", "BOOLEAN", "TEXT"],
    "mysql": ["bigint", "longtext", "datetime(6)", "longtext", "double", "tinyint(1)", "longtext"],
    "duckdb": ["BIGINT", "VARCHAR", "TIMESTAMP", "VARCHAR", "DOUBLE", "BOOLEAN", "VARCHAR"],
}
ASK_TYPES = {
    # a width tells nothing of what an integer can hold, and only MariaDB names it; tinyint(1) is the type of booleans
    "mysql": "SELECT REPLACE(column_type, 'bigint(20)', 'bigint') AS type FROM information_schema.columns "
    "WHERE table_schema = DATABASE()",
    "duckdb": "SELECT data_type AS type FROM duckdb_columns() WHERE table_name = 'loaded'",
}


def test_a_table_has_the_types_of_its_database_and_the_datasets_key(warehouse, load):
    assert load([]) == 0
    table = declared(PEOPLE, "loaded")
    columns = existing_columns(warehouse.engine, table)
    assert [*columns] == PEOPLE.header
    query = ASK_TYPES.get(warehouse.kind)
    types = [row["type"] for row in warehouse.ask(query)] if query else [str(each["type"]) for each in columns.values()]
    assert types == TYPES[warehouse.kind]
    assert UniqueKey({"id"}) in unique_keys(warehouse.engine, table)


def test_units_are_comments_where_there_are_such(warehouse, load):
    load([])
    if warehouse.kind == "duckdb":
        (found,) = warehouse.ask("SELECT comment FROM duckdb_columns() WHERE column_name = 'minutes'")
    else:
        found = sa.inspect(warehouse.engine).get_columns("loaded")[4]
    assert found.get("comment") == (None if warehouse.kind == "sqlite" else "min")


UTC_TEXT = {
    "postgresql": "CAST(start_utc AT TIME ZONE 'UTC' AS TEXT)",
    "sqlite": "datetime(start_utc)",
    "mysql": "DATE_FORMAT(start_utc, '%%Y-%%m-%%d %%H:%%i:%%s')",
    "duckdb": "CAST(start_utc AS TEXT)",
}


def test_values_come_back_as_they_were(warehouse, load):
    load([ADA, NOBODY])
    assert warehouse.ask(f"SELECT id, {UTC_TEXT[warehouse.kind]} AS utc FROM loaded ORDER BY id") == [
        {"id": 1, "utc": "2030-06-03 08:01:00"},
        {"id": 2, "utc": None},
    ]
    ada, nobody = (without(row, "start_utc", "xmin") for row in warehouse.rows())
    assert ada == without(ADA, "start_utc")
    assert nobody == without(NOBODY, "start_utc")


@pytest.mark.parametrize("moment", ["2030-06-03T08:01:00+00:00", "2069-12-31T23:59:59.123456+00:00"])
def test_times_are_those_of_utc_to_the_microsecond(warehouse, load, moment):
    load([ADA | {"start_utc": moment}])
    (row,) = warehouse.rows()
    at = row["start_utc"] if warehouse.kind != "sqlite" else datetime.fromisoformat(row["start_utc"])
    assert at == datetime.fromisoformat(moment).replace(tzinfo=at.tzinfo and UTC)


def test_times_in_sqlite_are_iso_8601_in_utc(warehouse, load):
    load([ADA])
    if warehouse.kind == "sqlite":
        assert warehouse.ask("SELECT start_utc FROM loaded") == [{"start_utc": "2030-06-03T08:01:00+00:00"}]


@pytest.mark.parametrize("minutes", [0.1, 1 / 3, 0.1 + 0.2, 1e-300, 1e300, -0.5, 59.983333333333334])
def test_numbers_have_every_digit(warehouse, load, minutes):
    load([ADA | {"minutes": minutes}])
    assert [row["minutes"] for row in warehouse.rows()] == [minutes]
    with writes_of(warehouse.engine) as writes:
        load([ADA | {"minutes": minutes}])
    assert writes == []


@pytest.mark.parametrize("name", ["x" * 70_000, "Zażółć 🎉" * 10_000])
def test_long_texts(warehouse, load, name):
    load([ADA | {"name": name, "fields": json.dumps(name)}])
    assert [(row["name"], row["fields"]) for row in warehouse.rows()] == [(name, json.dumps(name))]


@pytest.mark.parametrize("key", ["x" * 700, "ż" * 700, "🎉" * 700])
def test_a_long_text_in_a_key(warehouse, load, key):
    for _ in range(2):
        load([entry(7, key), entry(7, key[:-1])], ENTRIES)
    assert {row["entry"] for row in warehouse.rows()} == {key, key[:-1]}


def test_texts_that_differ_in_case_or_accents_are_different(warehouse, load):
    keys = ["ada@example.com", "Ada@example.com", "ADA@EXAMPLE.COM", "ąda@example.com"]
    for _ in range(2):
        assert load([entry(7, key) for key in keys], ENTRIES) == 4
    assert {row["entry"] for row in warehouse.rows()} == {*keys}
    load([entry(7, key, "ADA") for key in keys], ENTRIES)
    assert {row["nickname"] for row in warehouse.rows()} == {"ADA"}
    load([entry(7, key, "ADA ") for key in keys], ENTRIES)
    assert {row["nickname"] for row in warehouse.rows()} == {"ADA "}


@pytest.mark.parametrize("name", ["Zażółć 🎉", "a\\b'c\"d%s:x{}", "", " ", "\n\r\t", "{1,2}", "NULL"])
def test_texts_of_all_kinds(warehouse, load, name):
    load([ADA | {"name": name}])
    assert [row["name"] for row in warehouse.rows()] == [name]


@pytest.mark.parametrize(("name", "kept"), [("A\0da", "Ada"), ("Ada \ud83d", "Ada ?")])
def test_what_databases_refuse_in_a_text_is_left_out(warehouse, load, name, kept):
    load([ADA | {"name": name}])
    assert [row["name"] for row in warehouse.rows()] == [kept]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**31])
def test_big_numbers(warehouse, load, number):
    load([ADA | {"id": number}])
    assert [row["id"] for row in warehouse.rows()] == [number]


@pytest.mark.parametrize("name", ["Webinars", "order", "two words", 'a"b', "50%", "zażółć", "x'); DROP TABLE kept; --"])
def test_a_name_is_a_name_and_nothing_else(warehouse, load, name):
    warehouse.run("CREATE TABLE kept (id INTEGER)")
    load([ADA], table=name)
    load([ADA], table=name)
    assert sorted(warehouse.tables) == sorted([name, "kept"])


def test_a_schema_before_the_tables_name(warehouse, load):
    if warehouse.kind in {"postgresql", "mysql", "duckdb"}:
        name = f"Web data {uuid.uuid4().hex}"  # a schema of MySQL is a database, so it is there for other tests too
        quoted = f"`{name}`" if warehouse.kind == "mysql" else f'"{name}"'
        warehouse.run(f"CREATE SCHEMA {quoted}", "CREATE TABLE loaded (other TEXT)")
        load([ADA], table=f"{name}.loaded")
        load([ADA], table=f"{name}.loaded")
        assert len(warehouse.rows(f"{quoted}.loaded")) == 1
    else:
        load([ADA], table="main.loaded")
        assert len(warehouse.rows()) == 1


@pytest.mark.parametrize("name", ["", " ", "a.b.c", ".a", "a.", None, 7])
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(ValueError, match="table must be "):
        declared(PEOPLE, name)


# DuckDB has one writer
@pytest.mark.parametrize("warehouse", BUT_DUCKDB, indirect=True)
def test_tasks_beside_one_another_make_the_table_once(warehouse):
    together = Barrier(6)

    def make(_: int) -> None:
        together.wait(600)
        prepare(warehouse.engine, declared(PEOPLE, "loaded"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    assert warehouse.tables == ["loaded"]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
@pytest.mark.parametrize("dialect", [postgresql, sqlite, mysql], ids=lambda each: each.__name__)
def test_every_dataset_can_be_declared_in_every_database(dataset, dialect):
    made = str(sa.schema.CreateTable(declared(dataset, "loaded")).compile(dialect=dialect.dialect()))
    assert all(name in made for name in dataset.header)


# --- existing tables --------------------------------------------------------------------------------------------------

ZONED = "TIMESTAMP WITH TIME ZONE"
FITTING = (
    "id BIGINT, name TEXT, start_utc TIMESTAMP WITH TIME ZONE, start TEXT, minutes FLOAT, came BOOLEAN, fields TEXT"
)
MISFITS = [
    (FITTING, "the table has no unique key on id"),
    (f"{FITTING}, UNIQUE (id, came)", "the table has no unique key on id"),
    (f"{FITTING.replace('came BOOLEAN, ', '')}, UNIQUE (id)", "came is missing"),
    (f"{FITTING.replace('name TEXT', 'name BIGINT')}, UNIQUE (id)", "name is not TEXT"),
    (f"{FITTING.replace('minutes FLOAT', 'minutes TEXT')}, UNIQUE (id)", "minutes is not DOUBLE"),
    (f"{FITTING.replace('start TEXT', 'start TEXT NOT NULL')}, UNIQUE (id)", "start cannot be NULL"),
    (f"{FITTING}, mine TEXT NOT NULL, UNIQUE (id)", "mine cannot be NULL and has no default"),
]


TIMES = {"sqlite": "TEXT", "mysql": "DATETIME(6)", "duckdb": "TIMESTAMP"}


def table_of(kind: str, columns: str) -> str:
    return f"CREATE TABLE loaded ({columns.replace('TIMESTAMP WITH TIME ZONE', TIMES.get(kind, ZONED))})"


@pytest.mark.parametrize(("columns", "why"), MISFITS)
def test_a_table_that_does_not_fit(warehouse, columns, why):
    warehouse.run(table_of(warehouse.kind, columns))
    with pytest.raises(ValueError, match="table 'loaded' does not fit") as refused:
        prepare(warehouse.engine, declared(PEOPLE, "loaded"))
    if warehouse.kind == "mysql":
        why = why.replace("TEXT", "LONGTEXT")
    assert why in str(refused.value)
    assert ";" not in str(refused.value)


def test_the_error_lists_everything_that_does_not_fit(warehouse):
    warehouse.run("CREATE TABLE loaded (id TEXT, came BOOLEAN)")
    with pytest.raises(ValueError) as refused:
        prepare(warehouse.engine, declared(PEOPLE, "loaded"))
    message = str(refused.value)
    assert message.startswith("table 'loaded' does not fit: id is not BIGINT; name is missing; start_utc is missing; ")
    assert message.endswith("fields is missing; the table has no unique key on id.")


def test_a_time_without_a_zone_does_not_fit(warehouse):
    if warehouse.kind == "postgresql":
        warehouse.run(f"CREATE TABLE loaded ({FITTING.replace('WITH TIME ZONE', '')}, UNIQUE (id))")
        with pytest.raises(ValueError, match="start_utc is not TIMESTAMP WITH TIME ZONE"):
            prepare(warehouse.engine, declared(PEOPLE, "loaded"))


def test_a_key_of_some_rows_only_is_none(warehouse):
    partial = "CREATE UNIQUE INDEX partial ON loaded (id) WHERE came"
    if warehouse.kind in {"sqlite", "postgresql"}:
        warehouse.run(table_of(warehouse.kind, FITTING), partial)
        with pytest.raises(ValueError, match="the table has no unique key on id"):
            prepare(warehouse.engine, declared(PEOPLE, "loaded"))


def test_a_key_of_the_beginnings_of_texts_is_none(warehouse):
    if warehouse.kind == "mysql":
        columns = "room_id BIGINT, session_id BIGINT, entry TEXT, nickname TEXT"
        warehouse.run(f"CREATE TABLE loaded ({columns}, UNIQUE (room_id, session_id, entry(20)))")
        with pytest.raises(ValueError, match="the table has no unique key on room_id, session_id, entry"):
            prepare(warehouse.engine, declared(ENTRIES, "loaded"))


def test_a_second_unique_key_of_mysql_would_merge_rows(warehouse):
    if warehouse.kind == "mysql":
        own = "number SERIAL, UNIQUE (id), UNIQUE (name(9)), UNIQUE (id, start(9))"
        warehouse.run(table_of("mysql", f"{FITTING}, {own}"))
        with pytest.raises(ValueError, match=r"does not fit: the unique key on name would merge rows\.$"):
            prepare(warehouse.engine, declared(PEOPLE, "loaded"))


OWN = [
    f"{FITTING}, PRIMARY KEY (id)",
    f"{FITTING}, seen TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, mine TEXT, UNIQUE (id)",
    f"{FITTING.replace('BIGINT', 'INTEGER').replace('name TEXT', 'name VARCHAR(50)')}, UNIQUE (id)",
    f"{FITTING.replace('FLOAT', 'NUMERIC(9, 3)')}, UNIQUE (id)",
]


@pytest.mark.parametrize("columns", OWN)
def test_a_table_of_ones_own_that_fits(warehouse, load, columns):
    warehouse.run(table_of(warehouse.kind, columns))
    load([ADA, NOBODY])
    load([ADA | {"name": "Augusta"}])
    assert [row["name"] for row in warehouse.rows()] == ["Augusta", None]


def test_a_unique_index_is_a_key_and_columns_of_ones_own_are_kept(warehouse, load):
    numbered = "number SERIAL, " if warehouse.kind in {"postgresql", "mysql"} else ""
    # DuckDB does not tell which columns an index has
    key = ", UNIQUE (id)" if warehouse.kind == "duckdb" else ""
    warehouse.run(table_of(warehouse.kind, f"{numbered}{FITTING}, mine TEXT{key}"))
    if not key:
        warehouse.run("CREATE UNIQUE INDEX it ON loaded (id)")
    load([ADA])
    warehouse.run("UPDATE loaded SET mine = 'note'")
    load([ADA | {"name": "Augusta"}])
    assert [(row["name"], row["mine"]) for row in warehouse.rows()] == [("Augusta", "note")]


# --- repeated writes --------------------------------------------------------------------------------------------------


def test_the_same_rows_again_change_nothing(warehouse, load):
    rows = [ADA | {"id": number} for number in range(5)] + [NOBODY | {"id": 5}]
    assert load(rows) == 6
    before = warehouse.rows()
    assert load(rows) == 6
    assert warehouse.rows() == before


@pytest.mark.parametrize("name", without(ADA, "id"))
@pytest.mark.parametrize(("old", "new"), [(ADA, NOBODY), (NOBODY, ADA)], ids=["to NULL", "from NULL"])
def test_a_changed_cell_is_updated(warehouse, load, name, old, new):
    load([old | {"id": 1}])
    load([old | {"id": 1, name: new[name]}])
    (row,) = warehouse.rows()
    assert (row[name] is None) is (new[name] is None)


@contextmanager
def writes_of(engine: sa.Engine) -> Iterator[list[str]]:
    """Collect the statements that write, while rows are loaded."""
    writes = []

    def collect(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE")):
            writes.append(statement)

    sa.event.listen(engine, "before_cursor_execute", collect)
    yield writes
    sa.event.remove(engine, "before_cursor_execute", collect)


def test_what_has_not_changed_is_not_even_sent(warehouse, load):
    rows = [ADA | {"id": number, "minutes": number / 7} for number in range(5)] + [NOBODY | {"id": 5}]
    load(rows)
    with writes_of(warehouse.engine) as writes:
        load(rows)
        assert writes == []
        load([*rows[:4], rows[4] | {"name": "Augusta"}, rows[5]])
    assert len(writes) == 1


def test_a_chunk_is_one_statement(warehouse, load, mocker):
    mocker.patch.object(upsert, "CHUNK", 1000)
    rows = [entry(session_id, key) for session_id in range(10) for key in "abcdefgh"]
    with writes_of(warehouse.engine) as writes:
        load(rows, ENTRIES)
        assert len(writes) == 1
        load([row | {"nickname": "Augusta"} for row in rows], ENTRIES)
        assert len(writes) == 2
        load([row for row in rows if row["entry"] > "c" or row["session_id"]], ENTRIES)
    assert len(writes) == 4  # the changed rows, and the deletion


def test_mariadb_changes_no_row_for_the_same_values(warehouse, load):
    if warehouse.kind == "mysql":
        load([ADA | {"id": number} for number in range(5)])
        warehouse.run("ALTER TABLE loaded ADD changed TIMESTAMP(6) DEFAULT '2000-01-01' ON UPDATE CURRENT_TIMESTAMP(6)")
        load([ADA | {"id": 3, "name": "Augusta"}, ADA | {"id": 4}])
        years = [row["changed"].year for row in warehouse.rows()]
        assert [year > 2000 for year in years] == [False, False, False, True, False]


def test_only_rows_that_changed_are_touched_and_none_is_deleted(warehouse, load):
    load([ADA | {"id": number} for number in range(5)])
    before = warehouse.rows()
    load([ADA | {"id": 3, "name": "Augusta"}, ADA | {"id": 4}])
    after = warehouse.rows()
    assert [row["id"] for row, old in zip(after, before, strict=True) if row != old] == [3]


def test_of_rows_with_the_same_key_the_last_one_counts(warehouse, load):
    assert load([ADA, ADA | {"name": "Augusta"}, NOBODY, ADA | {"name": "Countess"}]) == 3
    assert [row["name"] for row in warehouse.rows()] == ["Countess", None]


def test_a_sessions_rows_are_replaced_and_other_sessions_are_left_alone(warehouse, load):
    load([entry(7, key) for key in "abcde"] + [entry(8, "a")], ENTRIES)
    load([entry(7, "a", room_id=2)], ENTRIES)
    before = warehouse.rows()
    load([entry(7, "b"), entry(7, "f"), entry(7, "e", "Augusta")], ENTRIES)
    after = warehouse.rows()
    keys = [(row["room_id"], row["session_id"], row["entry"]) for row in after]
    assert keys == [(1, 7, "b"), (1, 7, "e"), (1, 7, "f"), (1, 8, "a"), (2, 7, "a")]
    assert [row in before for row in after] == [True, False, False, True, True]


def test_what_cannot_be_stored_in_a_key_does_not_make_a_row_look_gone(warehouse, load):
    for _ in range(2):
        load([entry(7, "a\0b"), entry(7, "\ud83d")], ENTRIES)
    assert [row["entry"] for row in warehouse.rows()] == ["?", "ab"]


def test_a_failure_on_the_way_leaves_the_table_as_it_was(warehouse, load):
    load([entry(7, "a"), entry(7, "b")], ENTRIES)
    before = warehouse.rows()

    def breaking() -> Iterable[dict[str, Any]]:
        yield from [entry(7, key) for key in "cdefg"]
        yield entry(8, "a")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        load(breaking(), ENTRIES)
    assert warehouse.rows() == before


sessions = st.dictionaries(
    st.tuples(st.integers(1, 3), st.sampled_from("abcde")), st.sampled_from(["Ada", "Bob", None])
)


# to open a file of DuckDB takes long
@pytest.mark.parametrize("warehouse", BUT_DUCKDB, indirect=True)
@given(st.lists(sessions, max_size=3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_table_has_of_each_session_what_came_last(warehouse, load, loads):
    warehouse.run("DROP TABLE IF EXISTS loaded")
    expected: dict[int, dict[tuple[int, str], str | None]] = {}
    for cells in loads:
        load([entry(number, key, cells[number, key]) for number, key in sorted(cells)], ENTRIES)
        expected |= {n: {of: cells[of] for of in cells if of[0] == n} for n, _ in cells}
    found = warehouse.rows() if loads else []
    assert {(row["session_id"], row["entry"]): row["nickname"] for row in found} == {
        of: name for session in expected.values() for of, name in session.items()
    }
