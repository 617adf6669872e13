"""The sandbox's page as a person sees it: in a real browser, at a desk and on a phone."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from airflow_clickmeeting.sandbox.demo import ROOMS
from airflow_clickmeeting.sandbox.handle import Sandbox
from airflow_clickmeeting.sandbox.page import page_url

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "ui"
DOCS_PICTURE = ROOT / "docs" / "images" / "sandbox-page.png"
HOSTILE = "<img src=x onerror=alert(1)>"
MAIL = {"sender": "airflow@example.com", "recipient": "ops@example.com", "subject": "Attendance of the workshop"}


@pytest.fixture
def sandbox():
    with Sandbox(seed="demo", speed=0) as sandbox:
        yield sandbox


@pytest.fixture
def browser():
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        with playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"]) as browser:
            yield browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    yield page
    page.close()


def test_the_page_shows_the_account_and_moves_the_clock(page, sandbox):
    for path in ("conferences/active", "conferences/7"):
        httpx.get(f"{sandbox.url}{path}", headers={"X-Api-Key": sandbox.api_key}, trust_env=False)
    html = "<p style='color: green'>3 of 4 people came.</p><script>alert(1)</script>"
    sandbox._request("POST", "mails", {**MAIL, "html": html})
    page.goto(page_url(sandbox.url, sandbox.token))
    rooms = page.locator("#rooms tr")
    expect(rooms).to_have_count(len(ROOMS))
    expect(rooms.last).to_be_in_viewport()  # all of them, before anybody scrolls
    assert sandbox.token not in page.url
    expect(rooms.filter(has_text="Ask the experts")).to_contain_text("1 to come")
    page.get_by_role("button", name="To the next event").click()
    expect(rooms.filter(has_text="Live demo")).to_contain_text("live, ")
    expect(rooms.filter(has_text="Ask the experts")).to_contain_text("1 ready")
    page.get_by_text(MAIL["subject"]).click()
    expect(page.frame_locator("iframe").get_by_text("3 of 4 people came.")).to_be_visible()
    page.get_by_text("Invitation: Board meeting").first.click()
    expect(page.get_by_text("You are invited to the webinar Board meeting.").first).to_be_visible()
    expect(page.locator("#requests tr").first).to_contain_text("404")
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / "sandbox-page.png"
    page.screenshot(path=picture, full_page=True)
    if os.environ.get("UPDATE_SCREENSHOT"):
        shutil.copy(picture, DOCS_PICTURE)
    before = sandbox.now
    page.get_by_role("button", name="+1 h").click()
    expect(rooms.filter(has_text="Live demo")).not_to_contain_text("live, ")
    assert (sandbox.now - before).total_seconds() == 3600


def test_the_page_asks_for_the_token_and_shows_names_as_text(browser, page, sandbox):
    sandbox.set_time(datetime(2027, 3, 1, 10, tzinfo=UTC))
    sandbox.add_room(name=HOSTILE)
    page.goto(page_url(sandbox.url, "").partition("#")[0])
    expect(page.locator("#rooms")).to_contain_text(HOSTILE)
    page.get_by_role("button", name="+1 h").click()
    expect(page.get_by_role("alert")).to_contain_text("Send the control token")
    page.get_by_label("Control token").fill(sandbox.token)
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="+1 h").click()
    expect(page.locator("#now")).to_contain_text("12:00:00")


def test_the_page_fits_a_phone(browser, sandbox):
    phone = browser.new_page(viewport={"width": 375, "height": 800}, color_scheme="dark")
    phone.goto(page_url(sandbox.url, sandbox.token))
    expect(phone.locator("#rooms tr")).to_have_count(len(ROOMS))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    PICTURES.mkdir(parents=True, exist_ok=True)
    phone.screenshot(path=PICTURES / "sandbox-page-phone.png", full_page=True)
