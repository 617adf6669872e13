"""Test loading datasets into databases: first and repeated runs, and errors of ClickMeeting and the database."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.sdk import DAG, Asset
from airflow_versions import needs_airflow
from databases import KINDS
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from thorough import everyday

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.datasets.definitions import DATASETS, RECORDINGS
from airflow_clickmeeting.datasets.scope import RoomOrSession
from airflow_clickmeeting.exceptions import AuthenticationError
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.output import upsert
from airflow_clickmeeting.output.upsert import Upserts
from airflow_clickmeeting.transfers.sql import ClickMeetingToSqlOperator, with_key

START = datetime(2027, 2, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}


class Account(NamedTuple):
    """Two rooms with a session each, and a session that runs."""

    talk: int
    party: int
    first: int
    second: int
    running: int


@pytest.fixture
def sandbox(clickmeeting_sandbox):
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(START + 24 * HOUR)
    return clickmeeting_sandbox


@pytest.fixture
def account(sandbox) -> Account:
    talk = sandbox.add_room(name="Talk", permanent_room=1, timezone="Europe/Warsaw", registration={"enabled": 1})["id"]
    party = sandbox.add_room(name="Party", permanent_room=1)["id"]
    answers = [{"points": 1, "value": "Good"}, {"points": 0, "value": "Long"}]
    polls = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": answers}]}]
    visits = [(0, 20), (25, 60)]
    ada = {"email": "ada@example.com", "nickname": "Zażółć 🎉", "visits": visits, "rating": 5, "polls": polls}
    first = sandbox.play(talk, start=START, end=START + HOUR, attendees=[ada, {"nickname": "Bob"}])
    second = sandbox.play(party, start=START, end=START + HOUR, count=5)
    running = sandbox.play(
        talk, start=sandbox.now - HOUR, end=sandbox.now + HOUR, attendees=[ada | {"visits": [(0, None)]}]
    )
    sandbox.add_recording(talk, size=3_000_000_000, duration=3600)
    ClickMeetingHook().register_participant(room_id=talk, registration=ADA)
    sandbox.forget_requests()
    return Account(talk, party, first, second, running)


@pytest.fixture
def load(warehouse) -> Callable[..., Any]:
    """Execute the operator without parallel requests, and return its result, which must fit into XCom."""

    def load(dataset: str = "attendees", table: str = "loaded", **arguments: Any) -> Any:
        arguments = {"sql_conn_id": warehouse.conn_id, "max_parallel": 1, **arguments}
        operator = ClickMeetingToSqlOperator(task_id="load", dataset=dataset, table=table, **arguments)
        loaded = operator.execute({})
        assert json.loads(json.dumps(loaded)) == loaded
        return loaded

    return load


# --- what is loaded ---------------------------------------------------------------------------------------------------

COUNTS = {
    "conferences": (2, 2, 0),
    "sessions": (2, 2, 2),
    "attendees": (8, 2, 2),
    "poll_answers": (2, 2, 2),
    "registrations": (1, 2, 0),
    "recordings": (1, 2, 0),
    "attendance": (7, 2, 2),
    "attendance_summaries": (2, 2, 2),
}


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_second_run_changes_nothing(dataset, account, warehouse, load):
    rows, rooms, sessions = COUNTS[dataset]
    numbers = {"rows": rows, "rooms": rooms, "sessions": sessions}
    loaded = load(dataset)
    period = {"since": None, "until": None, "list_restarts": 0}
    assert loaded == {"table": "loaded", "dataset": dataset, **numbers, **period, "failures": [], "failure_count": 0}
    before = warehouse.rows()
    assert len(before) == rows
    assert load(dataset) == loaded
    assert warehouse.rows() == before


def test_what_is_in_a_row(account, warehouse, load):
    load(room_id=account.talk)
    row = next(row for row in warehouse.rows() if row["email"] and row["end_date"].endswith("11:20:00+01:00"))
    start = row["start_date_utc"]
    naive = START.replace(tzinfo=None)
    assert start == {"sqlite": START.isoformat(), "postgresql": START}.get(warehouse.kind, naive)
    assert (row["session_id"], row["nickname"], row["rating"]) == (account.first, "Zażółć 🎉", 5)
    assert (row["start_date"], row["extra"]) == ("2027-02-01T11:00:00+01:00", None)


def test_the_size_of_a_long_recording(account, warehouse, load):
    load("recordings")
    assert [row["recording_file_size"] for row in warehouse.rows()] == [3_000_000_000]


def test_what_changed_on_clickmeeting_is_updated(account, warehouse, load):
    load("conferences")
    before = warehouse.rows()
    ClickMeetingHook().update_conference(account.party, name="Feast")
    load("conferences")
    changed = [row["name"] for row, old in zip(warehouse.rows(), before, strict=True) if row != old]
    assert changed == ["Feast"]


def test_who_was_still_there_in_a_running_session_is_not_counted_twice(account, sandbox, warehouse, load):
    load(room_id=account.talk, session_id=account.running)
    (there,) = warehouse.rows()
    sandbox.advance(2 * HOUR)
    load(room_id=account.talk, session_id=account.running)
    (left,) = warehouse.rows()
    assert (there["end_date"], left["end_date"] is None) == (None, False)
    assert there["entry"] != left["entry"]


def test_days_add_up(account, warehouse, load):
    load(until=START + HOUR)
    assert not warehouse.rows()
    load(since=START + HOUR, until=START + 2 * HOUR)
    load(since=START + 2 * HOUR)
    assert len(warehouse.rows()) == 8


def test_rows_come_in_chunks(account, warehouse, load, mocker):
    mocker.patch.object(upsert, "CHUNK", 2)
    assert load()["rows"] == 8
    assert len(warehouse.rows()) == 8


def test_pseudonyms(account, warehouse, load, connect):
    connect(None, "pseudonyms", password="a key")
    wanted = {"pseudonymise": ["email", "polls"], "pseudonym_conn_id": "pseudonyms"}
    load(**wanted)
    before = warehouse.rows()
    emails = {row["email"] for row in before if row["session_id"] == account.first} - {None}
    assert [len(email) for email in emails] == [64]
    load(**wanted)
    assert warehouse.rows() == before


def test_pseudonyms_take_the_place_of_what_could_be_read(account, warehouse, load, connect):
    connect(None, "pseudonyms", password="a key")
    load()
    load(pseudonymise=["email", "uid", "nickname"], pseudonym_conn_id="pseudonyms")
    assert "example.com" not in str(warehouse.rows())
    assert len(warehouse.rows()) == 8


def test_in_a_dag(account, warehouse, run_dag):
    with DAG("warehouse", schedule=None) as dag:
        ClickMeetingToSqlOperator(
            task_id="load",
            dataset="{{ params.what }}",
            sql_conn_id=warehouse.conn_id,
            table="clickmeeting_{{ params.what }}",
            params={"what": "sessions"},
            outlets=[Asset("warehouse")],
        )
    run = run_dag(dag)
    assert run.state == "success"
    assert len(warehouse.rows("clickmeeting_sessions")) == 2


def test_lineage_names_the_account_and_the_table(account, warehouse, load, sandbox, mocker):
    collector = type(get_hook_lineage_collector()).__base__()
    mocker.patch("airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector", return_value=collector)
    load()
    collected = collector.collected_assets
    url = warehouse.engine.url
    assert [each.asset.uri for each in collected.inputs] == ["clickmeeting://clickmeeting_default/attendees"]
    assert [each.asset.uri for each in collected.outputs] == [
        {
            "postgresql": f"postgres://127.0.0.1:{url.port}/{url.database}/public/loaded",
            "mysql": f"mysql://127.0.0.1:{url.port}/{url.database}/loaded",
        }.get(warehouse.kind, f"{warehouse.kind}://localhost/{url.database}/main/loaded")
    ]


# --- failures of ClickMeeting -----------------------------------------------------------------------------------------


def test_a_session_that_cannot_be_read_keeps_its_rows(account, sandbox, warehouse, load):
    load()
    before = warehouse.rows()
    sandbox.fault("list_session_attendees", "status", times=None, skip=1, status=500)
    with pytest.raises(AirflowException, match=r"^1 of 5 items failed .* Everything else was read and written, "):
        load()
    assert warehouse.rows() == before


def test_everything_else_is_written_before_the_task_fails(account, sandbox, warehouse, load):
    sandbox.fault("list_session_attendees", "status", times=None, skip=1, status=500)
    with pytest.raises(AirflowException, match=r"^1 of 5 items failed"):
        load()
    assert {row["session_id"] for row in warehouse.rows()} == {account.first}


def test_accepted_failures_are_returned(account, sandbox, warehouse, load):
    sandbox.fault("list_session_attendees", "status", times=None, skip=1, status=500)
    loaded = load(max_failures=999)
    assert (loaded["rows"], loaded["sessions"], loaded["failure_count"]) == (3, 1, 1)
    assert [(failure["room_id"], failure["session_id"]) for failure in loaded["failures"]] == [
        (account.party, account.second)
    ]


def test_a_wrong_key_on_the_way_leaves_the_table_as_it_was(account, sandbox, warehouse, load):
    load(room_id=account.party)
    before = warehouse.rows()
    sandbox.fault("list_session_attendees", "status", times=None, skip=1, status=401)
    with pytest.raises(AuthenticationError):
        load()
    assert warehouse.rows() == before


def test_a_row_without_its_key_is_a_failure():
    place, failures = RoomOrSession(9000101), FailureLog(logging.getLogger())
    batch = RECORDINGS.batch(RECORDINGS.row({"room_id": 9000101, "id": number}) for number in (1, None, 2))
    reader = SimpleNamespace(dataset=RECORDINGS, failures=failures)
    assert [batch["id"] for batch in with_key(reader, place, [batch])] == [[1, 2]]
    assert failures.kept == [{"room_id": 9000101, "reason": "recordings: a row without id"}]


# --- what is deleted from the table -----------------------------------------------------------------------------------


@pytest.fixture
def crowd(sandbox, account):
    """A session with ten entries; return the ids, and a function that lets ClickMeeting list other entries."""
    people = [{"nickname": f"Person {number}", "visits": [(0, 20)]} for number in range(10)]
    session_id = sandbox.play(account.party, start=START + 3 * HOUR, end=START + 4 * HOUR, attendees=people)
    where = {"room_id": account.party, "session_id": session_id}
    entries = ClickMeetingHook().list_session_attendees(**where)

    def listed(changed: Callable[[list[Any]], Any]) -> None:
        answer = changed([dict(entry) for entry in entries])
        sandbox.fault("list_session_attendees", "answer", json=answer, times=1)

    return where, listed


@pytest.mark.parametrize("odd", [{"start_date": "soon"}, {"start_date": "0000-00-00 00:00:00"}, {"rating": "good"}])
def test_an_entry_that_cannot_be_read_does_not_delete_its_row(crowd, warehouse, load, odd):
    where, listed = crowd
    load(**where)
    before = warehouse.rows()
    listed(lambda entries: [entries[0] | odd, *entries[1:]])
    loaded = load(**where, max_failures=1)
    assert (loaded["rows"], loaded["failure_count"]) == (9, 1)
    assert warehouse.rows() == before
    listed(lambda entries: entries[1:])
    assert load(**where)["rows"] == len(warehouse.rows()) == 9


@pytest.mark.parametrize("dataset", everyday(["attendees", "attendance"]))
@pytest.mark.parametrize(("left", "shrank"), [(10, False), (6, False), (5, False), (4, True), (1, True), (0, True)])
def test_a_list_that_shrank_by_more_than_half_is_a_failure(crowd, warehouse, load, dataset, left, shrank):
    where, listed = crowd
    load(dataset, **where)
    before = warehouse.rows()
    listed(lambda entries: entries[:left])
    loaded = load(dataset, **where, max_failures=1)
    reason = (
        f"{dataset}: the list has {left} rows now, less than half of the 10 in the table, so no row was deleted; "
        "if the list is right, set allow_shrink"
    )
    assert loaded["failures"] == [{**where, "reason": reason}] * shrank
    assert len(warehouse.rows()) == (10 if shrank else left)
    assert all(row in before for row in warehouse.rows())
    if shrank:
        listed(lambda entries: entries[:left])
        with pytest.raises(AirflowException, match="less than half of the 10 in the table"):
            load(dataset, **where)
        listed(lambda entries: entries[:left])
        assert load(dataset, **where, allow_shrink="true")["failure_count"] == 0
        assert len(warehouse.rows()) == left


def test_a_list_that_shrank_still_updates_the_rows_that_it_has(crowd, warehouse, load):
    where, listed = crowd
    load(**where)
    listed(lambda entries: [entries[0] | {"country_iso3": "FRA"}])
    load(**where, max_failures=1)
    assert [row["country_iso3"] for row in warehouse.rows()].count("FRA") == 1
    assert len(warehouse.rows()) == 10


def test_a_registration_that_cannot_be_read_deletes_nobody_from_any_session_of_its_room(
    account, sandbox, warehouse, load
):
    sandbox.set_time(START - HOUR)
    absent = {1: "Bo", 2: "Absent", 3: "absent@example.com"}
    ClickMeetingHook().register_participant(room_id=account.talk, registration=absent)
    sandbox.set_time(START + 24 * HOUR)
    second = sandbox.play(account.talk, start=START + 3 * HOUR, end=START + 4 * HOUR, count=2)
    load("attendance", room_id=account.talk)
    before = warehouse.rows()
    assert {row["session_id"] for row in before if row["email"] == "absent@example.com"} == {account.first, second}
    registrations = ClickMeetingHook().list_registrations(account.talk)
    odd = ["no object" if each["email"] == "absent@example.com" else each for each in registrations]
    sandbox.fault("list_registrations", "answer", json=odd)
    assert load("attendance", room_id=account.talk, max_failures=9)["failure_count"] > 0
    rows = warehouse.rows()
    assert {row["session_id"] for row in rows if row["email"] == "absent@example.com"} == {account.first, second}
    assert len(rows) == len(before)


class TestJoinedSessions:
    """Three sessions of one event: the host's connection dropped twice."""

    WITHIN = timedelta(minutes=15)

    @pytest.fixture
    def event(self, account, sandbox) -> list[int]:
        ids = []
        for number in range(3):
            start = START + timedelta(hours=3, minutes=30 * number)
            people = [{"email": f"person{each}@example.com"} for each in range(3 - number)]
            ids.append(sandbox.play(account.party, start=start, end=start + timedelta(minutes=25), attendees=people))
        return ids

    @pytest.mark.parametrize(("dataset", "rows"), [("attendance", 3), ("attendance_summaries", 1)])
    def test_the_rows_that_its_sessions_had_alone_are_deleted(self, account, event, warehouse, load, dataset, rows):
        where = {"room_id": account.party, "since": START + 2 * HOUR}
        load(dataset, **where)
        assert {row["session_id"] for row in warehouse.rows()} == {*event}
        loaded = load(dataset, **where, join_sessions_within=self.WITHIN)
        assert (loaded["rows"], loaded["sessions"], loaded["failure_count"]) == (rows, 1, 0)
        after = warehouse.rows()
        assert [row["session_id"] for row in after] == [event[0]] * rows
        assert {row["session_ids"] for row in after} == {json.dumps(event)}
        assert load(dataset, **where, join_sessions_within="PT15M") == loaded
        assert warehouse.rows() == after

    def test_an_entry_of_a_later_session_that_cannot_be_read_keeps_all_rows(
        self, account, event, sandbox, warehouse, load
    ):
        where = {"room_id": account.party, "since": START + 2 * HOUR}
        load("attendance", **where)
        before = {(row["session_id"], row["person"]) for row in warehouse.rows()}
        sandbox.fault("list_session_attendees", "answer", json=["no object"], skip=2)
        loaded = load("attendance", **where, join_sessions_within=self.WITHIN, max_failures=1)
        assert [failure["session_id"] for failure in loaded["failures"]] == [event[2]]
        assert before <= {(row["session_id"], row["person"]) for row in warehouse.rows()}

    def test_short_absences_count_as_presence_on_demand(self, account, warehouse, load):
        load("attendance", room_id=account.talk, session_id=account.first, rejoin_gap=timedelta(minutes=5))
        assert {row["minutes"] for row in warehouse.rows() if row["email"]} == {60}


