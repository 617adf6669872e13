"""A ledger on object storage: what it keeps, when it is written, and which are refused."""

from __future__ import annotations

import json
import shutil
import tracemalloc
import uuid
from types import SimpleNamespace

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.people import ledger as module
from airflow_clickmeeting.people.ledger import Ledger
from airflow_clickmeeting.versioned import VersionedFile

HEADER = {"ledger": 1, "operation": "registrations", "room_id": 5}
ADA = {"email": "ada@example.com", "row": 2, "outcome": "created", "why": None}


@pytest.fixture(params=["file", "memory", "s3"])
def path(request, tmp_path):
    if request.param == "s3":
        return ObjectStoragePath(f"{request.getfixturevalue('bucket').url}/some/where.jsonl")
    attach("memory", fs=MemoryFileSystem())
    address = {"file": f"file://{tmp_path}", "memory": f"memory://bucket-{uuid.uuid4().hex[:8]}"}[request.param]
    return ObjectStoragePath(f"{address}/some/where.jsonl")


@pytest.fixture
def clock(mocker):
    """A clock that stands still until a test moves it."""

    clock = SimpleNamespace(now=1000.0)
    mocker.patch.object(module, "clock", side_effect=lambda: clock.now)
    return clock


@pytest.fixture
def expired(mocker):
    """Let the lease of every task that has not written it free be over."""
    mocker.patch.object(VersionedFile, "age", return_value=module.LEASE + 1000)


def open_ledger(path, operation="registrations", room_id=5, **more):
    return Ledger(path, operation, room_id, **more)


def lines(path):
    return [json.loads(line) for line in path.fs.cat_file(path.path).splitlines()]


def entries(path):
    header, *found = lines(path)
    assert header | HEADER == header
    return found


def names(path):
    return sorted(each.name for each in path.parent.iterdir() if not each.name.startswith("."))


def refusal(path, content, **other):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    with pytest.raises(ValueError) as error:
        open_ledger(path, **other)
    assert path.read_bytes() == content.encode()
    return str(error.value)


def as_lines(*entries):
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


def test_a_second_ledger_goes_on_where_the_first_stopped(path):
    with open_ledger(path) as ledger:
        assert entries(path) == []
        ledger.put("ada@example.com", row=2, outcome="failed", why="it rained")
        ledger.put("eve@example.com", row=3, outcome="created", link="masked")
        ledger.put(None, row=4, outcome="invalid", why="no e-mail address")
        ledger.put("ada@example.com", row=2, outcome="created")
    assert entries(path) == [
        ADA,
        {"email": "eve@example.com", "row": 3, "outcome": "created", "why": None, "link": "masked"},
        {"email": None, "row": 4, "outcome": "invalid", "why": "no e-mail address"},
    ]
    with open_ledger(path) as again:
        assert again.get("ada@example.com") == ADA
        assert again.get("eve@example.com")["link"] == "masked"
        assert again.get("bob@example.com") is None
        assert len(again) == 2
    assert entries(path) == [ADA, lines(path)[2]]
    assert names(path) == [path.name]


def test_the_last_line_of_a_person_counts(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_lines(HEADER, ADA | {"outcome": "failed"}, ADA).encode())
    assert open_ledger(path).get("ada@example.com") == ADA


@pytest.mark.parametrize("email", ["ADA@Example.com", " ada@example.com"])
def test_a_person_is_found_whose_line_somebody_edited(path, email):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_lines(HEADER, ADA | {"email": email}).encode())
    assert open_ledger(path).get("ada@example.com")["outcome"] == "created"


def test_a_folder_gets_a_name(tmp_path):
    assert open_ledger(f"{tmp_path}/").path.name == "registrations-5.jsonl"
    assert Ledger(f"{tmp_path}/", "contacts").path.name == "contacts.jsonl"


def test_without_a_path_nothing_is_kept():
    with open_ledger(None) as ledger:
        ledger.put("ada@example.com", row=2, outcome="created")
        assert ledger.get("ada@example.com") is None


