"""Every page of the built documentation in a real browser: nothing to scroll sideways, nothing from another host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

SITE = Path(__file__).resolve().parents[2] / "site"
PICTURES = Path(__file__).resolve().parents[2] / "build" / "docs"
PAGES = sorted(path.relative_to(SITE).as_posix().removesuffix("index.html") for path in SITE.rglob("index.html"))
#: how many milliseconds a browser may take on a busy machine
PATIENCE = 120_000
#: finds what has more in it than it shows: tables, blocks of code and the page itself
TOO_WIDE = """() => [...document.querySelectorAll('html, pre, pre code, table, [class^=md-typeset__]')]
    .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
    .filter(each => each.tagName != 'TABLE' || each.scrollWidth > each.parentElement.clientWidth + 1)
    .map(each => `${each.tagName} ${each.scrollWidth} > ${each.clientWidth}: ${each.innerText.slice(0, 60)}`)"""
#: finds code in one colour
UNCOLOURED = """() => [...document.querySelectorAll('.language-python code, .language-json code, .language-bash code')]
    .filter(each => !each.querySelector('span[class]:not([id])')).map(each => each.innerText.slice(0, 60))"""


#: finds texts of a picture that leave it, or the box in which they begin
OUT_OF_BOX = """() => [...document.querySelectorAll('text')].filter(text => {
    const at = text.getBBox(), right = at.x + at.width;
    return [...document.querySelectorAll('rect')].map(rect => rect.getBBox()).some(box =>
        at.x + at.width / 2 > box.x && at.x + at.width / 2 < box.x + box.width && at.y > box.y
        && at.y < box.y + box.height && (at.x < box.x + 2 || right > box.x + box.width - 2));
}).map(text => text.textContent)"""


@pytest.fixture(scope="module")
def visited(site, browser):
    """A browser at a desk, which notes what it asks for."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.requests, page.errors = [], []
    # every page would read the index of the search again, which takes longer than all the rest
    index = json.loads((SITE / "search" / "search_index.json").read_text())
    page.route("**/search_index.json", lambda route: route.fulfill(json=index | {"docs": index["docs"][:1]}))
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("response", lambda answer: answer.status >= 400 and page.errors.append(f"{answer.status} {answer.url}"))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    page.close()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "start")
def test_a_page_is_whole_at_1300_pixels(visited, site, path):
    visited.requests.clear()
    visited.errors.clear()
    visited.goto(site + path)
    assert visited.evaluate(TOO_WIDE) == []
    assert visited.evaluate(UNCOLOURED) == []
    assert [url for url in visited.requests if not url.startswith((site, "data:"))] == []
    assert visited.errors == []


def test_code_has_colours(visited, site):
    visited.goto(f"{site}lifecycle/")
    assert visited.locator(".language-python code span.kn").count() > 5


@pytest.mark.parametrize("path", sorted((SITE / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_the_texts_of_a_picture_stay_in_their_boxes(visited, site, path):
    visited.goto(f"{site}images/{path.name}")
    assert visited.evaluate(OUT_OF_BOX) == []
    assert not re.search(r"(href|src)=|url\((?!#)|@import", path.read_text()), "a picture that needs another file"


def test_there_are_all_pages():
    assert {"", "tutorial/", "troubleshooting/", "changelog/", "reference/", "reference/conferences/"} <= set(PAGES)


def test_the_search_finds_an_error_message(browser, site):
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.set_default_timeout(PATIENCE)
    page.goto(site)
    page.get_by_label("Search").first.fill("is held by")
    expect(page.locator(".md-search-result__item").first).to_be_visible(timeout=PATIENCE)
    assert [url for url in requests if not url.startswith((site, "blob:"))] == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_a_phone(browser, site, scheme):
    phone = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    phone.set_default_timeout(PATIENCE)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in ("", "tutorial/", "pictures/", "operators/", "reference/conferences/", "lifecycle/"):
        phone.goto(site + path)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.screenshot(path=PICTURES / f"phone-{scheme}.png")
    phone.close()
