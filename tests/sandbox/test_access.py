"""Tests that a web page cannot use the sandbox through the browser of the person who opens the page."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from airflow_clickmeeting.sandbox.control import ENDPOINTS
from airflow_clickmeeting.sandbox.handle import Sandbox, SandboxControl

NEW = {"name": "Plan", "room_type": "webinar", "permanent_room": "1", "access_type": "1"}
READS = [path for method, path in ENDPOINTS if method == "GET"]
WRITES = [(method, path) for method, path in ENDPOINTS if method != "GET"]
REBOUND = {"Host": "attacker.example.com"}
FOREIGN = {"Origin": "http://attacker.example.com"}
EMBEDDED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
OPENED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def control(sandbox):
    """Return a client of the control endpoints that has the token."""
    headers = {"X-Sandbox-Token": sandbox.token, "Content-Type": "application/json"}
    with httpx.Client(base_url=sandbox.url.replace("v1", "_sandbox"), headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def link(api, finished):
    return api.get("conferences/recordings").json()[0]["recording_url"]


def seen(sandbox: Sandbox) -> dict[str, object]:
    """Return all that control requests can change, but for the time."""
    state = sandbox.state
    del state["now"]
    paths = ("switches", "faults", "requests", "outbox")
    return {"state": state, "speed": sandbox._request("GET", "clock")["speed"]} | {
        path: sandbox._request("GET", path) for path in paths
    }


@pytest.mark.parametrize("headers", [REBOUND, FOREIGN, {"Origin": "null"}, EMBEDDED, OPENED], ids=str)
def test_a_page_cannot_use_the_api(api, sandbox, headers):
    refused = [
        api.get("conferences/active", headers=headers),
        api.post("conferences", data={**NEW, "api_key": "sandbox"}, headers=headers),
    ]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert all(answer.json()["error"].startswith("The sandbox refuses the ") for answer in refused)
    assert sandbox.count() == 0
    assert sandbox.state["counts"]["rooms"] == 0


@pytest.mark.parametrize("headers", [REBOUND, FOREIGN, {"Origin": "null"}, EMBEDDED, OPENED], ids=str)
def test_a_page_can_neither_control_nor_read_the_sandbox(control, sandbox, headers):
    assert {control.get(path, headers=headers).status_code for path in READS} == {403}
    assert control.post("clock", json={"advance": 60}, headers=headers).status_code == 403
    assert control.options("clock", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [REBOUND, FOREIGN, EMBEDDED], ids=str)
def test_a_page_cannot_load_a_file(sandbox, link, headers):
    assert httpx.get(link, headers=headers, trust_env=False).status_code == 403
    assert sandbox.count("media") == 0


def test_a_person_can_open_a_link_to_a_file_from_any_page(link):
    assert httpx.get(link, headers=OPENED, trust_env=False).status_code == 200
    assert httpx.post(link, headers=OPENED, trust_env=False).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1", "[::1]:80", "192.0.2.7:8085", "LOCALHOST"])
def test_names_of_this_machine_and_addresses_are_accepted(api, host):
    own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert api.get("ping", headers={"Host": host}).status_code == 200
    assert api.get("ping", headers=own).status_code == 200


@pytest.mark.parametrize("host", ["", "localhost.example.com", "127.0.0.1.example.com", "[::1", "a@b", "host.internal"])
def test_other_names_are_refused(api, host):
    assert api.get("ping", headers={"Host": host}).status_code == 403


def test_another_name_can_be_allowed():
    with Sandbox(allowed_hosts=["host.internal"]) as sandbox:
        headers = {"X-Api-Key": "sandbox", "Host": "host.internal:8085"}
        assert httpx.get(f"{sandbox.url}ping", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Sandbox-Token": ""},
        {"X-Sandbox-Token": "wrong"},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
    ids=str,
)
def test_a_change_needs_the_token_and_json(control, sandbox, finished, method, path, headers):
    before = seen(sandbox)
    answer = control.request(method, path, content=b"{}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("This request changes the sandbox. Send ")
    assert seen(sandbox) == before


def test_the_token_may_come_with_any_spelling_of_json(control):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert control.post("switches", content=b'{"sizes": "int"}', headers=headers).json()["sizes"] == "int"


@pytest.mark.parametrize("path", ["", *READS])
def test_get_changes_nothing(control, sandbox, finished, path):
    before = seen(sandbox)
    meant = {"advance": "999", "set": "2031-01-01", "speed": "9", "sizes": "int", "operation": "ping", "kind": "reset"}
    assert control.get(path, params=meant).status_code == 200
    assert seen(sandbox) == before
    assert abs(sandbox.now - SandboxControl(sandbox.url).now) < timedelta(minutes=1)


def test_without_a_token_the_handle_can_only_read(sandbox):
    reader = SandboxControl(sandbox.url)
    assert reader.state["counts"]["rooms"] == 0
    with pytest.raises(ValueError, match=r"Send the control token, which .* in Python: SandboxControl\(url, token="):
        reader.add_room()
    SandboxControl(sandbox.url, token=sandbox.token).add_room()
    assert reader.state["counts"]["rooms"] == 1


def test_no_control_path_shows_an_api_key():
    with (
        Sandbox(api_key="key-of-the-sandbox") as sandbox,
        httpx.Client(base_url=sandbox.url, trust_env=False) as api,
    ):
        for key in ("key-of-the-sandbox", "key-of-production"):
            api.get("ping", headers={"X-Api-Key": key})
            api.get("ping", params={"api_key": key})
            api.post("conferences", data={**NEW, "api_key": key})
            api.post("conferences", json={**NEW, "api_key": key}, headers={"X-Api-Key": key})
        shown = "".join(str(sandbox._request("GET", path)) for path in ["", *READS])
        assert sandbox.count() == 8
        assert "key-of" not in shown
        assert [entry["headers"].get("x-api-key") for entry in sandbox.log("create_conference")] == [
            None,
            "key-of-the-sandbox",
            None,
            "(another key)",
        ]
        assert [entry["query"] for entry in sandbox.log("ping")] == [
            {},
            {"api_key": "(the API key)"},
            {},
            {"api_key": "(another key)"},
        ]
