"""The page Webinars as a person sees it: a real browser on a real Airflow, whose tasks use the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from local_airflow import PARTS, LocalAirflow, until
from playwright.sync_api import expect, sync_playwright

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.sandbox.handle import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, FrameLocator, Page

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "ui"
DOCS_PICTURES = ROOT / "docs" / "images"
BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESK = {"viewport": {"width": 1360, "height": 1180}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
HOSTILE = '<img src=x onerror=alert(1)> & "friends"'
ASSET = "clickmeeting_default/session_ended"
WRONG_KEY = "list_conferences: UNAUTHORIZED: Wrong API key. Change the key in connection 'clickmeeting_default'."
#: the health of each watcher: its last successful poll, failures in a row and error, and the badge for that
WATCHERS = {
    ASSET: (timedelta(0), 0, None, "healthy"),
    "clickmeeting_default/conference_created": (timedelta(0), 0, "One item of room 7 could not be read.", "incomplete"),
    "clickmeeting_default/recording_ready": (timedelta(minutes=4), 0, None, "no news"),
    "clickmeeting_default/registration": (timedelta(hours=1), 3, WRONG_KEY, "failed 3 times"),
}

DAGS = """
from airflow.sdk import DAG, Param
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.triggers.events import clickmeeting_asset

with DAG("archive_webinar", params={"room_id": Param(1, type="integer")}):
    ClickMeetingArchiveRecordingsOperator(
        task_id="archive",
        folder="FOLDER",
        room_id="{{ params.room_id }}",
        delete_after=True,
        max_deletions=1,
    )
with DAG("thank_attendees", schedule=[clickmeeting_asset("session_ended")]):
    pass
others = [clickmeeting_asset(event) for event in ("conference_created", "recording_ready", "registration")]
with DAG("when_all_happened", schedule=others):
    pass
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.set_speed(0)
        yield sandbox


@pytest.fixture(scope="module")
def empty() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1/"