def test_failures_of_one_session_do_not_keep_the_rows_of_another(crowd, account, sandbox, warehouse, load):
    where, listed = crowd
    load(room_id=account.party)
    older = ClickMeetingHook().list_session_attendees(account.party, account.second)
    sandbox.fault("list_session_attendees", "answer", json=[older[0] | {"rating": "good"}, *older[1:]])
    listed(lambda entries: entries[2:])
    assert load(room_id=account.party, max_failures=1)["failure_count"] == 1
    sessions = [row["session_id"] for row in warehouse.rows()]
    assert (sessions.count(account.second), sessions.count(where["session_id"])) == (5, 8)


# --- errors of the database -------------------------------------------------------------------------------------------


def test_what_the_database_refuses_leaves_the_table_as_it_was_and_no_row_is_quoted(account, warehouse, load):
    load(room_id=account.party)
    if warehouse.kind == "mysql":  # it would update the row with the same values
        warehouse.run("ALTER TABLE loaded ADD CONSTRAINT once CHECK (email <> 'ada@example.com')")
    else:
        warehouse.run("CREATE UNIQUE INDEX once ON loaded (email, nickname)")
    before = warehouse.rows()
    with pytest.raises(AirflowException, match="The database of connection 'warehouse' returned an error: ") as refused:
        load()
    assert "example.com" not in str(refused.value)
    assert "Zażółć" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert warehouse.rows() == before


