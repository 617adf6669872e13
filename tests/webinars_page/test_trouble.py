"""Accounts that are empty, wrong, slow or broken: the page explains, and Airflow goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from airflow_clickmeeting.ui import cache

HOME = "/clickmeeting/webinars"
ACCOUNT = f"{HOME}/clickmeeting_default"


async def test_an_empty_account_says_how_to_begin(browser, clickmeeting_sandbox):
    response = await browser.get(ACCOUNT)
    assert "No webinars yet" in response.text
    assert "ClickMeetingCreateConferenceOperator" in response.text


async def test_a_wrong_key_is_named_and_not_tried_again_at_once(browser, clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox, password="not-the-key")
    for _ in range(3):
        response = await browser.get(ACCOUNT)
        assert "These webinars cannot be shown" in response.text
        assert "connection &#39;clickmeeting_default&#39;" in response.text
        assert "not-the-key" not in response.text
    # each list once
    assert clickmeeting_sandbox.count() <= 3


async def test_a_connection_that_does_not_exist(browser, clickmeeting_sandbox):
    response = await browser.get(f"{HOME}/nowhere")
    assert response.status_code == 200
    assert "nowhere" in response.text
    assert "airflow connections add" in response.text


async def test_a_room_that_does_not_exist(browser, clickmeeting_sandbox):
    response = await browser.get(f"{ACCOUNT}/rooms/12345")
    assert response.status_code == 404
    assert "get_conference" in response.text
    for path in ("rooms/abc", "rooms/0", "rooms/1/sessions/x"):
        response = await browser.get(f"{ACCOUNT}/{path}")
        assert response.status_code == 404
        assert "There is no such page" in response.text


@pytest.mark.parametrize(
    "operation", ["list_all_recordings", "list_sessions", "list_registrations", "list_session_attendees"]
)
async def test_a_part_that_fails_leaves_the_rest(browser, clickmeeting_sandbox, operation):
    sandbox = clickmeeting_sandbox
    room = sandbox.add_room(name="Still here", starts_at=sandbox.now, registration={"enabled": 1})
    sandbox.play(room["id"], count=2)
    sandbox.fault(operation, "status", status=504, times=None)
    response = await browser.get(ACCOUNT)
    assert "Still here" in response.text
    report = await browser.get(f"{ACCOUNT}/rooms/{room['id']}")
    assert "Still here" in report.text
    shown = response if operation == "list_all_recordings" else report
    assert f"{operation}: " in shown.text
    assert sandbox.count(operation) <= 2, "one attempt for each page"


async def test_a_room_that_cannot_be_read_is_left_out_and_counted(browser, clickmeeting_sandbox):
    sandbox = clickmeeting_sandbox
    sandbox.fault("list_conferences", "answer", json=[{"id": 1, "name": "Good"}, {"name": "without an id"}])
    response = await browser.get(ACCOUNT)
    assert "Good" in response.text
    assert "1 rooms could not be read" in response.text


async def test_the_last_good_answer_is_shown_with_its_age(browser, clickmeeting_sandbox, mocker):
    clickmeeting_sandbox.add_room(name="Known before")
    assert "did not answer" not in (await browser.get(ACCOUNT)).text
    clickmeeting_sandbox.fault("*", "status", status=503, times=None)
    for entry in cache.cache()._entries.values():
        entry.expires_at = 0
    response = await browser.get(ACCOUNT)
    assert "Known before" in response.text
    assert "ClickMeeting did not answer lately, so this is older than usual" in response.text


class SilentServer:
    """Accepts connections, and never answers."""

    def __init__(self) -> None:
        self.accepted = 0
        self.has_accepted = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1/"

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.has_accepted.set()
        self._writers.append(writer)

    def hang_up(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()


@pytest.fixture
async def silent(connect) -> AsyncIterator[SilentServer]:
    server = SilentServer()
    await server.start()
    connect(None, host=server.url)
    yield server
    server.hang_up()


async def test_45_browsers_that_wait_do_not_keep_airflow_from_others(browser, silent, mocker):
    mocker.patch.object(cache, "PATIENCE", 60)
    waiting = [asyncio.create_task(browser.get(ACCOUNT)) for _ in range(45)]
    await silent.has_accepted.wait()
    # Airflow's own handlers and ours would share 40 threads
    for _ in range(3):
        assert (await browser.get("/api/v2/dags")).status_code == 200
    assert not any(task.done() for task in waiting)
    assert silent.accepted <= 3, "one look for all: the lists of rooms and recordings"
    silent.hang_up()
    answers: list[Any] = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {200}
    assert all("These webinars cannot be shown" in answer.text for answer in answers)


async def test_an_account_that_is_slow_gets_a_page_that_asks_on(browser, silent, mocker):
    mocker.patch.object(cache, "PATIENCE", 0.01)
    response = await browser.get(ACCOUNT)
    assert "ClickMeeting has not answered yet" in response.text
    assert '<meta http-equiv="refresh" content="5">' in response.text
    silent.hang_up()
    mocker.patch.object(cache, "PATIENCE", 60)
    assert "These webinars cannot be shown" in (await browser.get(ACCOUNT)).text