@pytest.mark.parametrize("path", ["", " ", "None"])
def test_a_path_that_rendered_to_nothing(path):
    with pytest.raises(ValueError, match="ledger must be a text that is not blank"):
        open_ledger(path)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (HEADER | {"room_id": 6}, "registrations of room 6"),
        (HEADER | {"operation": "invitations"}, "invitations of room 5"),
        ({"ledger": 1, "operation": "contacts", "room_id": None}, "contacts"),
    ],
)
def test_the_ledger_of_something_else_is_refused(path, header, what):
    said = refusal(path, as_lines(header, ADA))
    assert said.startswith(f"ledger must be the ledger of registrations of room 5, not of {what}; got '")


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("", 1, "is not a complete JSON object"),
        ("Name,E-mail\nAda,ada@example.com\n", 1, "is not a complete JSON object"),
        (as_lines({"ledger": 2}), 1, "is not the header of a ledger that this version can read"),
        (as_lines(ADA), 1, "is not the header of a ledger that this version can read"),
        (as_lines(HEADER, ADA)[:-5], 2, "is not a complete JSON object"),
        (as_lines(HEADER, ADA)[:-1], 2, "is not a complete JSON object"),
        (as_lines(HEADER, ADA, [ADA]), 3, "is not a complete JSON object"),
        (as_lines(HEADER, ADA, {"email": "eve@example.com"}), 3, "has no email, row or outcome"),
        (as_lines(HEADER, ADA | {"email": 5}), 2, "has no email, row or outcome"),
    ],
)
def test_a_damaged_ledger_is_not_begun_anew(path, content, line, why):
    said = refusal(path, content)
    assert said == (
        f"The ledger {path} is damaged. Line {line} of {path.name} {why}. Fix the line; or start over (people may then "
        "be contacted twice) with a file that has this one line: "
        '{"ledger":1,"operation":"registrations","room_id":5}'
    )


def test_it_is_written_every_five_seconds(path, clock):
    with open_ledger(path) as ledger:
        for number in range(60):
            clock.now += 0.1
            ledger.put(f"{number}@example.com", row=number, outcome="created")
        assert len(lines(path)) - 1 == 50
    assert len(lines(path)) - 1 == 60


def test_slow_storage_is_written_to_for_a_twentieth_of_the_time(path, clock, mocker):
    written = []
    replace = VersionedFile.replace

    def slow(*args):
        clock.now += 2
        written.append(clock.now)
        return replace(*args)

    mocker.patch.object(VersionedFile, "replace", slow)
    with open_ledger(path) as ledger:
        for number in range(1000):
            clock.now += 0.1
            ledger.put(f"{number}@example.com", row=number, outcome="created")
        assert 2 * len(written) / (clock.now - 1000) < 0.06


def test_it_can_be_written_at_once_but_not_for_nothing(path, clock):
    with open_ledger(path) as ledger:
        ledger.put("ada@example.com", row=2, outcome="sending")
        ledger.flush()
        assert lines(path)[1]["outcome"] == "sending"
        before = path.read_bytes()
        ledger.flush()
        assert path.read_bytes() == before


def test_who_finds_that_another_task_writes_to_it_stops(path, clock, caplog, expired):
    with pytest.raises(AirflowException, match="Another task has written"), open_ledger(path) as first:  # noqa: PT012
        first.put("ada@example.com", row=2, outcome="created")
        first.flush()
        with open_ledger(path) as second:
            second.put("eve@example.com", row=3, outcome="created")
        first.put("bob@example.com", row=4, outcome="sending")
        first.flush()
    assert [line["email"] for line in entries(path)] == ["ada@example.com", "eve@example.com"]
    assert not caplog.text


def test_of_two_that_begin_at_once_one_stops(path):
    first, second = open_ledger(path), open_ledger(path)
    with first, pytest.raises(AirflowException, match="Another task has written"), second:
        pytest.fail("it went on")


def test_what_came_before_an_error_is_kept(path, clock):
    with pytest.raises(KeyboardInterrupt), open_ledger(path) as ledger:  # noqa: PT012
        ledger.put("ada@example.com", row=2, outcome="created")
        raise KeyboardInterrupt
    assert entries(path) == [ADA]


def test_a_ledger_that_cannot_be_written_stops_the_task_at_its_beginning(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError), open_ledger(f"{tmp_path}/file/ledger.jsonl"):
        pytest.fail("it went on")


