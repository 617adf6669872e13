"""The attendance report as a person sees it: in a real browser, at a desk, on a phone, and in the dark."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "ui"
DOCS_PICTURE = ROOT / "docs" / "images" / "attendance-report.png"
START = datetime(2027, 3, 1, 14, tzinfo=UTC)
NAMES = [
    *("Ada Lovelace", "Annie Easley", "Barbara Liskov", "Dorothy Vaughan", "Edith Clarke", "Frances Allen"),
    *("Grace Hopper", "Hedy Lamarr", "Jean Bartik", "Karen Jones", "Katherine Johnson", "Kathleen Booth"),
    *("Lynn Conway", "Margaret Hamilton", "Mary Jackson", "Radia Perlman", "Ruth Teitelbaum", "Sophie Wilson"),
]
TOLD = {"Ada Lovelace": (5, "Thank you, very clear"), "Annie Easley": (4, None), "Edith Clarke": (5, "More of this")}

DESK = {"viewport": {"width": 960, "height": 1100}}
PHONE = {"viewport": {"width": 375, "height": 800}, "device_scale_factor": 2, "is_mobile": True}


@pytest.fixture(params=[False, True], ids=["whole", "broken off"])
def report(request, clickmeeting_sandbox, tmp_path) -> str:
    """Report on an hour to which most who had registered came, some late, and in which some left for a while.

    It was one session, or two, since the host was away from the minute 28 to the minute 33.
    """
    clickmeeting_sandbox.set_speed(0)
    clickmeeting_sandbox.set_time(START - timedelta(days=3))
    room = clickmeeting_sandbox.add_room(
        name="Quarterly product webinar", starts_at=START, timezone="Europe/Warsaw", registration={"enabled": 1}
    )
    people = [{"email": "hanna.host@example.com", "nickname": "Hanna Host", "role": "host", "visits": [(-10, 60)]}]
    for number, name in enumerate(NAMES):
        email = f"{name.replace(' ', '.').lower()}@example.com"
        if number % 5 != 2:
            person = dict(enumerate((*name.split(), email), start=1))
            ClickMeetingHook().register_participant(room["id"], registration=person)
        rating, comment = TOLD.get(name, (None, None))
        join, leave = number * number % 17, 60 - number * 3 % 19
        visits = [(join, 28), (33, leave)] if number % 4 == 1 else [(join, leave)]
        if number % 6 != 3:
            told = {"rating": rating, "rating_comment": comment}
            people.append({"email": email, "nickname": name, "visits": visits, **told})
    people.append({"visits": [(6, 41)]})
    for first, last in [(0, 28), (33, 60)] if request.param else [(0, 60)]:
        session_id = clickmeeting_sandbox.play(
            room["id"],
            start=START + timedelta(minutes=first),
            end=START + timedelta(minutes=last),
            attendees=[person | {"visits": visits} for person in people if (visits := part(person, first, last))],
        )
    clickmeeting_sandbox.set_time(START + timedelta(hours=2))
    operator = ClickMeetingAttendanceReportOperator(
        task_id="report",
        room_id=room["id"],
        session_id=session_id,
        path=f"{tmp_path.as_uri()}/",
        join_sessions_within=timedelta(minutes=15),
    )
    return operator.execute({})["path"]


def part(person: dict[str, Any], first: int, last: int) -> list[tuple[datetime, datetime]]:
    """Return the visits of a person between two minutes; a host who came before the start is there from the first."""
    visits = [(max(join, first) if first else join, min(leave, last)) for join, leave in person["visits"]]
    return [tuple(START + timedelta(minutes=minute) for minute in each) for each in visits if each[0] < each[1]]


@pytest.mark.parametrize(
    ("name", "screen"),
    [("desk", DESK), ("phone", PHONE), ("dark", {**DESK, "color_scheme": "dark"}), ("print", DESK)],
    ids=["desk", "phone", "dark", "print"],
)
def test_the_page_fits_and_asks_for_nothing(request, report, name, screen):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(**screen).new_page()
        page.emulate_media(media="print" if name == "print" else "screen")
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("request", lambda request: heard.append(request.url))
        page.goto(report)
        whole = "broken off" not in request.node.name
        page.screenshot(path=PICTURES / f"report-{name}{'' if whole else '-broken-off'}.png", full_page=True)
        assert [urlsplit(each).scheme for each in heard] == ["file"], "the page itself, and no complaint"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        pictures = page.locator("svg")
        assert [pictures.nth(place).is_visible() for place in (0, 1)] == [name != "phone", name == "phone"]
        if name == "desk" and whole and os.environ.get("UPDATE_SCREENSHOT"):
            page.screenshot(path=DOCS_PICTURE)
        browser.close()
