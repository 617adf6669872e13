"""A worker that is killed at any moment: the archive ends complete, and nothing was deleted that is not in it."""

from __future__ import annotations

import hashlib
import json
import random
import signal

import pytest

from airflow_clickmeeting.sandbox.media import recording_bytes

KILLS = 20


@pytest.fixture
def room_id(clickmeeting_sandbox):
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]


@pytest.fixture
def run(forking, room_id, tmp_path):
    """Archive in a process of its own; return its exit code."""
    with forking("archiver.py", room_id, tmp_path) as run:
        yield run


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_killed_at_random_moments(clickmeeting_sandbox, room_id, run, tmp_path, capsys):
    chance = random.Random(2027)
    manifest = tmp_path / f"recordings-{room_id}.json"
    made: dict[int, str] = {}

    def record() -> None:
        size = chance.randrange(50_000, 2_000_000)
        recording_id = clickmeeting_sandbox.add_recording(room_id, size=size)
        made[recording_id] = digest(b"".join(recording_bytes(recording_id, 0, size)))

    def entries() -> dict[int, dict]:
        listed = json.loads(manifest.read_bytes())["recordings"] if manifest.exists() else []
        return {entry["recording_id"]: entry for entry in listed}

    def archived() -> set[int]:
        """Return the recordings that the manifest names, and whose very bytes lie in their place."""
        files = {each: (tmp_path / entry["path"]).read_bytes() for each, entry in entries().items()}
        return {each for each, content in files.items() if digest(content) == made[each]}

    def deleted() -> set[int]:
        (room,) = clickmeeting_sandbox.state["rooms"]
        return made.keys() - set(room["recordings"])

    kills = 0
    while kills < KILLS:
        for _ in range(3):
            record()
        ended = run(killed_after=chance.uniform(0.0, 0.3))
        assert ended in (0, -signal.SIGKILL)
        kills += ended != 0
        assert deleted() <= archived()
    assert run() == 0
    assert archived() == deleted() == made.keys()
    assert all(entry["deleted_at"] and entry["sha256"] == made[each] for each, entry in entries().items())
    assert not [*tmp_path.glob("*.part")], "each run removes what a killed one left of the same files"
    with capsys.disabled():
        print(f"{kills} kills: {len(archived())} recordings archived, {len(deleted())} deleted, all verified")  # noqa: T201
