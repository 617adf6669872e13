"""The command that finds the switches of an account, against sandboxes with different switches."""

from __future__ import annotations

import ast
import io
import os
import pty
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from thorough import everyday

from airflow_clickmeeting import contract
from airflow_clickmeeting.contract.__main__ import VARIABLE, main
from airflow_clickmeeting.contract.probes import NOT_READABLE, PROBES
from airflow_clickmeeting.contract.reader import Reader
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.sandbox.handle import Sandbox
from airflow_clickmeeting.sandbox.switches import SWITCHES
from airflow_clickmeeting.storage import upload

HOUR = timedelta(hours=1)
POLLS = [{"name": "Feedback", "questions": [{"question": "How?", "answers": [{"points": 1, "value": "Good"}]}]}]
READABLE = sorted(probe.switch for probe in PROBES)
# what a full account shows but for the values of these two, see the test of each
FULL = sorted(set(READABLE) - {"unready_recordings"})


@pytest.fixture
def sandbox(clickmeeting_sandbox, tmp_path):
    """An account that has what every probe looks for."""
    sandbox, hook = clickmeeting_sandbox, ClickMeetingHook()
    sandbox.set_speed(0)
    sandbox.add_room(name="Old", starts_at=sandbox.now - timedelta(days=300))
    old = sandbox.state["rooms"][0]["id"]
    sandbox.add_recording(old, size=1000)
    sandbox.add_room(name="Past", starts_at=sandbox.now - timedelta(days=3))
    talk = sandbox.add_room(name="Q & A", permanent_room=1, registration={"enabled": True})["id"]
    sandbox.add_room(name="Empty", permanent_room=1)
    ada = {"email": "ada@example.com", "visits": [(0, 5), (6, 9)], "polls": POLLS}
    start = sandbox.now - 30 * HOUR
    sandbox.play(talk, start=start, end=start + HOUR, attendees=[ada], chat=["Hello"])
    sandbox.play(talk, start=sandbox.now - HOUR, end=sandbox.now + HOUR, attendees=[ada])
    hook.register_participant(
        talk,
        registration={1: "Grace", 2: "Hopper", 3: "grace@example.com"},
        confirmation_email={"enabled": True},
    )
    slides = tmp_path / "slides.pdf"
    slides.write_text("slides")
    hook.upload_file(upload(slides.as_uri()))
    sandbox.add_recording(talk, size=1000)
    sandbox.forget_requests()
    return sandbox


@pytest.fixture
def ask(capsys):
    """Run the command without a question, and return the switches that it prints, and all of its output."""

    def ask(*arguments: str) -> tuple[dict[str, str], str]:
        assert main([*(arguments or ["--conn-id", "clickmeeting_default"]), "--yes"]) == 0
        output = capsys.readouterr().out
        command = output.strip().splitlines()[-1]
        assert command.startswith("python -m airflow_clickmeeting.sandbox ")
        return dict(re.findall(r"--switch (\w+)=(\w+)", command)), output

    return ask


def values(switches: dict[str, str]) -> dict[str, object]:
    """Return printed values as the sandbox reads them."""
    return {name: SWITCHES[name].read(value) for name, value in switches.items()}


ALTERNATIVES = [
    (name, choice)
    for name in FULL
    for choice in (SWITCHES[name].choices or ("true", "false"))
    if (name, choice) != ("running_end", "now")
]


def test_every_switch_of_the_sandbox_is_found_or_said_to_be_unreadable():
    assert sorted([*READABLE, *NOT_READABLE]) == sorted(SWITCHES)


@pytest.mark.parametrize(("name", "value"), ALTERNATIVES, ids=map("=".join, ALTERNATIVES))
def test_the_switches_are_those_of_the_sandbox(sandbox, ask, name, value):
    sandbox.switch(**{name: value})
    switches, _ = ask()
    current = sandbox._request("GET", "switches")
    assert {each: current[each] for each in switches} == values(switches)
    assert values(switches)[name] == SWITCHES[name].read(value)
    # without the list of all recordings, nothing shows a room that is not listed
    hidden = {"archived"} if value in ("bare", "404") and name == "all_recordings" else set()
    # a page that is repeated as the last one looks like a page that is ignored
    hidden |= {"active_pages"} if value == "repeat" else set()
    assert switches.keys() == set(FULL) - hidden


