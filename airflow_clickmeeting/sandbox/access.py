"""Refuse the requests of web pages. The sandbox is for programs; a page that the user visits must not reach it."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

TOKEN_HEADER = "x-sandbox-token"  # noqa: S105


def page_refusal(scope: Scope, allowed_hosts: Collection[str], *, is_link: bool) -> str | None:
    """Return why a request is refused because a browser sent it for a web page, or None.

    A page can reach a local server in two ways. It can give its own host name the address 127.0.0.1 (DNS rebinding):
    then `Host` has that name. Or it sends requests to another origin: then the browser says so in `Origin` or
    `Sec-Fetch-Site`. Other clients than browsers do not send these two headers.

    :param is_link: whether the URL is a link that people open: a browser may go there from any page.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not _is_local(host, allowed_hosts):
        return (
            f"The sandbox refuses the host name {host[:100]!r}. Use localhost or an IP address in the URL,"
            " or start the sandbox with --allow-host NAME."
        )
    opens_link = is_link and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    is_foreign = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and not opens_link
    if is_foreign or headers.get("origin", f"http://{host}") != f"http://{host}":
        return "The sandbox refuses the requests of web pages. Send the request from a program."
    return None


def _is_local(host: str, allowed_hosts: Collection[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or name in allowed_hosts or bool(ip_address(name))
    except ValueError:
        return False


def write_refusal(scope: Scope, token: str) -> str | None:
    """Return why a request that changes the sandbox is refused, or None."""
    headers = Headers(scope=scope)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return "This request changes the sandbox. Send JSON, with the header Content-Type: application/json."
    if not hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), token.encode()):
        return (
            "This request changes the sandbox. Send the control token, which the sandbox prints in its first line,"
            " in the header X-Sandbox-Token; in Python: SandboxControl(url, token=...)."
        )
    return None
