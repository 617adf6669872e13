"""`make airflow` as a process: every example, started with the form in a browser, does its work, and nothing stays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from local_airflow import clean_environment, until
from playwright.sync_api import expect, sync_playwright
from thorough import everyday

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "ui"
DOCS_PICTURES = ROOT / "docs" / "images"
BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESK: ViewportSize = {"width": 1280, "height": 800}
LIST: ViewportSize = {"width": 1280, "height": 1000}
LOG: ViewportSize = {"width": 1200, "height": 620}
UPDATE = bool(os.environ.get("UPDATE_SCREENSHOT"))
STOPPED_WITHIN, PAGE_WITHIN = 600, 60_000
CHANGED_PEOPLE = "First Name,Last Name,E-mail\nMary,Jackson,mary@example.com\n"

TABLES = {f"clickmeeting_{name}" for name in ("conferences", "registrations", "sessions", "attendees", "attendance")}


class Output(NamedTuple):
    """What a run of an example leaves, besides its state.

    :param files: patterns of the files in the examples' folder.
    :param tables: the tables of the warehouse.
    :param mails: mails that are sent, each by its subject and its recipient; one of ClickMeeting, whose wording is not
        known, has a kind instead of a subject.
    :param rooms: the names of rooms in the account.
    """

    files: tuple[str, ...] = ()
    tables: frozenset[str] = frozenset()
    mails: tuple[tuple[str, str], ...] = ()
    rooms: tuple[str, ...] = ()


OUTPUTS = {
    "access_request": Output(files=("access-requests/*.json",)),
    "account_housekeeping": Output(
        files=("library/*/logo.png", "library/*/workshop.pdf", "recordings/recordings-*.json")
    ),
    "archive_recordings": Output(files=("recordings/recordings-*.json", "recordings/*.mp4")),
    "attendance_report": Output(
        files=("reports/attendance-*.html",), mails=(("Attendance: Airflow workshop", "team@example.com"),)
    ),
    "calendar_invitation": Output(
        files=("calendar/*/links.jsonl", "calendar/*/invited-*.jsonl"), mails=(("Invitation", "mary@example.com"),)
    ),
    "certificates": Output(
        files=("certificates/7000002/ada@example.com.pdf", "certificates/7000002/messages.jsonl"),
        mails=(("Your certificate", "ada@example.com"),),
    ),
    "chat_message": Output(
        files=("chat/reports/attendance-*.html", "chat/posted-*.jsonl"), mails=(("HTTP POST", "/chat/webhook"),)
    ),
    "crm_export": Output(files=("crm/attendance-*.jsonl",)),
    "dlt_load": Output(files=("dlt/attendance-*.jsonl", "webinars-dlt.duckdb")),
    "invite_people": Output(
        files=("invited/invitations-*.jsonl", "invited/links-*.csv"), mails=(("invitation", "mary@example.com"),)
    ),
    # on most days, the sandbox had no webinar in the last month
    "monthly_report": Output(files=("monthly/*/attendance.jsonl.gz", "monthly/*/messages.jsonl")),
    "on_session_ended": Output(
        files=("session-7000002/attendance.jsonl", "session-7000002/messages.jsonl"),
        mails=tuple(("Thank you for coming", f"{name}@example.com") for name in ("ada", "grace", "linus")),
    ),
    "parquet_to_duckdb": Output(
        files=("parquet/conferences/all.parquet", "parquet/attendance/*.parquet", "webinars.duckdb")
    ),
    "planned_rooms": Output(rooms=("Product tour", "Ask us anything")),
    "register_people": Output(files=("ledgers/registrations-*.jsonl",), mails=(("confirmation", "mary@example.com"),)),
    # the sandbox's room may have started, since the clock hurries meanwhile; then nobody is reminded
    "remind_before_start": Output(),
    "session_archive": Output(
        files=(
            "archive/session-*/attend*.csv",
            "archive/session-*/chat.zip",
            "archive/session-*/files/*/workshop.pdf",
            "archive/session-*/manifest.json",
            "archive/session-*/recordings/*.mp4",
            "archive/session-*/report.pdf",
        )
    ),
    "retention": Output(files=("retention/recordings/recordings-*.json", "retention/sessions/*.jsonl")),
    "several_accounts": Output(),
    "signups": Output(
        files=("signups/registrations-*.jsonl", "signups/crm-*.jsonl"), mails=(("confirmation", "lise@example.com"),)
    ),
    "task_sensor": Output(),
    # the account has a room of this name from the start
    "tokens_and_join_links": Output(rooms=("Board meeting", "Board meeting")),
    "transcripts": Output(files=("transcripts/*.mp4", "transcripts/*.txt", "transcripts/index.html")),
    "wait_for_session": Output(files=("reports/*.pdf",)),
    "webinar_lifecycle": Output(
        files=("session-*/attendees.csv", "session-*/registrations.jsonl", "session-*/report.pdf"),
        mails=(("invitation", "katherine@example.com"),),
        rooms=("Airflow for webinars",),
    ),
    "weekly_series": Output(rooms=("Weekly demo", "Weekly demo")),
    "webinars_to_warehouse": Output(
        files=("lake/conferences.parquet", "lake/attendees/date=*/*.parquet"), tables=frozenset(TABLES)
    ),
}
PATHS = sorted((ROOT / "example_dags").rglob("*.py"))
SOURCES = {path.stem: path.read_text() for path in PATHS}
# the longest ones first; the others run while these wait
EXAMPLES = sorted(SOURCES, key=lambda name: "Sensor(" not in SOURCES[name])
# the recipes of the cookbook run every day without a browser, in tests/examples
EVERY_DAY = [path.stem for path in PATHS if path.parent.name != "cookbook"]
# the end of a session is certain to come; the clock may hurry past a moment before a start
STARTED_BY_EVENTS = [name for name, source in SOURCES.items() if 'clickmeeting_asset("session_ended")' in source]


class Running:
    """What `make airflow` runs: the addresses that it prints, and what its REST APIs say."""

    def __init__(self, welcome: str) -> None:
        self.airflow, self.sandbox = (
            re.search(rf"{label}: +(\S+)", welcome)[1]  # type: ignore[index]
            for label in ("Airflow is ready", r"Sandbox \(the API\)")
        )

    @cached_property
    def client(self) -> httpx.Client:
        client = httpx.Client(base_url=f"{self.airflow}/api/v2", trust_env=False, timeout=600)
        token = client.get(f"{self.airflow}/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def api(self, path: str, **params: Any) -> Any:
        return self.client.get(path, params=params).raise_for_status().json()

    @cached_property
    def folder(self) -> Path:
        return Path(unquote(urlsplit(self.api("/variables/clickmeeting_folder")["value"]).path))

    def tables(self) -> set[str]:
        """Return the tables of the warehouse that have rows."""
        with closing(sqlite3.connect(self.api("/connections/warehouse")["host"])) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name for name in names if database.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()}

    def ask(self, path: str) -> Any:
        """Ask the sandbox's controls."""
        return self.client.get(f"{self.sandbox.removesuffix('/v1/')}/_sandbox/{path}").raise_for_status().json()

    def runs(self, dag: str, run_type: str) -> list[dict[str, Any]]:
        return list(self.api(f"/dags/{dag}/dagRuns", run_type=run_type, order_by="start_date")["dag_runs"])

    def wait(self, dag: str, run: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """Wait until a run ends, and return it; one that fails is an error with the logs of its tasks."""

        def ended() -> dict[str, Any] | None:
            found = run()
            return found if found and found["state"] in ("success", "failed") else None

        until(f"a run of {dag} ends: {run()}", ended)
        found = ended()
        assert found
        assert found["state"] == "success", self.explain(found)
        return found

    def explain(self, run: dict[str, Any]) -> str:
        """Return the logs of the tasks that failed, and the states of all."""
        place = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        tasks = self.api(place)["task_instances"]
        texts = [f"{place}: {Counter((each['task_id'], each['state']) for each in tasks)}"]
        for each in tasks:
            if each["state"] in ("failed", "up_for_retry"):
                log = self.api(
                    f"{place}/{each['task_id']}/logs/{max(each['try_number'], 1)}", map_index=each["map_index"]
                )
                texts += [f"== {each['task_id']}", *(str(line.get("event", line)) for line in log["content"])]
        return "\n".join(texts)


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


def make_airflow(checkout: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "scripts/run_airflow.py"]
    env = {**clean_environment(), "TMPDIR": str(checkout / "tmp"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def process(checkout: Path) -> Iterator[subprocess.Popen[str]]:
    with make_airflow(checkout) as process:
        yield process
        process.terminate()
        process.wait(STOPPED_WITHIN)


@pytest.fixture(scope="module")
def running(process: subprocess.Popen[str]) -> Running:
    """What `make airflow` starts, from its welcome on."""
    lines: list[str] = []
    while "Press Ctrl-C" not in "".join(lines[-1:]):
        assert process.stdout
        lines += [process.stdout.readline()]
        assert lines[-1], f"make airflow ended with {process.wait()}: {''.join(lines)}"
    return Running("".join(lines))


def left(checkout: Path) -> list[str]:
    """Return the processes that know the checkout."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if str(checkout).encode() in (each / "environ").read_bytes():
                found.append((each / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended
            continue
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER_ARGS)


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Page:
    """One page with one cache: loading Airflow's pages takes longer than the rest."""
    page = chromium.new_page(viewport=DESK)
    page.set_default_timeout(PAGE_WITHIN)
    expect.set_options(timeout=PAGE_WITHIN)
    return page


@pytest.fixture(scope="module")
def start(page: Page, running: Running) -> Callable[[str], str]:
    """Trigger a DAG with the form of its page, once, and return the run's id."""
    started: dict[str, str] = {}
    parsed = lambda: running.api("/dags", limit=100)["total_entries"] == len(EXAMPLES)  # noqa: E731

    def start(dag: str) -> str:
        if dag not in started:
            page.goto(f"{running.airflow}/dags/{dag}")
            page.get_by_test_id("trigger-dag-button").click()
            with page.expect_response(lambda response: response.request.method == "POST") as response:
                page.get_by_test_id("trigger-dag-submit").click()
            assert response.value.ok, response.value.text()
            started[dag] = response.value.json()["dag_run_id"]
        return started[dag]

    until("Airflow has parsed the examples", parsed)
    return start


@pytest.fixture(scope="module")
def finish(running: Running, start: Callable[[str], str]) -> Callable[[str], str]:
    """Start a DAG, wait until the run has ended well, and return the run's id."""

    def finish(dag: str) -> str:
        run_id = start(dag)
        running.wait(dag, lambda: running.api(f"/dags/{dag}/dagRuns/{run_id}"))
        return run_id

    return finish


def test_each_example_is_in_the_table() -> None:
    assert OUTPUTS.keys() == SOURCES.keys(), "say in OUTPUTS what a new example leaves"


def test_it_brings_what_the_examples_need(running: Running, checkout: Path) -> None:
    connections = {each["connection_id"] for each in running.api("/connections")["connections"]}
    assert connections >= {"clickmeeting_default", "smtp_default", "warehouse", "chat_webhook", "crm"}
    assert running.folder == checkout / "build" / "airflow"
    assert running.api("/pools/clickmeeting")["slots"] == 4
    assert not running.api("/importErrors")["import_errors"]
    assert {each.name for each in running.folder.iterdir()} == {"people.csv", "series.yaml", "warehouse.db"}
    assert (running.folder / "people.csv").read_text() == CHANGED_PEOPLE


@pytest.mark.usefixtures("running")
def test_a_second_one_in_the_same_checkout_says_so(checkout: Path) -> None:
    with make_airflow(checkout) as second:
        assert second.stdout
        assert second.stdout.read().startswith("make airflow runs in this checkout already.")
    assert second.returncode == 1


def test_a_sensor_says_what_it_waits_for(page: Page, running: Running, start: Callable[[str], str]) -> None:
    dag, run_id = "webinar_lifecycle", start("webinar_lifecycle")
    for meanwhile in EXAMPLES[:6]:
        start(meanwhile)
    # its second poll, a minute later, knows the room
    text = "is planned for" if UPDATE else "Waiting for a session"
    task = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/wait"
    until("the sensor waits", lambda: running.api(task)["state"] in ("deferred", "success"))
    until("its log says for what", lambda: text in str(running.api(f"{task}/logs/1")["content"]))
    page.set_viewport_size(LOG)
    page.goto(f"{running.airflow}/dags/{dag}/runs/{run_id}/tasks/wait")
    expect(page.get_by_text(text).first).to_be_visible()
    page.keyboard.press("w")  # wraps long lines
    picture(page, "waiting-sensor")
    page.set_viewport_size(DESK)


@pytest.mark.parametrize("dag", everyday(EXAMPLES, *EVERY_DAY))
def test_the_form_starts_it(start: Callable[[str], str], dag: str) -> None:
    assert start(dag)


@pytest.mark.parametrize("dag", everyday(reversed(EXAMPLES), *EVERY_DAY))
def test_it_succeeds_and_leaves_what_it_promises(running: Running, finish: Callable[[str], str], dag: str) -> None:
    finish(dag)
    expected = OUTPUTS[dag]
    for pattern in expected.files:
        assert [path for path in running.folder.glob(pattern) if path.stat().st_size], pattern
    assert not expected.tables or expected.tables <= running.tables()
    assert {*expected.mails} <= {
        (mail.get("subject", mail["kind"]), mail["recipient"]) for mail in running.ask("outbox")
    }
    assert Counter(expected.rooms) <= Counter(room["name"] for room in running.ask("state")["rooms"])


@pytest.mark.parametrize("dag", everyday(STARTED_BY_EVENTS, *EVERY_DAY))
def test_an_event_starts_it(running: Running, start: Callable[[str], str], dag: str) -> None:
    start(dag)  # it was paused until then
    start("wait_for_session")  # the sandbox's clock hurries while all runs wait, and so a session ends
    running.wait(dag, lambda: next(iter(running.runs(dag, "asset_triggered")), None))


def test_a_dag_and_its_tasks_explain_themselves(page: Page, running: Running) -> None:
    page.goto(f"{running.airflow}/dags/webinar_lifecycle")
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_role("dialog").locator("li").last).to_contain_text("A second run on another day")
    for task, text in (
        ("wait", "Wait until a session of a room has ended"),
        ("register", "Register a person for a room"),
    ):
        page.goto(f"{running.airflow}/dags/webinar_lifecycle/tasks/{task}")
        page.get_by_role("button", name="Documentation").click()
        expect(page.get_by_role("dialog")).to_contain_text(text)


def test_the_pictures_of_the_docs(page: Page, running: Running, finish: Callable[[str], str]) -> None:
    run_id = finish("webinar_lifecycle")
    page.set_viewport_size(LIST)
    page.goto(f"{running.airflow}/dags")
    page.get_by_role("button", name="Show table view").click()
    for dag in EXAMPLES:
        expect(page.get_by_role("link", name=dag, exact=True)).to_be_visible()
    picture(page, "dag-list")
    page.set_viewport_size(DESK)
    page.goto(f"{running.airflow}/dags/webinar_lifecycle/runs/{run_id}")
    expect(page.get_by_text("registrations").first).to_be_visible()
    picture(page, "finished-run")
    (asset,) = running.api("/assets", name_pattern="session_ended")["assets"]
    page.goto(f"{running.airflow}/assets/{asset['id']}")
    for dag in STARTED_BY_EVENTS:
        expect(page.locator(".react-flow").get_by_text(dag)).to_be_visible()
    picture(page, "asset-graph")


def test_who_came_to_the_workshop_is_written_to_and_nobody_else(running: Running, finish: Callable[[str], str]) -> None:
    finish("on_session_ended")
    mails = [mail for mail in running.ask("outbox") if "Airflow workshop" in mail.get("html", "")]
    follow_ups = [mail["recipient"] for mail in mails if mail["subject"] in ("Thank you for coming", "We missed you")]
    assert {*follow_ups} == {f"{name}@example.com" for name in ("ada", "grace", "linus")}


def test_a_week_has_passed_and_now_the_clock_is_slow_again(running: Running, finish: Callable[[str], str]) -> None:
    finish("webinar_lifecycle")
    assert [room["name"] for room in running.ask("state")["rooms"]].count("Airflow for webinars") == 1
    until("the clock is slow again", lambda: running.ask("clock")["speed"] == 1)


def test_sigterm_ends_everything(process: subprocess.Popen[str], checkout: Path, running: Running) -> None:
    assert left(checkout)
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOPPED_WITHIN) == 0
    assert not left(checkout)
    assert not [*(checkout / "tmp").iterdir()]


def picture(page: Page, name: str) -> None:
    """Keep a picture; `make test-ui UPDATE_SCREENSHOT=1` renews the one in the docs."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    if UPDATE:
        shutil.copy(path, DOCS_PICTURES)