def test_a_table_that_does_not_fit_is_refused_before_anything_is_asked(account, sandbox, warehouse, load):
    load("sessions")
    sandbox.forget_requests()
    with pytest.raises(ValueError, match="table 'loaded' does not fit: session_id is missing; entry is missing"):
        load("attendees")
    assert sandbox.count() == 0


@pytest.mark.parametrize("warehouse", [kind for kind in KINDS if kind == "mysql"], indirect=True)
class TestMySql:
    """What the hook of MySQL and the server's defaults must not change: the tests' server truncates, in Latin 1."""

    @pytest.mark.parametrize("client", ["mysqlclient", "pymysql", "mysql-connector-python"])
    def test_each_client(self, client, account, warehouse, load, connect):
        connection = json.loads(os.environ["AIRFLOW_CONN_WAREHOUSE"])
        connect(None, "warehouse", **connection, extra={"client": client, "charset": "latin1"})
        loaded = load()
        before = warehouse.rows()
        assert "Zażółć 🎉" in [row["nickname"] for row in before]
        warehouse.run("ALTER TABLE loaded ADD changed TIMESTAMP DEFAULT '2000-01-01' ON UPDATE CURRENT_TIMESTAMP")
        assert load() == loaded
        assert {row["changed"].year for row in warehouse.rows()} == {2000}

    def test_what_is_too_long_is_refused_and_not_truncated(self, account, warehouse, load):
        load(room_id=account.party)
        warehouse.run("ALTER TABLE loaded MODIFY nickname VARCHAR(3) CHARACTER SET utf8mb4", "DELETE FROM loaded")
        with pytest.raises(AirflowException, match="Data too long for column 'nickname'"):
            load()
        assert warehouse.rows() == []

    def test_a_value_in_an_error_is_not_quoted(self, account, warehouse, load):
        load(room_id=account.party)
        warehouse.run(
            "CREATE TABLE other (email VARCHAR(99) UNIQUE)",
            "CREATE TRIGGER copy BEFORE INSERT ON loaded FOR EACH ROW INSERT INTO other VALUES (NEW.email)",
        )
        with pytest.raises(AirflowException, match=r"Duplicate entry \.\.\. for key '(other\.)?email'\. Correct"):
            load()

    def test_tasks_beside_one_another(self, account, warehouse, load):
        with ThreadPoolExecutor(2) as pool:
            for _ in range(5):
                warehouse.run("DROP TABLE IF EXISTS loaded")
                loads = [pool.submit(load, room_id=room_id) for room_id in (account.talk, account.party)]
                assert sum(each.result()["rows"] for each in loads) == len(warehouse.rows()) == 8