def test_all_of_them_at_once(sandbox, ask):
    wanted = {name: (SWITCHES[name].choices or (None, "false"))[1] for name in FULL if name != "active_pages"}
    wanted |= {"escape_names": "true", "past_last_page": "404", "media_redirect": "true", "active_pages": "ignored"}
    sandbox.switch(**wanted)
    assert values(ask()[0]) == values(wanted)


def test_it_sends_get_requests_only_and_no_more_than_it_says(sandbox, ask):
    _, output = ask()
    (most,) = re.findall("at most ([0-9]+) requests", output)
    log = sandbox.log()
    assert {each["method"] for each in log} == {"GET"}
    assert len(log) <= int(most)
    assert len({(each["path"], str(each["query"])) for each in log}) == len(log), "none of them twice"
    assert {each["headers"].get("x-api-key") for each in sandbox.log("media")} == {None}


def test_it_shows_nothing_of_people_or_rooms(sandbox, ask):
    _, output = ask()
    assert not [word for word in ("@", "Q & A", "Empty", "Grace", "st=") if word in output]


def test_nothing_in_the_folder_can_send_another_method():
    """The reader builds the only request, with a constant."""
    built = [
        node
        for path in Path(contract.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("Request", "request", "run")
    ]
    assert [ast.unparse(node.args[0]) for node in built if ast.unparse(node.func) != "probe.run"] == ["'GET'"]
    sources = "".join(path.read_text() for path in Path(contract.__file__).parent.glob("*.py"))
    assert not re.findall(r"\b(POST|PUT|PATCH|DELETE)\b|[.](post|put|patch|delete)\(", sources)


def test_a_get_that_starts_a_job_is_refused(sandbox):
    reader = Reader(ClickMeetingHook().settings)
    with pytest.raises(ValueError, match="generate-pdf starts a job"):
        reader.get("conferences/1/sessions/2/generate-pdf/en")
    assert sandbox.count() == 0


def test_a_recording_in_the_making(sandbox, ask):
    sandbox.switch(unready_recordings="sizeless")
    (talk,) = (room["id"] for room in sandbox.state["rooms"] if room["name"] == "Q & A")
    start = sandbox.now - 3 * HOUR
    sandbox.play(talk, start=start, end=start + HOUR, recordings=[{"ready_after": 4 * 3600}])
    assert ask()[0]["unready_recordings"] == "sizeless"


def test_a_session_that_ends_in_the_present_minute_settles_nothing(sandbox, ask):
    sandbox.switch(running_end="now")
    switches, output = ask()
    assert "running_end" not in switches
    assert "running_end: a session ends in the present minute: if its end has moved" in output


def test_repeated_pages_leave_open_whether_pages_are_ignored(sandbox, ask):
    sandbox.switch(active_pages="ignored", past_last_page="repeat")
    switches, output = ask()
    assert "active_pages" not in switches
    assert "active_pages: page 1 of the active rooms may be repeated" in output


def test_an_empty_account_settles_little_and_says_why(clickmeeting_sandbox, ask):
    switches, output = ask()
    assert switches == {"error_code": "int", "ping_checks_key": "true"}
    for line in ("no_sessions: each of 0 rooms", "sizes: no recording_file_size", "archived: no recording"):
        assert f"  {line}" in output
    assert "  created_status: only a request that writes shows it" in output


@pytest.mark.parametrize("operation", ["list_sessions", "list_chats", "list_all_recordings", "ping", "get_conference"])
@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "status", "status": 500}, {"kind": "429"}])
def test_an_odd_response_settles_nothing_false(sandbox, ask, operation, fault):
    sandbox.fault(operation, times=None, **fault)
    switches, _ = ask()
    current = sandbox._request("GET", "switches")
    assert {each: current[each] for each in switches} == values(switches)