def test_a_ledger_that_cannot_be_written_at_the_end_is_an_error(tmp_path, clock):
    with pytest.raises(OSError), open_ledger(f"{tmp_path}/some/ledger.jsonl") as ledger:  # noqa: PT012
        shutil.rmtree(tmp_path / "some")
        (tmp_path / "some").write_bytes(b"")
        ledger.put("ada@example.com", row=2, outcome="created")


def test_an_error_is_not_hidden_by_a_ledger_that_cannot_be_written(tmp_path, caplog):
    with pytest.raises(KeyError), open_ledger(f"{tmp_path}/some/ledger.jsonl") as ledger:  # noqa: PT012
        shutil.rmtree(tmp_path / "some")
        (tmp_path / "some").write_bytes(b"")
        ledger.put("ada@example.com", row=2, outcome="created")
        raise KeyError
    assert "could not be written after an error" in caplog.text


def test_what_an_entry_costs(tmp_path):
    tracemalloc.start()
    with open_ledger(f"{tmp_path}/ledger.jsonl") as ledger:
        before = tracemalloc.get_traced_memory()[0]
        link = "https://acme.clickmeeting.example/900000101?r=***3c3e2f17"
        for number in range(20_000):
            ledger.put(f"visitor{number}@example.com", row=number, outcome="created", link=link)
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert (after - before) / 20_000 < 500


# --- parts ------------------------------------------------------------------------------------------------------------


def fill(ledger, count, outcome="created"):
    for number in range(count):
        ledger.put(f"visitor{number}@example.com", row=number, outcome=outcome)
        ledger.flush()


def test_it_grows_by_parts_that_are_merged_at_the_end(path, mocker):
    mocker.patch.object(module, "MAX_BYTES", 500)
    with open_ledger(path) as ledger:
        fill(ledger, 30)
        assert names(path) == ["where.jsonl", *[f"where.jsonl.1-{number}" for number in (1, 2, 3, 4)]]
        assert lines(path)[0]["parts"] == names(path)[1:]
        assert len(path.read_bytes()) < 2000
    assert names(path) == ["where.jsonl"]
    assert [entry["row"] for entry in entries(path)] == [*range(30)]


def test_what_a_killed_task_left_in_parts_is_read(path, mocker, expired):
    mocker.patch.object(module, "MAX_BYTES", 500)
    killed = open_ledger(path).__enter__()
    fill(killed, 30, "failed")
    fill(killed, 5)
    killed._timer.cancel()
    # it died after it wrote a part, and before it wrote the header that names it
    left_over = path.parent / f"where.jsonl.1-{len(killed._parts) + 1}"
    left_over.write_bytes(b"unknown")
    with open_ledger(path) as ledger:
        assert left_over.name not in names(path)
        assert [ledger.get(f"visitor{number}@example.com")["outcome"] for number in (0, 4, 5, 29)] == [
            "created",
            "created",
            "failed",
            "failed",
        ]
        fill(ledger, 30, "sent")
        assert f"where.jsonl.{2}-{len(ledger._parts)}" in names(path)
    assert names(path) == ["where.jsonl"]
    assert {entry["outcome"] for entry in entries(path)} == {"sent"}


def test_parts_that_were_merged_but_not_removed_are_removed_later(path, mocker):
    mocker.patch.object(module, "MAX_BYTES", 500)
    with open_ledger(path) as ledger:
        fill(ledger, 30)
        parts = {name: (path.parent / name).read_bytes() for name in names(path)[1:]}
    for name, content in parts.items():
        (path.parent / name).write_bytes(content)
    with open_ledger(path) as ledger:
        assert names(path) == ["where.jsonl", "where.jsonl.2-1"]
        assert len(ledger) == 30
    assert names(path) == ["where.jsonl"]
    assert len(entries(path)) == 30


def test_a_part_that_is_gone_is_an_error(path, mocker):
    mocker.patch.object(module, "MAX_BYTES", 500)
    ledger = open_ledger(path).__enter__()
    fill(ledger, 30)
    (path.parent / "where.jsonl.1-2").unlink()
    with pytest.raises(ValueError, match="is damaged: a part does not exist"):
        open_ledger(path)
    ledger.__exit__(None, None, None)
    assert len(open_ledger(path)) == 30