@pytest.fixture(scope="module")
def rooms(sandbox: Sandbox) -> dict[str, int]:
    """Make an account with an event that is live, some that come, some that are over, and a permanent room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CLICKMEETING_SANDBOX", sandbox.connection_json)
        return make_account(sandbox)


def make_account(sandbox: Sandbox) -> dict[str, int]:
    now = datetime.now(UTC).replace(minute=20, second=0, microsecond=0)
    made: dict[str, int] = {}

    def make(name: str, starts_in: timedelta, **wanted: Any) -> int:
        planned = {"starts_at": now + starts_in, "registration": {"enabled": 1}, "timezone": "Europe/Warsaw"}
        made[name] = int(sandbox.add_room(name=name, **{**planned, **wanted})["id"])
        return made[name]

    def register(room_id: int, names: int, first: timedelta, each: timedelta) -> list[str]:
        people = [f"person{number}@example.com" for number in range(names)]
        hook = ClickMeetingHook("clickmeeting_sandbox")
        for number, email in enumerate(people):
            # most register in the first days and in the last ones
            sandbox.set_time(now + first + each * number * (1 + (number % 7) / 9))
            hook.register_participant(room_id, registration={1: "Person", 2: str(number), 3: email})
        return people

    day = timedelta(days=1)
    sandbox.set_time(now - 30 * day)
    make("Team room", timedelta(0), permanent_room=1, starts_at=None, registration=None)
    product = make("Quarterly product webinar", -3 * day)
    live = make("Airflow in practice: pipelines that explain themselves", timedelta(minutes=-20))
    launch = make("Product launch", 2 * day)
    workshop = make("Workshop: your first DAG", 6 * day)
    make("Questions and answers", 9 * day)
    make("Board meeting", 12 * day, registration=None)
    older = [make(f"Office hours {number}", -number * 7 * day) for number in range(1, 5)]
    people = register(product, 24, -25 * day, timedelta(hours=12))
    guests = register(live, 30, -20 * day, timedelta(hours=12))
    register(launch, 17, -12 * day, timedelta(hours=13))
    register(workshop, 9, -6 * day, timedelta(hours=11))
    staff = {"email": "hanna.host@example.com", "role": "host", "visits": [(0, None)]}
    came = [
        {"email": email, "visits": [(number * number % 17, 60 - number * 3 % 19)]}
        for number, email in enumerate(people)
        if number % 5
    ]
    sandbox.set_time(now - 2 * day)
    sandbox.play(product, attendees=[staff, *came], recordings=[{"size": 48_000}])
    for room_id in older:
        sandbox.play(room_id, count=12, recordings=[{"size": 48_000_000, "name": HOSTILE}])
    sandbox.set_time(now)
    entered = [
        {"email": email, "visits": [(number % 11, None if number % 6 else 14)]}
        for number, email in enumerate(guests[:23])
    ]
    sandbox.play(live, attendees=[staff, *entered], start=now - timedelta(minutes=20), end=now + timedelta(minutes=40))
    return made


@pytest.fixture(scope="module")
def airflow(
    sandbox: Sandbox, empty: Sandbox, silent: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags" / "webinars.py").write_text(DAGS.replace("FOLDER", (home / "archive").as_uri()))
    env = {
        "AIRFLOW__CLICKMEETING__WEBINARS_PAGE": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CLICKMEETING__WEBINARS_CONNECTIONS": "clickmeeting_default, marketing, partners, training",
        "AIRFLOW_CONN_CLICKMEETING_DEFAULT": sandbox.connection_json,
        "AIRFLOW_CONN_MARKETING": empty.connection_json,
        "AIRFLOW_CONN_PARTNERS": json.dumps({**sandbox.connection, "password": "of-nobody"}),
        "AIRFLOW_CONN_TRAINING": json.dumps({**sandbox.connection, "host": silent}),
    }
    parts = {part: PARTS[part] for part in ("api-server", "scheduler", "dag-processor")}
    with LocalAirflow(ROOT / ".venv" / "bin", home, home / "dags", env, parts=parts) as airflow:
        yield airflow
        airflow.kill_all()


@pytest.fixture(scope="module")
def work(airflow: LocalAirflow, rooms: dict[str, int]) -> None:
    """Let a run archive recordings, another one start by an event, and a watcher report its health."""
    room_id = rooms["Quarterly product webinar"]

    def is_parsed() -> bool:
        return airflow.api("GET", "/dags")["total_entries"] == 3 and airflow.api("GET", "/assets")["total_entries"] == 4

    until("Airflow has parsed the DAGs", is_parsed)
    run = airflow.api("POST", "/dags/archive_webinar/dagRuns", {"conf": {"room_id": room_id}, "logical_date": None})
    assets = {each["name"]: each["id"] for each in airflow.api("GET", "/assets")["assets"]}
    payload = {"event": "session_ended", "room_id": room_id, "room_name": "Quarterly product webinar"}
    airflow.api("POST", "/assets/events", {"asset_id": assets[ASSET], "extra": {"payload": payload}})
    for name, (age, failures, error, _) in WATCHERS.items():
        polled_at = (datetime.now(UTC) - age).isoformat(timespec="seconds")
        health = {"polled_at": polled_at, "failures_in_a_row": failures, "error": error, "interval": 60}
        airflow.api("PUT", f"/assets/{assets[name]}/state-store/health", {"value": health})

    def is_done() -> bool:
        states = [
            each["state"]
            for dag in ("archive_webinar", "thank_attendees")
            for each in airflow.api("GET", f"/dags/{dag}/dagRuns")["dag_runs"]
        ]
        assert "failed" not in states, airflow.api(
            "GET", f"/dags/archive_webinar/dagRuns/{run['dag_run_id']}/taskInstances"
        )
        return states == ["success"] * 2

    until("both runs are done", is_done)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER_ARGS)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest, heard: list[str], work: None) -> Iterator[Page]:
    context = chromium.new_context(**getattr(request, "param", DESK))
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    yield page
    context.close()
    assert heard == []


def open_webinars(page: Page, airflow: LocalAirflow) -> FrameLocator:
    """Open Browse > Webinars, as a person does."""
    page.goto(airflow.url)
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Webinars").click()
    return frame_of(page)


def frame_of(page: Page) -> FrameLocator:
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Webinars", exact=True)).to_be_visible(timeout=30_000)
    return frame


def picture(page: Page, name: str, *, docs: bool = False) -> None:
    """Keep a picture; `make test-ui UPDATE_SCREENSHOT=1` renews the one in the docs."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    if docs and os.environ.get("UPDATE_SCREENSHOT"):
        shutil.copy(path, DOCS_PICTURES)


def test_the_overview_shows_the_account(page: Page, airflow: LocalAirflow, rooms: dict[str, int]) -> None:
    frame = open_webinars(page, airflow)
    expect(frame.locator(".card.live")).to_contain_text("Airflow in practice")
    expect(frame.locator(".card.live dd").first).to_have_text("19")
    expect(frame.locator("[data-watchers]")).to_contain_text(ASSET)
    expect(frame.locator(f'td[data-runs="{rooms["Quarterly product webinar"]}"] a')).to_be_visible()
    expect(frame.get_by_role("link", name=HOSTILE).first).to_be_visible()
    picture(page, "webinars-page", docs=True)


