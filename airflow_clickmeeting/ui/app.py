"""The page's own web app, below Airflow's: who may see what, and which template shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from airflow_clickmeeting import __version__
from airflow_clickmeeting.exceptions import NotFoundError
from airflow_clickmeeting.ui.access import BASE, PAGE, ROOT, Accounts, may_read_connection
from airflow_clickmeeting.ui.account import read_account, read_room
from airflow_clickmeeting.ui.cache import Answer, cache
from airflow_clickmeeting.ui.view import overview, render, report

#: A script in a webinar's name could act as the user in Airflow: no script runs but the page's own file.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
NOTICES = {
    401: ("Your session has ended", "Reload Airflow to log in again."),
    403: (
        "You may not see these webinars",
        "They are for people who may read the connection to ClickMeeting in Airflow. Ask for a role that may.",
    ),
    404: ("There is no such page", "Choose Webinars in Airflow's menu to begin again."),
}

Number = Annotated[int, Path(ge=1)]

app = FastAPI(title="ClickMeeting", docs_url=None, redoc_url=None, openapi_url=None)
app.mount("/static", StaticFiles(directory=str(files(__package__) / "static")), name="static")


@app.exception_handler(HTTPException)
def notice_for(_: Request, error: HTTPException) -> Response:
    """Show why there is no page, instead of JSON in Airflow's frame."""
    title, text = NOTICES.get(error.status_code, ("This did not work", str(error.detail)))
    return _page("notice.html", error.status_code, title=title, text=text)


@app.exception_handler(RequestValidationError)
def no_such_page(request: Request, _: RequestValidationError) -> Response:
    """Show the same for an id that is not a number as for any other wrong path."""
    return notice_for(request, HTTPException(404))


@app.get("/webinars")
def first(accounts: Accounts) -> Response:
    """Lead to the first account that the user may see."""
    if not accounts:
        raise HTTPException(403)
    return RedirectResponse(_address(accounts[0]), 303, HEADERS)


@app.get("/webinars/{connection_id}", dependencies=[may_read_connection])
async def account(connection_id: str, accounts: Accounts, name: str = "") -> Response:
    """Show an account; the form of the filter comes here, too, and is led to a path that can be sent to others."""
    if name := name.strip():
        return RedirectResponse(f"{_address(connection_id)}/find/{quote(name, safe='')}", 303, HEADERS)
    return await _overview(connection_id, accounts)


@app.get("/webinars/{connection_id}/all", dependencies=[may_read_connection])
async def all_rooms(connection_id: str, accounts: Accounts) -> Response:
    """Show an account with all its rooms."""
    return await _overview(connection_id, accounts, show_all=True)


@app.get("/webinars/{connection_id}/find/{name:path}", dependencies=[may_read_connection])
async def find(connection_id: str, accounts: Accounts, name: str) -> Response:
    """Show the rooms of an account whose names have a text in them."""
    return await _overview(connection_id, accounts, name=name, show_all=True)


@app.get("/webinars/{connection_id}/rooms/{room_id}", dependencies=[may_read_connection])
async def room(connection_id: str, accounts: Accounts, room_id: Number) -> Response:
    """Show a room with its latest session."""
    return await _answer("room.html", connection_id, accounts, read_room, report, room_id)


@app.get("/webinars/{connection_id}/rooms/{room_id}/sessions/{session_id}", dependencies=[may_read_connection])
async def session(connection_id: str, accounts: Accounts, room_id: Number, session_id: Number) -> Response:
    """Show a room with one of its sessions."""
    return await _answer("room.html", connection_id, accounts, read_room, report, room_id, session_id)


async def _overview(connection_id: str, accounts: list[str], **wanted: Any) -> Response:
    return await _answer("overview.html", connection_id, accounts, read_account, partial(overview, **wanted))


async def _answer(
    template: str,
    connection_id: str,
    accounts: list[str],
    read: Callable[..., Awaitable[Any]],
    view: Callable[[Any], dict[str, Any]],
    *ids: int,
) -> Response:
    """Show what `read` returns for the connection and the ids of the path, as `view` and the template have it."""
    answer: Answer[Any] = await cache().get((connection_id, *ids), partial(read, connection_id, *ids))
    # an account that is named in the path only, such as one of an environment variable, has a tab, too
    about: dict[str, Any] = {
        "connection_id": connection_id,
        "accounts": list(dict.fromkeys([*accounts, connection_id])),
        "here": _address(connection_id),
        "answer": answer,
    }
    if answer.value is None:
        status = 404 if isinstance(answer.error, NotFoundError) else 200
        return _page("unanswered.html", status, **about)
    # a thousand rows take a tenth of a second, in which the API server serves other requests
    return await asyncio.to_thread(lambda: _page(template, **about, **view(answer.value)))


def _address(connection_id: str) -> str:
    return f"{PAGE}/{quote(connection_id, safe='')}"


def _page(template: str, status: int = 200, **shown: Any) -> Response:
    text = render(template, root=ROOT, base=BASE, page=PAGE, version=__version__, **shown)
    return HTMLResponse(text.encode("utf-8", "replace"), status, HEADERS)
