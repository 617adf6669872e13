"""Tasks that write in a real Airflow whose workers are killed, with a ClickMeeting that loses answers and is busy."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from writing_account import UNCLEAR, Writing

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = pytest.mark.live

ROOMS = [f"Talk {number}" for number in range(8)]
TOKENS = 3500
BATCH_SIZE = 10  # of the invitations in `dags/writes.py`


@pytest.fixture(scope="module")
def place(writing: Writing) -> Path:
    return writing.place


@pytest.fixture(scope="module")
def sandbox(writing: Writing) -> Sandbox:
    return writing.sandbox


@pytest.fixture(scope="module")
def rooms(writing: Writing) -> dict[str, int]:
    return writing.rooms


@pytest.fixture(scope="module")
def killed(writing: Writing) -> Counter[str]:
    """How often each task was killed until the run was over."""
    return writing.finish()


@pytest.fixture(scope="module")
def unsure(killed, place) -> set[str]:
    """Whom the ledger of invitations names as uncertain."""
    lines = (place / "ledgers" / "invitations.jsonl").read_text().splitlines()[1:]
    entries = [json.loads(line) for line in lines]
    return {entry["email"] for entry in entries if entry["outcome"] == "uncertain"}


@pytest.fixture(scope="module")
def there(killed, sandbox, rooms) -> dict[str, Counter[str]]:
    """What the account holds now of what each task was to make, and how often."""
    state = sandbox.state
    everybody, tokens = (next(room for room in state["rooms"] if room["id"] == id_) for id_ in rooms.values())
    others = [room["name"] for room in state["rooms"] if room["id"] not in rooms.values()]
    mails: dict[str, Counter[str]] = {"confirmation": Counter(), "invitation": Counter()}
    for mail in sandbox.outbox:
        mails[mail["kind"]][mail["recipient"]] += 1
    return {
        "create": Counter(name for name in others if not name.startswith("Old")),
        "tokens": Counter(token["token"] for token in tokens["tokens"]),
        "register": Counter(everybody["registrations"]),
        "its mails": mails["confirmation"],
        "contacts": Counter(contact["email"] for contact in state["contacts"]),
        "invite": mails["invitation"],
        "purge": Counter(name for name in others if name.startswith("Old")),
    }


def test_the_counts(writing, killed, there, unsure, tell):
    meant = {"create": len(ROOMS), "tokens": TOKENS, "purge": 0}
    tell(f"{'':10}{'meant':>8}{'there':>8}{'twice':>8}{'unsure':>8}{'kills':>8}")
    for name, found in there.items():
        twice = sum(count > 1 for count in found.values())
        unclear = len(unsure) if name == "invite" else 0
        tell(f"{name:10}{meant.get(name, len(writing.people)):8}{len(found):8}{twice:8}{unclear:8}{killed[name]:8}")
    assert sum(killed.values()) == writing.kills


def test_everything_was_made_once(writing, there):
    assert there["create"] == Counter(ROOMS)
    assert len(there["tokens"]) == TOKENS
    assert there["register"] == there["contacts"] == Counter(writing.people)
    assert there["purge"] == Counter()


def test_nobody_got_a_second_mail_and_who_may_have_got_none_is_named(writing, killed, there, unsure):
    assert [who for name in ("its mails", "invite") for who, count in there[name].items() if count > 1] == []
    assert {*writing.people} - unsure <= there["invite"].keys()
    # a batch is unclear when its process was killed, or when its response was an error or was lost
    assert len(unsure) <= BATCH_SIZE * (killed["invite"] + UNCLEAR)


def test_the_update_was_done(killed, sandbox, rooms, mocker):
    mocker.patch.dict(os.environ, {"AIRFLOW_CONN_CLICKMEETING_DEFAULT": sandbox.connection_json})
    assert ClickMeetingHook().get_conference(rooms["room_id"])["lobby_description"] == "Welcome"
