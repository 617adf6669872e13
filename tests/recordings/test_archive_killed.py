"""A worker that is killed at any moment: the archive ends complete, and nothing was deleted that is not in it."""

from __future__ import annotations

import hashlib
import json
import random
import signal
from collections.abc import Callable
from typing import NamedTuple

import pytest

from airflow_clickmeeting.sandbox.media import recording_bytes


class Place(NamedTuple):
    """An archive: its folder, what reads all its files, how long a run takes in seconds, and how often to kill it."""

    folder: str
    files: Callable[[], dict[str, bytes]]
    seconds: float
    kills: int


@pytest.fixture
def room_id(clickmeeting_sandbox):
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]


@pytest.fixture(params=["file", "s3"])
def place(request, thorough, tmp_path):
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        return Place(f"{bucket.url}/", bucket.read, 1.0, 8 if thorough else 3)
    return Place(
        str(tmp_path), lambda: {path.name: path.read_bytes() for path in tmp_path.iterdir()}, 0.3, 20 if thorough else 8
    )


@pytest.fixture
def run(forking, room_id, place):
    """Archive in a process of its own; return its exit code."""
    with forking("archiver.py", room_id, place.folder) as run:
        yield lambda moment=None: run(killed_after="" if moment is None else moment * place.seconds)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_killed_at_random_moments(clickmeeting_sandbox, room_id, run, place, tell):
    files = place.files
    chance = random.Random(2027)
    manifest = f"recordings-{room_id}.json"
    made: dict[int, str] = {}

    def record() -> None:
        size = chance.randrange(50_000, 1_000_000)
        recording_id = clickmeeting_sandbox.add_recording(room_id, size=size)
        made[recording_id] = digest(b"".join(recording_bytes(recording_id, 0, size)))

    def entries() -> dict[int, dict]:
        listed = json.loads(files()[manifest])["recordings"] if manifest in files() else []
        return {entry["recording_id"]: entry for entry in listed}

    def archived() -> set[int]:
        """Return the recordings that the manifest names, and whose very bytes lie in their place."""
        found = files()
        return {each for each, entry in entries().items() if digest(found[entry["path"]]) == made[each]}

    def deleted() -> set[int]:
        (room,) = clickmeeting_sandbox.state["rooms"]
        return made.keys() - set(room["recordings"])

    kills = 0
    while kills < place.kills:
        for _ in range(3):
            record()
        ended = run(chance.random())
        assert ended in (0, -signal.SIGKILL)
        kills += ended != 0
        assert deleted() <= archived()
    assert run() == 0
    assert archived() == deleted() == made.keys()
    assert all(entry["deleted_at"] and entry["sha256"] == made[each] for each, entry in entries().items())
    assert not [name for name in files() if name.endswith(".part")], "each run removes what a killed one left"
    tell(f"{kills} kills: {len(archived())} recordings archived, {len(deleted())} deleted, all verified")