def test_parts_that_are_merged_while_another_task_reads_are_no_error(path, mocker):
    mocker.patch.object(module, "MAX_BYTES", 500)
    ledger = open_ledger(path).__enter__()
    fill(ledger, 30)
    read_part = VersionedFile.read_part

    def merged(file, name):
        ledger.__exit__(None, None, None)
        mocker.patch.object(VersionedFile, "read_part", read_part)
        return read_part(file, name)

    mocker.patch.object(VersionedFile, "read_part", merged)
    assert len(open_ledger(path)) == 30


def test_on_s3_it_costs_few_requests(bucket):
    with open_ledger(f"{bucket.url}/ledgers/") as ledger:
        fill(ledger, 10)
    assert [request.method for request in bucket.requests] == ["GET", *["PUT"] * 12]
    assert bucket.rights.keys() == {"s3:GetObject", "s3:PutObject"}


# --- one writer -------------------------------------------------------------------------------------------------------


def context(run_id="monday", try_number=1, **more):
    """Return what Airflow gives a task that has recorded nothing yet."""
    kept = more.pop("xcom", {})
    task = SimpleNamespace(
        dag_id="talks",
        task_id="invite",
        run_id=run_id,
        map_index=-1,
        try_number=try_number,
        xcom_pull=lambda **_: kept.get("value"),
        xcom_push=lambda key, value: kept.update(value=value),
    )
    return {"ti": task, **more}


class Store(dict):
    set = dict.__setitem__


def test_a_ledger_that_is_held_names_by_whom_and_until_when(path):
    with open_ledger(path, context=context()) as first:
        first.put("ada@example.com", row=2, outcome="sending")
        with pytest.raises(AirflowException) as error, open_ledger(path, context=context("tuesday", xcom={})):
            pytest.fail("it went on")
        first.put("eve@example.com", row=3, outcome="sending")
        first.flush()
    header = lines(path)[0]
    assert str(error.value).startswith(
        f"The ledger {path} is held by try 1 of task talks.invite in run monday on host {header['host']} since "
        f"{header['since']}, until 20"
    )
    with open_ledger(path, context=context("tuesday")) as second:
        assert len(second) == 2


def test_the_header_says_who_wrote_it(path):
    with open_ledger(path, context=context(try_number=3, task_state_store=Store())):
        pass
    header = lines(path)[0]
    facts = {"dag_id": "talks", "task_id": "invite", "run_id": "monday", "map_index": -1, "try_number": 3}
    assert header == header | facts | {"fence": 1, "lease": 0, "host": module.socket.gethostname()}


def test_who_is_paused_until_the_lease_is_over_stops_before_it_sends(path, clock, expired):
    paused = open_ledger(path).__enter__()
    paused.put("ada@example.com", row=2, outcome="sending")
    paused.check()
    clock.now += module.LEASE
    with open_ledger(path):
        pass
    for _ in range(2):
        with pytest.raises(AirflowException, match="Another task has written"):
            paused.check()
    paused.__exit__(None, None, None)
    assert lines(path)[0]["fence"] == 2


def test_who_is_paused_while_nobody_else_came_goes_on(path, clock):
    with open_ledger(path) as ledger:
        clock.now += 10 * module.LEASE
        ledger.check()
        ledger.put("ada@example.com", row=2, outcome="sent")
    assert len(entries(path)) == 1


def test_a_write_that_took_longer_than_the_lease_stops_the_task(path, clock, mocker):
    with open_ledger(path) as ledger:
        replace = VersionedFile.replace

        def slow(*args):
            clock.now += module.LEASE + 1
            return replace(*args)

        mocker.patch.object(VersionedFile, "replace", slow)
        clock.now += module.LEASE
        with pytest.raises(AirflowException, match="took longer than its lease of 60 s"):
            ledger.check()
        mocker.patch.object(VersionedFile, "replace", replace)
        ledger.check()


