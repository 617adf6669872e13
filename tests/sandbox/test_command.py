"""Tests of the command line."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from airflow_clickmeeting.sandbox.handle import SandboxControl

COMMAND = [sys.executable, "-m", "airflow_clickmeeting.sandbox"]


FIRST_LINE = r"ClickMeeting sandbox on (http://127\.0\.0\.1:\d+/v1/)"


@contextmanager
def running(*arguments: str):
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_url_serves_and_ends_cleanly(number):
    arguments = ["--api-key", "my-key", "--seed", "empty", "--speed", "3600", "--switch", "created_status=200"]
    with running(*arguments) as process:
        line = process.stdout.readline()
        found = re.fullmatch(rf"{FIRST_LINE} \(API key: my-key, control token: ([\w-]{{16,}})\)\n", line)
        control = SandboxControl(found[1], "my-key", found[2])
        key = {"X-Api-Key": "my-key"}
        assert httpx.get(f"{control.url}ping", headers=key, trust_env=False).status_code == 200
        assert control.state["counts"]["rooms"] == 0
        control.advance(timedelta(days=1))
        assert control.now > datetime.now(UTC) + timedelta(hours=23)
        process.send_signal(number)
        assert process.wait(600) == 0
        page = f"{control.url.removesuffix('v1/')}_sandbox/page/#token={control.token}"
        assert process.stdout.read() == f"Its page, to open in a browser: {page}\n"
        assert process.stderr.read() == ""


def test_a_token_and_a_host_name_can_be_chosen():
    with running("--token", "my-token", "--allow-host", "sandbox.internal") as process:
        url = re.match(FIRST_LINE, process.stdout.readline())[1]
        SandboxControl(url, token="my-token").advance(timedelta(hours=1))
        for host, status in (("sandbox.internal:80", 200), ("sandbox.example.com", 403)):
            headers = {"X-Api-Key": "sandbox", "Host": host}
            assert httpx.get(f"{url}ping", headers=headers, trust_env=False).status_code == status


def test_help_shows_the_connection_the_endpoints_and_the_switches():
    text = run("--help").stdout
    for part in (
        "AIRFLOW_CONN_CLICKMEETING_DEFAULT",
        "/_sandbox/clock",
        "--speed",
        "no_recordings",
        "X-Sandbox-Token",
        "--token",
    ):
        assert part in text


def test_a_wrong_option_gives_an_error_of_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments in (["--port", port], ["--switch", "size=int"], ["--port", "99999999"], ["--speed", "-1"]):
            failed = run(*arguments)
            assert failed.returncode == 2
            assert failed.stderr.startswith("The sandbox cannot start: ")
            assert failed.stderr.count("\n") == 1


def test_without_the_extra_the_error_names_the_package_to_install():
    code = (
        "import sys; sys.modules['uvicorn'] = None;"
        "from airflow_clickmeeting.sandbox.__main__ import main; sys.exit(main([]))"
    )
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False)
    assert failed.returncode == 2
    assert failed.stderr == (
        "The sandbox needs the package uvicorn. Install the package with: pip install 'airflow-clickmeeting[sandbox]'\n"
    )