def test_responses_of_unknown_shapes_lose_only_their_own_findings(sandbox, ask):
    sandbox.fault("list_session_attendees", "answer", json=[{"uid": ["odd"], "polls": POLLS}], times=None)
    switches, output = ask()
    assert "polls: a response has an unknown shape (TypeError)" in output
    assert switches.keys() == set(FULL) - {"polls"}


STATUS_AFTER = {b"y\n": 0, b"n\n": 1, b"\n": 1, b"\x04": 1}  # what somebody answers at a terminal


class TestTheCommand:
    def test_the_key_of_the_environment(self, ask, monkeypatch):
        with Sandbox(api_key="key-7f3a", seed="demo") as sandbox:
            monkeypatch.setenv(VARIABLE, sandbox.api_key)
            switches, output = ask("--url", sandbox.url)
        assert switches["room_answer"] == "wrapped"
        assert sandbox.api_key not in output

    def test_without_a_key(self, capsys, monkeypatch):
        monkeypatch.delenv(VARIABLE, raising=False)
        assert main([]) == 2
        assert "Give --conn-id, or set the environment variable CLICKMEETING_API_KEY." in capsys.readouterr().err

    def test_a_connection_that_does_not_exist(self, sandbox, capsys):
        assert main(["--conn-id", "nowhere"]) == 2
        error = capsys.readouterr().err
        assert "nowhere" in error
        assert error.endswith("then run the command again.\n")
        assert sandbox.count() == 0

    def test_a_wrong_key(self, sandbox, connect, capsys):
        connect(sandbox, password="wrong")
        assert main(["--conn-id", "clickmeeting_default", "--yes"]) == 1
        assert "ClickMeeting refuses the key: HTTP 401. Check the key" in capsys.readouterr().err
        assert sandbox.count() == 1

    def test_another_server(self, sandbox, capsys):
        sandbox.fault("list_conferences", "html")
        assert main(["--conn-id", "clickmeeting_default", "--yes"]) == 1
        assert "HTTP 200 without a list of rooms. Check the URL" in capsys.readouterr().err

    def test_no_server(self, connect, capsys):
        connect(host="http://127.0.0.1:9/v1")
        assert main(["--conn-id", "clickmeeting_default", "--yes"]) == 1
        assert "no connection to 127.0.0.1:9" in capsys.readouterr().err

    def test_a_response_that_is_too_large(self, sandbox, connect, capsys):
        connect(sandbox, extra={"max_response_size": 1024})
        assert main(["--conn-id", "clickmeeting_default", "--yes"]) == 1
        assert "more than 1024 bytes" in capsys.readouterr().err

    @pytest.mark.parametrize("stdin", [io.StringIO("y\n"), None], ids=["a pipe", "none"])
    def test_without_a_terminal_it_shows_the_requests_and_stops(self, sandbox, capsys, monkeypatch, stdin):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["--conn-id", "clickmeeting_default"]) == 1
        shown = capsys.readouterr()
        assert "GET conferences/active and conferences/inactive" in shown.out
        assert shown.err == "There is no terminal to confirm. Nothing was sent. Run the command again with --yes.\n"
        assert sandbox.count() == 0

    @pytest.mark.parametrize("answer", everyday(STATUS_AFTER, b"y\n", b"\n"))
    def test_at_a_terminal_it_asks(self, sandbox, answer):
        status = STATUS_AFTER[answer]
        keyboard, terminal = pty.openpty()
        os.write(keyboard, answer)
        command = [sys.executable, "-m", "airflow_clickmeeting.contract", "--url", sandbox.url]
        environment = os.environ | {VARIABLE: sandbox.api_key, "PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            ran = subprocess.run(command, stdin=terminal, capture_output=True, text=True, env=environment, timeout=600)
        finally:
            os.close(keyboard)
            os.close(terminal)
        assert ran.returncode == status, ran.stderr
        assert "Send these requests? [y/N]" in ran.stdout
        assert (sandbox.count() > 0) is (status == 0)
        assert ("Nothing was sent." in ran.stderr) is (status == 1)


def test_the_documentation_has_the_number_of_requests():
    page = (Path(__file__).parents[2] / "docs" / "api-facts.md").read_text()
    assert f"at most {sum(probe.most for probe in PROBES)}, one after the other" in page