@pytest.mark.parametrize("warehouse", [kind for kind in KINDS if kind == "duckdb"], indirect=True)
class TestDuckDB:
    def test_the_connection_may_be_a_uri(self, account, warehouse, load, mocker):
        uri = f"duckdb:///{warehouse.engine.url.database}"
        mocker.patch.dict(os.environ, {"AIRFLOW_CONN_WAREHOUSE": uri})
        assert load()["rows"] == len(warehouse.rows()) == 8

    def test_a_connection_without_a_file_is_refused(self, sandbox, load, connect):
        connect(None, "warehouse", conn_type="duckdb", password=None)
        with pytest.raises(ValueError, match="the connection 'warehouse' names no file; set its host to the path"):
            load()
        assert sandbox.count() == 0

    def test_a_file_that_another_process_has_open_is_an_error_of_the_database(self, sandbox, warehouse, load):
        path = warehouse.engine.url.database
        warehouse.close()
        script = f"import duckdb; found = duckdb.connect({path!r}); print(flush=True); input()"
        with Popen([sys.executable, "-c", script], stdin=PIPE, stdout=PIPE) as other:
            other.stdout.readline()
            with pytest.raises(AirflowException, match="The database of connection 'warehouse' returned an error: "):
                load()
            other.communicate(b"\n")
        assert sandbox.count() == 0

    def test_without_its_dialect_the_extra_is_named(self, sandbox, warehouse, load, mocker):
        mocker.patch("sqlalchemy.create_engine", side_effect=sa.exc.NoSuchModuleError)
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'airflow-clickmeeting\[duckdb\]'"):
            load()
        assert sandbox.count() == 0


