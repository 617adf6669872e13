"""`make airflow` as a process: what it brings, that examples run there, and that nothing of it stays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_airflow import until

from airflow_clickmeeting.sandbox.demo import ROOMS, SESSIONS
from airflow_clickmeeting.sandbox.handle import SandboxControl

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
WORKSHOP = {"room_id": ROOMS["Airflow workshop"], "session_id": SESSIONS["Airflow workshop"]}
CHANGED_PEOPLE = "First Name,Last Name,E-mail\nAda,Lovelace,ada@example.com\n"
LAST_LINE = "Press Ctrl-C"


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of what `make airflow` reads, with a list of people that the user has changed."""
    # the user of PostgreSQL must be able to enter it
    folder = Path(tempfile.mkdtemp(prefix="make-airflow-"))
    folder.chmod(0o755)
    for name in ("scripts", "example_dags"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("tmp", "build/airflow"):
        (folder / name).mkdir(parents=True)
    (folder / "build" / "airflow" / "people.csv").write_text(CHANGED_PEOPLE)
    (folder / "build" / "airflow" / "of-an-earlier-start").touch()
    yield folder
    shutil.rmtree(folder)


def start(checkout: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "scripts/run_airflow.py"]
    env = {**os.environ, "TMPDIR": str(checkout / "tmp"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def process(checkout) -> Iterator[subprocess.Popen[str]]:
    with start(checkout) as process:
        yield process
        process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def welcome(process) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if LAST_LINE in line:
            return "".join(lines)
    return pytest.fail(f"make airflow ended: {''.join(lines)}")


@pytest.fixture(scope="module")
def api(welcome) -> Iterator[httpx.Client]:
    url = re.search(r"Airflow is ready: +(\S+)", welcome)[1]
    token = httpx.get(f"{url}/auth/token", trust_env=False, timeout=60).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/api/v2/", headers=headers, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def sandbox(welcome) -> SandboxControl:
    url = re.search(r"Sandbox \(the API\): +(\S+)", welcome)[1]
    token = re.search(r"The sandbox's page: +\S+#token=(\S+)", welcome)[1]
    return SandboxControl(url, token=token)


def left(checkout: Path) -> list[str]:
    """The processes that know the checkout."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if str(checkout).encode() in (each / "environ").read_bytes():
                found.append((each / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended
            continue
    return found


def run(api: httpx.Client, dag_id: str, **conf: Any) -> str:
    api.patch(f"dags/{dag_id}", json={"is_paused": False}).raise_for_status()
    started = api.post(f"dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf}).raise_for_status()
    return f"dags/{dag_id}/dagRuns/{started.json()['dag_run_id']}"


def test_it_brings_what_the_examples_need(api, checkout):
    connections = {each["connection_id"] for each in api.get("connections").json()["connections"]}
    assert connections >= {"clickmeeting_default", "smtp_default", "warehouse", "chat_webhook", "crm"}
    folder = checkout / "build" / "airflow"
    assert api.get("variables/clickmeeting_folder").json()["value"] == folder.as_uri()
    assert api.get("pools/clickmeeting").json()["slots"] == 4
    assert not api.get("importErrors").json()["import_errors"]
    assert {each.name for each in folder.iterdir()} == {"people.csv", "series.yaml", "warehouse.db"}
    assert (folder / "people.csv").read_text() == CHANGED_PEOPLE


def test_a_second_one_in_the_same_checkout_says_so(welcome, checkout):
    with start(checkout) as second:
        assert second.stdout.read().startswith("make airflow runs in this checkout already.")
    assert second.returncode == 1


def test_examples_run_to_their_end_and_their_mails_are_in_the_sandbox(api, sandbox, checkout):
    runs = [run(api, "webinar_lifecycle"), run(api, "on_session_ended", sessions=[WORKSHOP])]

    def states() -> set[str]:
        return {api.get(run).json()["state"] for run in runs}

    until("both runs are over", lambda: states() <= {"success", "failed"}, timeout=600)
    assert states() == {"success"}
    mails = [mail for mail in sandbox.outbox if "Airflow workshop" in mail.get("html", "")]
    assert {mail["subject"] for mail in mails} <= {"Thank you for coming", "We missed you"}
    assert {mail["recipient"] for mail in mails} == {f"{name}@example.com" for name in ("ada", "grace", "linus")}
    assert [*(checkout / "build" / "airflow").glob("session-*/report.pdf")]
    # a week has passed, and now that no task waits, time goes on as usual
    until("the clock is slow again", lambda: sandbox._request("GET", "clock")["speed"] == 1)
    assert sandbox.state["counts"]["rooms"] == len(ROOMS) + 1


def test_sigterm_ends_everything(process, welcome, checkout):
    process.send_signal(signal.SIGTERM)
    assert process.wait(600) == 0
    assert not left(checkout)
    assert not [*(checkout / "tmp").iterdir()]
