"""A ledger on object storage: what it keeps, when it is written, and which are refused."""

from __future__ import annotations

import json
import tracemalloc
import uuid
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.people import ledger as module
from airflow_clickmeeting.people.ledger import Ledger

HEADER = {"ledger": 1, "operation": "registrations", "room_id": 5}
ADA = {"email": "ada@example.com", "row": 2, "outcome": "created", "why": None}


@pytest.fixture(params=["file", "memory"])
def path(request, tmp_path):
    attach("memory", fs=MemoryFileSystem())
    address = {"file": f"file://{tmp_path}", "memory": f"memory://bucket-{uuid.uuid4().hex[:8]}"}[request.param]
    return ObjectStoragePath(f"{address}/some/where.jsonl")


@pytest.fixture
def clock(mocker):
    """A clock that stands still until a test moves it."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    mocker.patch.object(module, "time", clock)
    return clock


def open_ledger(path, operation="registrations", room_id=5):
    return Ledger(path, operation, room_id)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


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
        assert lines(path) == [HEADER]
        ledger.put("ada@example.com", row=2, outcome="failed", why="it rained")
        ledger.put("eve@example.com", row=3, outcome="created", link="masked")
        ledger.put(None, row=4, outcome="invalid", why="no e-mail address")
        ledger.put("ada@example.com", row=2, outcome="created")
    assert lines(path) == [
        HEADER,
        ADA,
        {"email": "eve@example.com", "row": 3, "outcome": "created", "why": None, "link": "masked"},
        {"email": None, "row": 4, "outcome": "invalid", "why": "no e-mail address"},
    ]
    with open_ledger(path) as again:
        assert again.get("ada@example.com") == ADA
        assert again.get("eve@example.com")["link"] == "masked"
        assert again.get("bob@example.com") is None
        assert len(again) == 2
    assert lines(path)[1:] == [ADA, lines(path)[2]]
    assert not [each for each in path.parent.iterdir() if each.name != path.name]


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
    with pytest.raises(ValueError, match=r"^ledger must be a file, or a folder"):
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
    assert said == f"ledger must be the ledger of registrations of room 5, not of {what}; got {str(path)!r}."


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
        f"The ledger {path} is damaged. Line {line} {why}. Fix the line, or move the file away to start over "
        "(people may then be contacted twice)."
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
    whole = module.open_atomic

    def slow(*args):
        clock.now += 2
        written.append(clock.now)
        return whole(*args)

    mocker.patch.object(module, "open_atomic", slow)
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
        path.unlink()
        ledger.flush()
        assert not path.exists()


def test_who_finds_that_another_task_writes_to_it_stops(path, clock, caplog):
    with pytest.raises(AirflowException, match="Another task has written"), open_ledger(path) as first:  # noqa: PT012
        first.put("ada@example.com", row=2, outcome="created")
        first.flush()
        with open_ledger(path) as second:
            second.put("eve@example.com", row=3, outcome="created")
        first.put("bob@example.com", row=4, outcome="sending")
        first.flush()
    assert [line["email"] for line in lines(path)[1:]] == ["ada@example.com", "eve@example.com"]


def test_of_two_that_begin_at_once_one_stops(path):
    first, second = open_ledger(path), open_ledger(path)
    with first, pytest.raises(AirflowException, match="Another task has written"), second:
        pytest.fail("it went on")


def test_what_came_before_an_error_is_kept(path, clock):
    with pytest.raises(KeyboardInterrupt), open_ledger(path) as ledger:  # noqa: PT012
        ledger.put("ada@example.com", row=2, outcome="created")
        raise KeyboardInterrupt
    assert lines(path) == [HEADER, ADA]


def test_a_ledger_that_cannot_be_written_stops_the_task_at_its_beginning(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError), open_ledger(f"{tmp_path}/file/ledger.jsonl"):
        pytest.fail("it went on")


def test_a_ledger_that_cannot_be_written_at_the_end_is_an_error(tmp_path, clock):
    with pytest.raises(OSError), open_ledger(f"{tmp_path}/some/ledger.jsonl") as ledger:  # noqa: PT012
        (tmp_path / "some" / "ledger.jsonl").unlink()
        (tmp_path / "some").rmdir()
        (tmp_path / "some").write_bytes(b"")
        ledger.put("ada@example.com", row=2, outcome="created")


def test_an_error_is_not_hidden_by_a_ledger_that_cannot_be_written(tmp_path, caplog):
    with pytest.raises(KeyError), open_ledger(f"{tmp_path}/some/ledger.jsonl") as ledger:  # noqa: PT012
        for each in (tmp_path / "some").iterdir():
            each.unlink()
        Path(tmp_path / "some").rmdir()
        (tmp_path / "some").write_bytes(b"")
        ledger.put("ada@example.com", row=2, outcome="created")
        raise KeyError
    assert "could not be written after an error" in caplog.text


def test_what_an_entry_costs(tmp_path):
    tracemalloc.start()
    ledger = open_ledger(f"{tmp_path}/ledger.jsonl")
    ledger.flush()
    before = tracemalloc.get_traced_memory()[0]
    link = "https://acme.clickmeeting.example/900000101?r=***3c3e2f17"
    for number in range(20_000):
        ledger.put(f"visitor{number}@example.com", row=number, outcome="created", link=link)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (after - before) / 20_000 < 450
