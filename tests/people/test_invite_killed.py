"""A worker that is killed at any moment, while answers get lost: nobody gets two mails, and nobody is forgotten."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter

import pytest
from airflow.sdk import ObjectStoragePath

BATCH_SIZE = 5
# seconds; on S3, a process needs one or two before it sends
KILLED_AFTER = {"file": (0.2, 0.5), "s3": (1.0, 3.0)}
LATENCY = {"file": 0.05, "s3": 0.1}
TROUBLE = [
    ("lost", {}),
    ("reset", {}),
    ("status", {"status": 503}),
    ("429", {}),
]


@pytest.fixture
def room_id(clickmeeting_sandbox):
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]


@pytest.fixture
def kills(storage, thorough):
    return {"file": 20 if thorough else 6, "s3": 3}[storage]


@pytest.fixture
def addresses(storage, kills):
    """More people than can be invited before the last kill, on the fastest machine."""
    count = int(BATCH_SIZE * kills * KILLED_AFTER[storage][1] / LATENCY[storage]) + BATCH_SIZE
    return [f"visitor{number}@example.com" for number in range(count)]


@pytest.fixture
def people(tmp_path):
    return tmp_path / "people.csv"


@pytest.fixture
def ledger(storage, request, people, monkeypatch):
    """Where the processes keep their ledger."""
    path = people.with_name("people.csv.ledger.jsonl")
    if storage == "s3":
        path = ObjectStoragePath(f"{request.getfixturevalue('bucket').url}/ledger.jsonl")
        monkeypatch.setenv("LEDGER", str(path))
    return path


@pytest.fixture
def killed_until_done(forking, clickmeeting_sandbox, room_id, people, addresses, kills, storage, ledger):
    """Invite in processes that are killed until there were enough kills, then to the end; return the result."""
    chance = random.Random(2027)

    def killed_until_done(on_uncertain):
        clickmeeting_sandbox.switch(latency=LATENCY[storage])
        killed = 0
        with forking("inviter.py", room_id, people, on_uncertain, BATCH_SIZE) as run:
            people.write_text("\n".join(["email", *addresses, ""]))
            while killed < kills:
                kind, options = chance.choice(TROUBLE)
                clickmeeting_sandbox.fault("send_invitation", kind, skip=chance.randrange(10), **options)
                ended = run(killed_after=chance.uniform(*KILLED_AFTER[storage]))
                assert ended in (0, -signal.SIGKILL)
                killed += ended != 0
            clickmeeting_sandbox.clear_faults()
            clickmeeting_sandbox.fault("send_invitation", "lost")  # if none was killed while it sent
            assert run() == 0
        return json.loads(people.with_name("people.csv.result.json").read_bytes())

    return killed_until_done


@pytest.fixture
def mails(clickmeeting_sandbox):
    return lambda: Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox)


@pytest.mark.parametrize("storage", ["file", "s3"])
def test_nobody_gets_two_mails_and_who_is_not_named_got_one(
    killed_until_done, mails, ledger, addresses, kills, storage, tell
):
    result = killed_until_done("skip")
    entries = [json.loads(line) for line in ledger.read_bytes().splitlines()[1:]]
    uncertain = {entry["email"] for entry in entries if entry["outcome"] == "uncertain"}
    rows = {entry["row"] for entry in entries if entry["outcome"] == "uncertain"}
    got = mails()
    assert set(got.values()) == {1}
    assert {*addresses} - got.keys() <= uncertain
    assert result["uncertain"] == len(uncertain) > 0
    assert {*result["uncertain_rows"]} == {*sorted(rows)[:100]}
    assert result["sent"] + result["unchanged"] == len(addresses) - len(uncertain)
    named = f"{len(uncertain)} named as uncertain"
    tell(f"{kills} kills on {storage}: {len(got)} of {len(addresses)} got one mail, {named}")


@pytest.mark.parametrize("storage", ["file"])
def test_everybody_gets_one_at_least_where_what_is_uncertain_is_sent_again(killed_until_done, mails, addresses):
    result = killed_until_done("resend")
    assert result["uncertain"] == 0
    assert len(mails()) == len(addresses) == result["sent"] + result["unchanged"]
