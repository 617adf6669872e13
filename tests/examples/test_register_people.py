"""The example `register_people`, triggered with a list, and again with a longer one."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from webinars import on_both_storages

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

HEADER = "First Name;Last Name;E-mail;Company"
ADA = "Ada;Lovelace;ada@example.com;Example Ltd"
EVE = "Eve;Evans;EVE@example.com;"
BOB = "Bob;Brown;bob@example.com;Acme"


@pytest.fixture
def run(run_example, connect, clickmeeting_sandbox, tmp_path):
    """Run the DAG with a list, and return its state."""
    connect(clickmeeting_sandbox)
    room_id = clickmeeting_sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]

    def run(*rows: str) -> str:
        (tmp_path / "people.csv").write_text("\ufeff" + "\r\n".join([HEADER, *rows]))
        return run_example("register_people", {"room_id": room_id}).state

    run.room_id = room_id
    return run


@on_both_storages
def test_register_people(run, clickmeeting_sandbox, tmp_path):
    assert run(ADA, EVE) == "success"
    assert run(ADA, EVE, BOB, ADA) == "success"
    listed = ClickMeetingHook().list_registrations(run.room_id)
    assert {one["email"] for one in listed} == {"ada@example.com", "EVE@example.com", "bob@example.com"}
    assert Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox) == Counter(one["email"] for one in listed)
    contacts = {one["email"]: one.get("company") for one in clickmeeting_sandbox.state["contacts"]}
    assert contacts == {"ada@example.com": "Example Ltd", "EVE@example.com": None, "bob@example.com": "Acme"}
    header, *entries = map(
        json.loads, (tmp_path / f"ledgers/registrations-{run.room_id}.jsonl").read_text().splitlines()
    )
    assert {"ledger": 1, "operation": "registrations", "room_id": run.room_id}.items() <= header.items()
    assert {entry["email"]: entry["outcome"] for entry in entries} == dict.fromkeys(
        ("ada@example.com", "eve@example.com", "bob@example.com"), "created"
    )
    assert len([*(tmp_path / "ledgers").glob("contacts-*.jsonl")]) == 2
