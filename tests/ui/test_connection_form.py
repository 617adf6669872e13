"""The connection form as a person sees it: a real browser on a real Airflow, talking to the sandbox."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from local_airflow import PARTS, LocalAirflow, local_sandbox
from playwright.sync_api import expect, sync_playwright

from airflow_clickmeeting.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
VENVS = {"3.1": ROOT / ".venv-3.1", "3.3": ROOT / ".venv"}
PICTURES = ROOT / "build" / "ui"
DOCS_PICTURES = ROOT / "docs" / "images"

LABELS = ["API URL", "API key", "Port (443)"]
EXTRA_LABELS = [
    "Timeout (s)",
    "Connect timeout (s)",
    "Total timeout (s)",
    "Largest response (bytes)",
    "Attempts",
    "Requests per second",
    "Verify TLS",
    "Proxy",
]
HIDDEN = ["login", "schema"]
WRONG_KEY = "wrong-key-of-nobody"

# Root may not have a sandbox of the browser's own; and the browser must not look for updates.
BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="module", params=VENVS)
def line(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def airflow(line: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    api_server = {"api-server": PARTS["api-server"]}
    with LocalAirflow(VENVS[line] / "bin", home, home / "dags", parts=api_server) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with local_sandbox(VENVS["3.3"] / "bin") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """One browser with one cache: loading Airflow's pages takes longer than the tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER_ARGS)
        yield chromium.new_context(viewport={"width": 1100, "height": 1250})


@pytest.fixture
def page(browser: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.screenshot(path=PICTURES / f"{request.node.name}.png")
    page.close()


@pytest.fixture
def form(page: Page, airflow: LocalAirflow) -> Locator:
    """Open Admin > Connections > Add Connection and choose ClickMeeting."""
    page.goto(airflow.url)
    page.get_by_role("button", name="Admin").click()
    page.get_by_role("menuitem", name="Connections").click()
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").click()
    page.get_by_role("option", name="ClickMeeting", exact=True).click()
    return form


def test_the_fields_have_the_names_of_clickmeeting(form: Locator) -> None:
    for label in LABELS:
        expect(form.get_by_text(label, exact=True)).to_be_visible()
    for name in HIDDEN:
        expect(form.locator(f'[name="{name}"]')).to_have_count(0)
    expect(field(form, "password")).to_have_attribute("type", "password")

    fill(form, "clickmeeting_default", "https://api.clickmeeting.com/v1/", "not-a-real-key", 443)
    save_picture(form, "connection-form")


def test_the_extra_fields_explain_themselves(line: str, form: Locator) -> None:
    extra = form.get_by_role("button", name="Extra Fields", exact=True)
    if line == "3.1":  # knows the standard fields only; the extra is JSON there
        expect(form.get_by_role("button", name="Extra Fields JSON")).to_be_visible()
        expect(extra).to_have_count(0)
        return
    field(form, "connection_id").fill("clickmeeting_default")
    extra.click()
    fields = connection_type()["conn-fields"]
    assert [field["label"] for field in fields.values()] == EXTRA_LABELS
    for name, described in fields.items():
        expect(form.get_by_text(described["label"], exact=True)).to_be_visible()
        expect(form.get_by_text(described["description"], exact=True)).to_be_visible()
        default = described["schema"]["default"]
        expect(field(form, f"element_{name}")).to_have_value("" if default is None else str(default))
    save_picture(form, "connection-form-extra")


def test_a_good_key_turns_the_button_green(form: Locator, page: Page, sandbox: str) -> None:
    button = save_and_test(form, page, "good", sandbox, "sandbox")
    expect(button.locator("svg[color=green]")).to_be_visible()
    expect(page.get_by_text("Test Connection Failed")).to_have_count(0)


def test_a_wrong_key_turns_it_red_and_says_why(form: Locator, page: Page, sandbox: str) -> None:
    with page.expect_response("**/connections/test") as answer:
        button = save_and_test(form, page, "bad", sandbox, WRONG_KEY)
    expect(button.locator("svg[color=red]")).to_be_visible()
    notice = page.get_by_role("status").filter(has_text="Test Connection Failed")
    expect(notice).to_contain_text(re.compile("key", re.IGNORECASE))
    assert answer.value.json()["message"] in notice.inner_text()
    assert WRONG_KEY not in page.content() + answer.value.text()


def connection_type() -> dict[str, Any]:
    info: Any = get_provider_info()
    return dict(info["connection-types"][0])


def field(form: Locator, name: str) -> Locator:
    return form.locator(f'input[name="{name}"]')


def fill(form: Locator, connection: str, address: str, key: str, port: int | None) -> None:
    field(form, "connection_id").fill(connection)
    field(form, "host").fill(address)
    field(form, "password").fill(key)
    field(form, "port").fill(str(port))


def save_and_test(form: Locator, page: Page, connection: str, address: str, key: str) -> Locator:
    """Save the connection, press its Test button and return that button."""
    # Airflow 3.3.2 refuses to test a connection without a port.
    fill(form, connection, address, key, urlsplit(address).port)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    cell = page.get_by_role("cell", name=connection, exact=True)
    button = page.get_by_role("row").filter(has=cell).get_by_role("button", name="Test Connection")
    button.click()
    return button


def save_picture(form: Locator, name: str) -> None:
    """Keep a picture of the form; `make test-ui UPDATE_SCREENSHOT=1` renews the one in the docs."""
    picture = PICTURES / f"{name}.png"
    form.screenshot(path=picture, animations="disabled", caret="hide")
    if os.environ.get("UPDATE_SCREENSHOT"):
        DOCS_PICTURES.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, DOCS_PICTURES)
