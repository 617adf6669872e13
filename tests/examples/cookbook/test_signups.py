"""The recipe `signups`: three sources, each person registered once, and a failure half-way."""

from __future__ import annotations

import sqlite3
from collections import Counter

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
CLARKE = {"firstname": "Joan", "lastname": "Clarke", "email": "joan@example.com", "phone": "1"}
LAMARR = {"firstname": "Hedy", "lastname": "Lamarr", "email": "Hedy@example.com"}


@pytest.fixture
def run(run_example, connect, clickmeeting_sandbox, sink, tmp_path_factory, tmp_path):
    room_id = clickmeeting_sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]
    path = tmp_path_factory.mktemp("database") / "signups.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE signups (room_id INTEGER, first_name TEXT, last_name TEXT, email TEXT)")
        database.execute("INSERT INTO signups VALUES (?, 'Grace', 'Hopper', 'grace@example.com')", [room_id])
        database.execute("INSERT INTO signups VALUES (?, 'Ada', 'Lovelace', 'ADA@example.com')", [room_id])
        database.execute("INSERT INTO signups VALUES (1, 'Of', 'Another', 'other@example.com')")
    connect(None, "warehouse", conn_type="sqlite", host=str(path), password=None)
    connect(None, "crm", conn_type="http", host=sink.url, password="crm-token")
    (tmp_path / "people.csv").write_text("First Name,Last Name,E-mail,Company\nAda,Lovelace,ada@example.com,Acme\n")
    sink.answers |= {
        f"/contacts?webinar={room_id}&page=2": {"contacts": [LAMARR]},
        f"/contacts?webinar={room_id}": {"contacts": [CLARKE], "next": f"contacts?webinar={room_id}&page=2"},
    }
    return lambda: run_example("signups", {"room_id": room_id})


EVERYBODY = ("ada@example.com", "grace@example.com", "joan@example.com", "hedy@example.com")


def mails(clickmeeting_sandbox):
    return Counter(mail["recipient"].lower() for mail in clickmeeting_sandbox.outbox)


@on_both_storages
def test_each_person_of_three_sources_is_registered_once(run, clickmeeting_sandbox, sink):
    assert run().state == "success"
    assert run().state == "success"
    assert mails(clickmeeting_sandbox) == dict.fromkeys(EVERYBODY, 1)
    assert {each.authorization for each in sink.received} == {"Bearer crm-token"}


def test_a_crm_that_fails_at_the_second_page_registers_nobody_until_the_retry(run, clickmeeting_sandbox, sink):
    sink.statuses += [200, 500]
    assert run().state == "success"
    assert mails(clickmeeting_sandbox) == dict.fromkeys(EVERYBODY, 1)
    assert len(sink.received) == 4


def test_a_sheet_that_is_missing_stops_the_sources_after_it(run, clickmeeting_sandbox, tmp_path):
    (tmp_path / "people.csv").unlink()
    assert run().state == "failed"
    assert clickmeeting_sandbox.count("register_participant") == 0