def test_each_watcher_shows_its_health(page: Page, airflow: LocalAirflow) -> None:
    frame = open_webinars(page, airflow)
    watchers = frame.locator("[data-watchers] li")
    expect(watchers).to_have_count(len(WATCHERS))
    colors = {}
    for name, (_, _, error, state) in WATCHERS.items():
        watcher = watchers.filter(has=frame.get_by_role("link", name=name, exact=True))
        expect(watcher.locator(".badge")).to_have_text(state)
        expect(watcher).to_contain_text("last successful poll")
        expect(watcher).to_contain_text(error or name)
        colors[state] = watcher.locator(".badge").evaluate("each => getComputedStyle(each).color")
    assert colors["no news"] == colors["failed 3 times"], "red"
    assert len(set(colors.values())) == 3


def test_a_room_shows_its_runs_and_what_they_archived(page: Page, airflow: LocalAirflow) -> None:
    frame = open_webinars(page, airflow)
    frame.get_by_role("link", name="Quarterly product webinar").click()
    runs = frame.locator("[data-room] li")
    expect(runs.filter(has_text="archive_webinar")).to_contain_text("task archive, its configuration")
    expect(runs.filter(has_text="thank_attendees")).to_contain_text("event session_ended")
    expect(frame.locator("[data-archives] li")).to_contain_text("1 archived")
    expect(frame.locator("[data-archives] li")).to_contain_text("1 deleted")
    picture(page, "webinars-page-room", docs=True)

    runs.get_by_role("link", name="archive_webinar").click()
    page.wait_for_url("**/dags/archive_webinar/runs/*")
    expect(page.locator("iframe")).to_have_count(0)
    page.go_back()
    expect(frame_of(page).get_by_role("heading", name="Quarterly product webinar")).to_be_visible()
    page.reload()
    expect(frame_of(page).get_by_role("heading", name="Quarterly product webinar")).to_be_visible()


def test_a_task_leads_to_its_room(page: Page, airflow: LocalAirflow) -> None:
    (run,) = airflow.api("GET", "/dags/archive_webinar/dagRuns")["dag_runs"]
    page.goto(f"{airflow.url}/dags/archive_webinar/runs/{run['dag_run_id']}/tasks/archive/details")
    page.get_by_role("link", name="Webinars", exact=True).click()
    expect(frame_of(page).get_by_role("heading", name="Quarterly product webinar")).to_be_visible()


def test_the_filter_works_with_the_keyboard(page: Page, airflow: LocalAirflow) -> None:
    frame = open_webinars(page, airflow)
    search = frame.get_by_role("searchbox")
    search.focus()
    page.keyboard.type("office")
    page.keyboard.press("Enter")
    expect(frame.get_by_role("link", name="Office hours 1").first).to_be_visible()
    expect(frame.get_by_role("link", name="Product launch")).to_have_count(0)
    page.wait_for_url("**/find/office")
    search.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(frame.get_by_role("link", name="Product launch")).to_be_visible()


def test_it_follows_the_theme_and_the_time_zone_of_airflow(page: Page, airflow: LocalAirflow) -> None:
    page.add_init_script("localStorage.setItem('timezone', '\"Asia/Tokyo\"')")
    frame = open_webinars(page, airflow)
    body = frame.locator("body")
    colors = []
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.className = theme }", theme)
        expect(frame.locator("html")).to_have_class(theme)
        colors.append(body.evaluate("each => getComputedStyle(each).backgroundColor"))
    assert colors[0] != colors[1]
    picture(page, "webinars-page-dark")
    moment = frame.locator("table.coming time").first
    written = datetime.fromisoformat(str(moment.get_attribute("datetime")))
    expect(moment).to_have_text(f"{written.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}")


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_it_fits_a_phone(page: Page, airflow: LocalAirflow, rooms: dict[str, int]) -> None:
    for place in ("", f"/rooms/{rooms['Quarterly product webinar']}"):
        page.goto(f"{airflow.url}/plugin/webinars/clickmeeting/webinars/clickmeeting_default{place}")
        frame = frame_of(page)
        width, most = frame.locator("html").evaluate("each => [each.scrollWidth, each.clientWidth]")
        assert width <= most
        picture(page, f"webinars-page-phone{'-room' if place else ''}")


@pytest.mark.parametrize(
    ("account", "text"),
    [
        ("marketing", "No webinars yet"),
        ("partners", "These webinars cannot be shown"),
        ("training", "These webinars cannot be shown"),
    ],
    ids=["empty", "wrong key", "silent"],
)
def test_an_account_in_trouble_is_explained(page: Page, airflow: LocalAirflow, account: str, text: str) -> None:
    frame = open_webinars(page, airflow)
    frame.get_by_role("navigation").get_by_role("link", name=account).click()
    expect(frame.get_by_role("heading", name=text)).to_be_visible(timeout=30_000)
    picture(page, f"webinars-page-{account}")
