"""Serve the sandbox's page. Its script reads the control endpoints, and sends the control token that its URL holds."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "web"
PATH = "/_sandbox/page/"
FILES = {PATH: "index.html", f"{PATH}page.js": "page.js", f"{PATH}page.css": "page.css"}
HEADERS = {
    "cache-control": "no-store",
    # a mail may hold HTML with styles of its own; it is shown in a frame without scripts
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


def is_page(scope: Scope) -> bool:
    """Return whether a request asks for the page or one of its files."""
    return scope["path"] in FILES and scope["method"] in ("GET", "HEAD")


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to a request for the page or one of its files."""
    await FileResponse(FOLDER / FILES[scope["path"]], headers=HEADERS)(scope, receive, send)


def page_url(api_url: str, token: str) -> str:
    """Return the address of the page; the part after `#`, with the token, stays in the browser."""
    return f"{api_url.removesuffix('/v1/')}{PATH}#token={token}"