class Elsewhere(SQLiteDialect_pysqlite):
    """A database that loads have no statements for."""

    name = "elsewhere"
    supports_statement_cache = True


@pytest.mark.parametrize("address", ["elsewhere://", "nowhere://"])
def test_another_database_is_refused_before_anything_is_asked(address, sandbox, load, connect, mocker):
    registry.register("elsewhere", __name__, "Elsewhere")
    connect(None, "other", conn_type="sqlite", host="x", password=None)
    mocker.patch("airflow.providers.sqlite.hooks.sqlite.SqliteHook.get_uri", return_value=address)
    with pytest.raises(ValueError, match=r"not to (elsewhere|sqlite)\. For another database, export to Parquet, and "):
        load(sql_conn_id="other")
    assert sandbox.count() == 0


class OldRelative(PGDialect_psycopg2):
    """A database like Redshift, which calls itself PostgreSQL 8."""

    supports_statement_cache = True

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return (8, 0, 2)


def test_redshift_is_refused_before_anything_is_asked(sandbox, load, connect, postgresql, mocker):
    registry.register("old", __name__, "OldRelative")
    address = f"old://airflow@127.0.0.1:{postgresql['port']}/{postgresql['schema']}"
    connect(None, "other", **postgresql, password=None)
    mocker.patch("airflow.providers.postgres.hooks.postgres.PostgresHook.sqlalchemy_url", address)
    with pytest.raises(ValueError, match=r"not to Redshift, or PostgreSQL before 9\.5\. For another database, export"):
        load(sql_conn_id="other")
    assert sandbox.count() == 0


