"""A worker that is killed at any moment: at the end all are registered, once, with one mail each."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter

import pytest

DONE = {"created", "already_registered"}


@pytest.fixture
def room_id(clickmeeting_sandbox):
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]


@pytest.fixture
def people(tmp_path):
    """Append people to the list, and return their addresses."""
    path = tmp_path / "people.csv"
    path.write_text("First Name,Last Name,E-mail\n")

    def people(numbers) -> list[str]:
        addresses = [f"ada{number}@example.com" for number in numbers]
        with path.open("a") as file:
            file.writelines(f"Ada,Lovelace,{address}\n" for address in addresses)
        return addresses

    return people


@pytest.fixture
def run(forking, room_id, people, tmp_path):
    """Register in a process of its own; return its exit code."""
    people([0])
    with forking("registrar.py", room_id, tmp_path / "people.csv", tmp_path / "ledger.jsonl") as run:
        yield run


def test_killed_at_random_moments(clickmeeting_sandbox, run, people, thorough, tmp_path, tell):
    chance = random.Random(2027)
    asked = ["ada0@example.com"]

    def mails() -> Counter[str]:
        return Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox)

    def in_ledger() -> dict[str, str]:
        _, *lines = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
        return {line["email"]: line["outcome"] for line in lines}

    kills = 0
    while kills < (20 if thorough else 8):
        asked += people(range(len(asked), len(asked) + 50))
        ended = run(killed_after=chance.uniform(0.0, 0.25))
        assert ended in (0, -signal.SIGKILL)
        kills += ended != 0
        assert set(mails().values()) == {1}
        assert in_ledger().keys() <= mails().keys()
    assert run() == 0
    assert mails() == Counter(asked)
    outcomes = in_ledger()
    assert outcomes.keys() == set(asked)
    assert set(outcomes.values()) <= DONE
    kept = sum(outcome == "created" for outcome in outcomes.values())
    tell(f"{kills} kills: {len(asked)} people registered once, {kept} of them by the ledger")
