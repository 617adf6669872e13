"""The on-call drill: eight breakdowns in real DAG runs, and the log lines from which docs/on-call.md explains them.

Each section of that page quotes lines; here the breakdown is provoked, and its log must have them. Numbers and folders
may differ.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.bases.operator import BaseOperator

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingGetConferenceOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

PAGE = Path(__file__).parents[1] / "docs" / "on-call.md"
HOUR = timedelta(hours=1)


def quoted(section: str) -> list[str]:
    """Return the lines that a section of the page quotes from a log."""
    match = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert match, section
    return [
        line
        for block in re.findall(r"^```text\n(.*?)^```", match[1], re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


def without_numbers(text: str) -> str:
    text = re.sub(r"(/[\w.-]+)+/(?=[\w.-])", "/FOLDER/", re.sub(r"(?<=folder )(/[\w.-]+)+", "/FOLDER", text))
    return " ".join(re.sub(r"\d[\d,.:]*\d|\d", "N", text).split())


@pytest.fixture
def expect(capfd, caplog):
    """Assert that a log has the lines that a section quotes, and fails with what it has instead."""

    def expect(section: str) -> None:
        log = capfd.readouterr().out + caplog.text
        lines = quoted(section)
        assert lines
        assert [line for line in lines if without_numbers(line) not in without_numbers(log)] == [], log

    return expect


@pytest.fixture
def sandbox(clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox)
    return clickmeeting_sandbox


@pytest.fixture
def run(run_dag) -> Callable[..., str]:
    """Run one task in a DAG, and return the state of the run."""

    def run(operator: type[BaseOperator], **arguments: Any) -> str:
        with DAG("drill", schedule=None) as dag:
            operator(task_id="drill", **arguments)
        return str(run_dag(dag).state)

    return run


@pytest.fixture
def room_id(sandbox) -> int:
    starts_at = sandbox.now - 3 * HOUR
    return int(sandbox.add_room(name="Talk", starts_at=starts_at, duration=1, registration={"enabled": 1})["id"])


def test_the_key_is_wrong(run, sandbox, connect, expect, room_id):
    connect(sandbox, password="of-another-account")
    assert run(ClickMeetingGetConferenceOperator, room_id=room_id) == "failed"
    expect("The key is wrong")


def test_the_key_is_changed_while_a_task_runs(run, sandbox, expect, room_id, tmp_path):
    sandbox.play(room_id, count=3)
    sandbox.fault("list_session_attendees", "status", status=401, times=None)
    assert run(ClickMeetingExportAttendeesOperator, path=f"{tmp_path}/attendees.csv") == "failed"
    assert not (tmp_path / "attendees.csv").exists()
    expect("The key was changed while a task ran")


def test_a_room_is_deleted_while_a_sensor_waits(run, sandbox, expect):
    room_id = sandbox.add_room(name="Talk", starts_at=sandbox.now + HOUR, duration=1)["id"]

    def delete() -> None:
        while not sandbox.count("list_sessions"):
            threading.Event().wait(0.05)
        ClickMeetingHook().delete_conference(room_id)

    deleting = threading.Thread(target=delete)
    deleting.start()
    assert run(ClickMeetingSessionEndedSensor, room_id=room_id, poke_interval=0.2, timeout=600) == "failed"
    deleting.join()
    expect("A room was deleted while a sensor waits")


def test_the_api_is_down(run, sandbox, connect, expect, closed_port):
    connect(host=f"http://127.0.0.1:{closed_port}/v1", extra={"max_attempts": 2})
    assert run(ClickMeetingGetConferenceOperator, room_id=7) == "failed"
    expect("ClickMeeting does not respond")


def test_a_short_outage_needs_nobody(run, sandbox, room_id):
    sandbox.fault("get_conference", "status", status=503, times=2)
    assert run(ClickMeetingGetConferenceOperator, room_id=room_id) == "success"


def test_the_disk_is_full(run, sandbox, expect, room_id, small_disk):
    sandbox.add_recording(room_id, size=3_000_000, duration=3600, name="Talk")
    assert run(ClickMeetingArchiveRecordingsOperator, room_id="all", folder=str(small_disk)) == "failed"
    expect("The disk is full")


def test_the_worker_is_killed(run, sandbox, expect, room_id, tmp_path, forking):
    people = tmp_path / "people.csv"
    sandbox.fault("send_invitation", "hang", seconds=60, times=None)
    with forking("inviter.py", room_id, people, "fail", 5) as invite:
        people.write_text("E-mail\n" + "".join(f"ada{number}@example.com\n" for number in range(3)))
        seconds = 1
        while not sandbox.count("send_invitation"):
            invite(killed_after=seconds)
            seconds *= 2  # on a busy machine
    sandbox.clear_faults()
    arguments = {"room_id": room_id, "people": str(people), "ledger": f"{people}.ledger.jsonl"}
    assert run(ClickMeetingBulkSendInvitationsOperator, on_uncertain="fail", **arguments) == "failed"
    expect("The worker was killed")
    assert run(ClickMeetingBulkSendInvitationsOperator, on_uncertain="skip", **arguments) == "success"
    assert sandbox.outbox == []


@pytest.mark.parametrize(
    ("content", "section"),
    [
        (
            "First Name,Last Name,E-mail\nGra\u017cyna,\u017b\u00f3\u0142w,grazyna@example.com\n".encode("cp1250"),
            "The file of people is in another encoding",
        ),
        (
            b"First Name,Last Name,E-mail\nAda,Lovelace,ada@example.com\nGrace,,grace@example.com\n",
            "Rows of a list of people are wrong",
        ),
    ],
    ids=["encoding", "rows"],
)
def test_a_bad_csv(run, sandbox, expect, room_id, tmp_path, content, section):
    (tmp_path / "people.csv").write_bytes(content)
    assert (
        run(ClickMeetingBulkRegisterParticipantsOperator, room_id=room_id, people=f"{tmp_path}/people.csv") == "failed"
    )
    expect(section)


async def test_a_watcher_has_no_access(sandbox, connect, caplog, expect):
    connect(sandbox, password="of-another-account")
    trigger = clickmeeting_asset("session_ended").watchers[0].trigger
    watching = asyncio.ensure_future(anext(trigger.run()))
    while "Wrong API key" not in caplog.text:  # noqa: ASYNC110 - the watcher goes on, and only its log says more
        await asyncio.sleep(0.05)
    watching.cancel()
    expect("A watcher has no access")


def test_the_page_has_no_section_without_a_drill():
    sections = re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE)
    here = Path(__file__).read_text()
    assert [section for section in sections if f'"{section}"' not in here] == []
    assert len(sections) == 9
