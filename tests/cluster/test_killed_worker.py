"""A worker dies while it registers, invites and archives: another machine continues, and does nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox
from airflow_clickmeeting.sandbox.media import recording_bytes

pytestmark = pytest.mark.cluster

PARALLEL, BATCH = 4, 10  # as in the DAG
SIZE = 3_000_000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def room_id(sandbox) -> int:
    return sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]


@pytest.fixture(scope="module")
def people(scale) -> list[str]:
    return [f"person{number}@example.com" for number in range(scale.people)]


@pytest.fixture(scope="module")
def recordings(scale, sandbox, room_id) -> dict[int, str]:
    """The checksum of each recording's bytes."""
    ids = [sandbox.add_recording(room_id, size=SIZE) for _ in range(scale.recordings)]
    return {each: sha256(b"".join(recording_bytes(each, 0, SIZE))).hexdigest() for each in ids}


@pytest.fixture(scope="module")
def seconds(cluster, sandbox, people, recordings, room_id) -> float:
    """Stop each task in the middle of its requests on the first worker, kill that, and let the other one continue."""
    rows = [f"{email},{email.partition('@')[0]},Example" for email in people]
    cluster.bucket.put_object(Key="people.csv", Body="\n".join(["email,first name,last name", *rows]).encode())
    halves = Counter(
        register_participant=len(people) // 2, send_invitation=len(people) // BATCH // 2, media=len(recordings) // 2
    )
    # the requests of the second half have their effect, but their responses come byte by byte for minutes
    for operation, half in halves.items():
        sandbox.fault(operation, "drip", seconds=30, skip=half, times=None)
    stopped = halves + Counter(register_participant=PARALLEL, send_invitation=1, media=1)
    airflow = cluster.airflow
    airflow.kill("worker-2")  # it is idle, so that the first worker gets all tasks
    cluster.add_dags("sends", conn_id="sent", sandbox=sandbox, timeout=3600, total_timeout=3600)
    cluster.s3.forget()
    cluster.start("sends", room_id=room_id)
    cluster.until("all tasks are stopped", lambda: sandbox.counts.items() >= stopped.items())
    assert {task["hostname"] for task in cluster.tasks("sends")} == {"worker-1"}
    airflow.start("worker-2")
    airflow.kill("worker-1")
    sandbox.clear_faults()
    seconds = cluster.finish("sends")
    airflow.start("worker-1")
    return seconds


@pytest.fixture(scope="module")
def note_of(cluster, seconds, sandbox, note) -> Callable[..., None]:
    """Add a line about one of the tasks to the table."""

    def note_of(what: str, meant: int, done: Counter[str], operation: str, files: str) -> None:
        twice = sum(count > 1 for count in done.values())
        requests, to_s3 = sandbox.count(operation), cluster.count_s3_requests(files)
        note(f"{what}, a worker killed", meant, len(done), twice, requests, to_s3, seconds)

    return note_of


@pytest.fixture(scope="module")
def mails(seconds, sandbox) -> dict[str, Counter[str]]:
    """How many mails of each kind each person got."""
    mails: dict[str, Counter[str]] = {"confirmation": Counter(), "invitation": Counter()}
    for mail in sandbox.outbox:
        mails[mail["kind"]][mail["recipient"]] += 1
    return mails


@pytest.mark.usefixtures("seconds")
def test_another_worker_finished_each_task(cluster):
    tasks = cluster.tasks("sends")
    assert {task["task_id"]: task["hostname"] for task in tasks} == dict.fromkeys(
        ("register", "invite", "archive"), "worker-2"
    )
    assert all(task["try_number"] > 1 for task in tasks)


def test_each_person_was_registered_with_one_request(sandbox, people, mails, note_of):
    registered = Counter(sandbox.state["rooms"][0]["registrations"])
    note_of("people registered", len(people), registered, "register_participant", "ledgers/registrations")
    assert registered == mails["confirmation"] == Counter(people)
    assert sandbox.count("register_participant") == len(people)


def test_each_person_was_invited_once_and_who_may_not_have_been_is_named(cluster, sandbox, people, mails, note_of):
    note_of("people invited", len(people), mails["invitation"], "send_invitation", "ledgers/invitations")
    assert mails["invitation"] == Counter(people)
    assert sandbox.count("send_invitation") == len(people) // BATCH
    assert cluster.read("sends", "invite")["uncertain"] == BATCH


def test_each_recording_was_archived_whole_and_then_deleted(cluster, sandbox, recordings, room_id, seconds, note_of):
    files = cluster.files("recordings")
    manifest = json.loads(files.pop(f"recordings-{room_id}.json"))["recordings"]
    archived = {entry["recording_id"]: sha256(files[entry["path"]]).hexdigest() for entry in manifest}
    deletions = Counter(request["path"] for request in sandbox.log("delete_recording"))
    note_of("recordings archived and deleted", len(recordings), deletions, "media", "recordings/")
    assert archived == recordings
    assert len(files) == len(recordings)
    assert sandbox.state["rooms"][0]["recordings"] == []
    assert [*deletions.values()] == [1] * len(recordings)
    # each was downloaded once, except for the one that the kill broke off
    assert sandbox.count("media") == len(recordings) + 1