def test_the_transaction_begins_when_everything_is_read(account, sandbox, warehouse, load, mocker):
    spy = mocker.patch.object(Upserts, "__init__", autospec=True, side_effect=lambda *_: counts.append(sandbox.count()))
    counts: list[int] = []
    with pytest.raises(AttributeError):
        load()
    mocker.stop(spy)
    sandbox.forget_requests()
    assert load()["rows"] == 8
    assert counts == [sandbox.count()]


REFUSED = [
    ({"dataset": "people"}, "dataset must be one of 'conferences', 'sessions', 'attendees'"),
    ({"dataset": " "}, "dataset must be one of "),
    ({"table": ""}, "table must be a text that is not blank"),
    ({"allow_shrink": None}, "allow_shrink must be true or false; got None."),
    ({"allow_shrink": "perhaps"}, "allow_shrink must be true or false; got 'perhaps'."),
    ({"rejoin_gap": 300}, "rejoin_gap must be left out: it is for attendance only, not for attendees."),
    (
        {"dataset": "sessions", "join_sessions_within": "PT15M"},
        "join_sessions_within must be left out: it is for attendance only, not for sessions.",
    ),
    (
        {"dataset": "attendance", "join_sessions_within": 15},
        "join_sessions_within must be a timedelta or ISO 8601 text",
    ),
    ({"dataset": "attendance", "rejoin_gap": -1}, "rejoin_gap must be a timedelta, ISO 8601 text"),
    ({"table": "None"}, "table must be a text that is not blank"),
    ({"table": "a.b.c"}, "table must be a name such as 'attendees' or 'schema.attendees'; got 'a.b.c'."),
    ({"sql_conn_id": ""}, "sql_conn_id must be a text that is not blank"),
    ({"sql_conn_id": "clickmeeting_default"}, "sql_conn_id must be a connection to a database, not to 'clickmeeting'"),
    ({"sql_conn_id": "odd"}, "sql_conn_id: Unknown hook type \"odd\"; the provider of 'odd' may not be installed."),
    pytest.param(
        {"sql_conn_id": "nowhere"},
        "The conn_id `nowhere` isn't defined",
        marks=needs_airflow("3.1.1", "it asks for the supervisor of a task even outside of one"),
    ),
    ({"sql_conn_id": "silent"}, "The database of connection 'silent' returned an error: "),
    ({"table": "nowhere.loaded"}, "The database of connection 'warehouse' returned an error: "),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused_before_anything_is_asked(arguments, message, sandbox, load, connect, tmp_path):
    connect(None, "odd", conn_type="odd")
    connect(None, "silent", conn_type="sqlite", host=f"{tmp_path}/no/such/folder.db", password=None)
    with pytest.raises((ValueError, AirflowException)) as refused:
        load(**arguments)
    assert str(refused.value).startswith(message)
    assert sandbox.count() == 0


@pytest.mark.parametrize("module", ["sqlalchemy", "airflow.providers.common.sql.hooks.sql"])
def test_without_the_packages_for_databases_the_extra_is_named(module, sandbox, load, mocker):
    mocker.patch.dict(sys.modules, {module: None})
    for ours in ("database", "existing", "table", "upsert"):
        sys.modules.pop(f"airflow_clickmeeting.output.{ours}", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'airflow-clickmeeting\[sql\]'"):
        load()
    assert sandbox.count() == 0