def test_a_lease_is_renewed_during_a_long_request(path, mocker):
    mocker.patch.object(module, "LEASE", 0.03)
    with open_ledger(path) as ledger:
        before = lines(path)[0]["nonce"]
        while lines(path)[0]["nonce"] == before:
            pass
        mocker.patch.object(module, "LEASE", 60.0)
        ledger.put("ada@example.com", row=2, outcome="sent")
    assert len(entries(path)) == 1


def test_a_renewal_that_fails_is_tried_again(tmp_path, mocker, caplog):
    mocker.patch.object(module, "LEASE", 0.03)
    replace, failed = VersionedFile.replace, []

    def failing(*args):
        if len(failed) < 2:
            failed.append(None)
            raise OSError("no space left")
        return replace(*args)

    with open_ledger(f"{tmp_path}/ledger.jsonl"):
        mocker.patch.object(VersionedFile, "replace", failing)
        while "was not renewed" not in caplog.text or len(failed) < 2:
            pass
        mocker.patch.object(module, "LEASE", 60.0)


def test_a_renewal_that_finds_another_task_is_the_last_one(path, mocker, expired):
    first = open_ledger(path).__enter__()
    first._timer.cancel()
    with open_ledger(path):
        pass
    timer = first._timer
    first._renew()
    assert first._timer is timer
    first.put("ada@example.com", row=2, outcome="sent")
    with pytest.raises(AirflowException, match="Another task has written"):
        first.flush()
    first.__exit__(None, None, None)
    # the timer may fire while the task ends
    first._renew()


# --- what was begun ---------------------------------------------------------------------------------------------------


START_OVER = 'write a file with this one line: {"ledger":1,"operation":"registrations","room_id":5}'


def stopped(path, **more):
    with pytest.raises(AirflowFailException) as error, open_ledger(path, context=context(**more)):
        pytest.fail("it went on")
    assert START_OVER in str(error.value)
    return str(error.value)


def test_a_retry_that_does_not_find_the_ledger_of_the_first_try_stops(path):
    store = Store()
    with open_ledger(path, context=context(task_state_store=store)):
        pass
    host = store["clickmeeting_ledger"]["host"]
    path.unlink()
    said = stopped(path, try_number=2, task_state_store=store)
    assert said.startswith(
        f"The ledger {path} was begun or continued by try 1 of task talks.invite in run monday on host {host} at "
    )
    assert f"but host {host} has no such file. Nothing was sent" in said
    path.write_bytes(as_lines(HEADER).encode())
    with open_ledger(path, context=context(try_number=2, task_state_store=store)):
        pass
    with open_ledger(path, context=context(try_number=3, task_state_store=store)):
        pass


def test_a_retry_that_finds_an_older_ledger_stops(path):
    store = Store()
    with open_ledger(path, context=context("sunday")):
        pass
    older = path.read_bytes()
    with open_ledger(path, context=context(task_state_store=store)):
        pass
    path.write_bytes(older)
    assert "an older file, or another one, there" in stopped(path, try_number=2, task_state_store=store)
    path.write_bytes(older.replace(lines(path)[0]["id"].encode(), b"0123456789abcdef"))
    assert "an older file, or another one, there" in stopped(path, try_number=2, task_state_store=store)


def test_a_later_run_that_does_not_find_the_ledger_of_an_earlier_one_stops(path):
    xcom = {}
    with open_ledger(path, context=context("monday", xcom=xcom)):
        pass
    with open_ledger(path, context=context("tuesday", xcom=xcom)):
        pass
    path.unlink()
    assert "try 1 of task talks.invite in run tuesday" in stopped(path, run_id="wednesday", xcom=xcom)
    # a ledger of its own for each run
    other = path.parent / "other.jsonl"
    with open_ledger(other, context=context("wednesday", xcom=xcom)):
        pass


def test_the_first_try_may_have_failed_before_it_began(path):
    with open_ledger(path, context=context(try_number=2, task_state_store=Store())):
        pass


def test_without_a_store_a_retry_must_find_a_local_ledger(path):
    if path.protocol != "file":
        with open_ledger(path, context=context(try_number=2)):
            pass
        return
    assert stopped(path, try_number=2).startswith("This is try 2, but host ")
    with open_ledger(path, context=context(try_number=1)):
        pass
    with open_ledger(path, context=context(try_number=2)):
        pass
