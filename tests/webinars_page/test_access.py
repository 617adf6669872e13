"""Who may see the page, and that nothing in it runs but its own script."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

HOME = "/clickmeeting/webinars"
ACCOUNT = f"{HOME}/clickmeeting_default"
IDS = {"connection_id": "clickmeeting_default", "room_id": "1", "session_id": "1", "name": "a"}


def paths() -> list[str]:
    from airflow_clickmeeting.ui.app import app

    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    return [f"/clickmeeting{route.path.replace(':path', '').format(**IDS)}" for route in routes]


async def test_every_page_needs_a_login(log_in):
    stranger = await log_in(None)
    asked = paths()
    assert len(asked) == 6
    for path in asked:
        response = await stranger.get(path)
        assert response.status_code == 401, path
        assert "Your session has ended" in response.text


async def test_there_is_nothing_else_but_files(log_in, clickmeeting_sandbox):
    from airflow_clickmeeting.ui.app import app

    others = {getattr(route, "path", "") for route in app.routes if not isinstance(route, APIRoute)}
    assert others == {"/static"}
    stranger = await log_in(None)
    for name in ("page.css", "page.js", "icon.svg", "icon-dark.svg"):
        assert (await stranger.get(f"/clickmeeting/static/{name}")).status_code == 200
    assert (await stranger.get("/clickmeeting/static/../app.py")).status_code == 404
    for path in ("/docs", "/openapi.json", "/static/", "/elsewhere"):
        response = await stranger.get(f"/clickmeeting{path}")
        assert response.status_code == 404
        assert "There is no such page" in response.text
    for path in paths():
        assert (await (await log_in("admin")).post(path)).status_code == 405
    assert clickmeeting_sandbox.count() == 0


@pytest.mark.parametrize("role", ["viewer", "user"])
async def test_who_may_not_read_the_connection_reads_why(log_in, clickmeeting_sandbox, role):
    browser = await log_in(role)
    for path in paths():
        response = await browser.get(path)
        assert response.status_code == 403, path
        assert "Ask for a role that may." in response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert clickmeeting_sandbox.count() == 0


@pytest.mark.parametrize("role", ["op", "admin"])
async def test_who_may_read_it_sees_the_page(log_in, clickmeeting_sandbox, role):
    response = await (await log_in(role)).get(ACCOUNT)
    assert response.status_code == 200
    assert "No webinars yet" in response.text


async def test_the_start_leads_to_the_first_account(browser, clickmeeting_sandbox):
    response = await browser.get(HOME)
    assert response.status_code == 303
    assert response.headers["location"] == ACCOUNT


async def test_the_accounts_are_those_of_the_setting_and_of_the_database(browser, clickmeeting_sandbox, monkeypatch):
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    monkeypatch.setenv("AIRFLOW__CLICKMEETING__WEBINARS_CONNECTIONS", " clickmeeting_default, sales ,")
    stored = [Connection(conn_id="events", conn_type="clickmeeting"), Connection(conn_id="mail", conn_type="smtp")]
    with create_session() as session:
        session.add_all(stored)
    try:
        text = (await browser.get(ACCOUNT)).text
    finally:
        with create_session() as session:
            for each in stored:
                session.delete(each)
    tabs = [f'<a href="{HOME}/{name}"' for name in ("clickmeeting_default", "sales", "events")]
    assert [text.count(tab) for tab in tabs] == [2, 1, 1], "the heading, and the tabs"
    assert sorted(map(text.rindex, tabs)) == [text.rindex(tab) for tab in tabs]
    assert f"{HOME}/mail" not in text


async def test_a_password_goes_to_no_other_host(browser, clickmeeting_sandbox, connect):
    connect(clickmeeting_sandbox, "warehouse", conn_type="postgres")
    response = await browser.get(f"{HOME}/warehouse")
    assert "Connection &#39;warehouse&#39; has the type &#39;postgres&#39;" in response.text
    assert clickmeeting_sandbox.count() == 0


async def test_a_name_can_be_no_script(browser, clickmeeting_sandbox):
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    room = clickmeeting_sandbox.add_room(name=hostile)
    for path in (ACCOUNT, f"{ACCOUNT}/rooms/{room['id']}", f"{ACCOUNT}/find/{hostile}"):
        response = await browser.get(path)
        assert response.status_code == 200
        assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;" in response.text
        assert "<script>" not in response.text
        assert "<img" not in response.text
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert response.headers["cache-control"] == "no-store"


async def test_an_address_can_be_no_script(browser, clickmeeting_sandbox):
    from airflow_clickmeeting.ui.rooms import WebinarRoom

    addresses: dict[str, Any] = {"javascript:alert(1)": "", "https://acme.example.com/a": "https://acme.example.com/a"}
    assert {each: WebinarRoom.of({"id": 1, "room_url": each}).address for each in addresses} == addresses


async def test_the_key_stays_on_the_server(browser, clickmeeting_sandbox, connect):
    room = clickmeeting_sandbox.add_room(name="Launch", access_type=2, password="swordfish")
    for path in (ACCOUNT, f"{ACCOUNT}/rooms/{room['id']}"):
        text = (await browser.get(path)).text
        for secret in (clickmeeting_sandbox.connection["password"], "swordfish", *room["access_role_hashes"].values()):
            assert str(secret) not in text
