"""The tutorial, as a reader types it: all of its commands but the installation, with other ports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_pages import ROOT, blocks
from local_airflow import reserve_port, until

from airflow_clickmeeting.sandbox.handle import SandboxControl

PAGE = ROOT / "docs" / "tutorial" / "index.md"


@pytest.fixture
def start(tmp_path):
    """Run commands in a shell of their own, with their output in a file."""
    started = []
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    env["PYTHONUNBUFFERED"] = "1"

    def start(name: str, commands: str) -> subprocess.Popen[bytes]:
        with (tmp_path / name).open("wb") as output:
            shell = subprocess.Popen(["bash", "-ec", commands], cwd=tmp_path, env=env, stdout=output, stderr=output)
        started.append(shell)
        return shell

    yield start
    for shell in started:
        shell.kill()
        shell.wait()


def until_running(process: subprocess.Popen[bytes], what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds, or fail because the process has ended before."""

    def holds_or_runs() -> object:
        found = holds()
        assert found or process.poll() is None, f"the command ended too early: {process.args}"
        return found

    until(what, holds_or_runs)


def test_the_tutorial_ends_in_four_mails(start, tmp_path):
    api, mail = reserve_port(), reserve_port()
    install, sandbox, mails, connect, run, advance = [
        block.commands.replace("8085", str(api)).replace("8025", str(mail))
        for block in blocks(PAGE)
        if block.language in ("bash", "console")
    ]
    assert "pip install" in install
    server = start("sandbox", f"exec {sandbox}")
    until_running(server, "the sandbox listens", lambda: b"control token" in (tmp_path / "sandbox").read_bytes())
    start("mails", f"exec {mails}")
    dags = tmp_path / "airflow" / "dags"
    dags.mkdir(parents=True)
    shutil.copy(PAGE.with_name("first_follow_up.py"), dags)
    airflow = start("airflow-output", f"{connect}\n{run}")
    control = SandboxControl(f"http://127.0.0.1:{api}/v1/", token="tutorial")
    until_running(airflow, "the sensor polls", lambda: control.count("list_sessions"))
    assert start("curl", advance).wait() == 0
    assert airflow.wait(timeout=600) == 0
    lines = (tmp_path / "mails").read_text().splitlines()
    found = [line.partition(": ")[2] for line in lines if line.startswith(("Subject: ", "To: "))]
    thanks = [("Thank you for coming", f"{name}@example.com") for name in ("ada", "linus", "marie")]
    assert sorted(zip(found[::2], found[1::2], strict=True)) == [*thanks, ("We missed you", "grace@example.com")]
